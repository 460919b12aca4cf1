/*
 * floats: prints what libc and libm make of double and long double; floats.expected is what a real processor prints.
 * Transcendental results are shown in fewer digits than they have: processors differ in the last bit.
 */
#include "check.h"

#include <fenv.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const double doubles[] = {
  0.0, -0.0, 1.0, -1.5, 0.1, 1.0 / 3, 2.5, 1e15, 123456789.125, 1e22, 1e23, 5e-324, 2.2250738585072014e-308,
  1.7976931348623157e308, INFINITY, -INFINITY, 6.02214076e23, -9.999999999999999e-5, 4503599627370497.5,
};
static const char *const texts[] = {
  "0", "-0.0", "1", "3.14159265358979323846264338327950288", "1e-310", "1.7976931348623159e308", "1e400", "0x1.8p+1",
  "-0x1.fffffffffffffffep+16383", "123456789012345678901234567890", "9007199254740993", "0x1p-16445", "inf", "nan", "1e-400",
  "0.1", "2.4703282292062328e-324", "1.00000000000000005421", "junk",
};
static const long double arguments[] = { 0.5L, 1.0L, 1.25L, 2.0L, 3.75L, 10.0L, 0x1.23456789abcdefp-3L, 100.5L };

static void print_doubles(void) {
  for (unsigned n = 0; n < sizeof doubles / sizeof *doubles; n++) {
    double x = doubles[n];
    printf("%f %.3f %e %.0e %g %.17g %a %.2a\n", x, x, x, x, x, x, x, x);
    long double y = (long double)x / 3;
    printf("  %Lf %.20Le %Lg %.21Lg %La\n", y, y, y, y, y);
  }
}

static void print_parsed(void) {
  for (unsigned n = 0; n < sizeof texts / sizeof *texts; n++) {
    char *end;
    float f = strtof(texts[n], NULL);
    double d = strtod(texts[n], NULL);
    long double l = strtold(texts[n], &end);
    printf("%s: %a %a %La, %d characters\n", texts[n], f, d, l, (int)(end - texts[n]));
  }
}

/* exact, or rounded correctly: every digit counts */
static void print_exact(void) {
  for (unsigned n = 0; n < sizeof arguments / sizeof *arguments; n++) {
    volatile long double x = arguments[n], y = 0.7L;
    int quotient, exponent;
    printf("sqrtl %La fmodl %La remainderl %La remquol %La", sqrtl(x), fmodl(x, y), remainderl(x, y), remquol(x, y, &quotient));
    printf(" (%d) frexpl %La", quotient, frexpl(x, &exponent));
    printf(" (%d) scalbnl %La\n", exponent, scalbnl(x, -16400));
    printf("  floorl %Lg ceill %Lg truncl %Lg rintl %Lg roundl %Lg llrintl %lld lrint %ld fabsl %Lg fmal %La nextafterl %La\n",
           floorl(-x), ceill(x), truncl(-x), rintl(x), roundl(-x), llrintl(x * 3), lrint((double)-x * 2.5), fabsl(-x),
           fmal(x, y, -1), nextafterl(x, 0));
  }
}

static void print_approximate(void) {
  for (unsigned n = 0; n < sizeof arguments / sizeof *arguments; n++) {
    volatile long double x = arguments[n];
    volatile double d = (double)x;
    printf("%La: expl %.17Lg exp2l %.17Lg expm1l %.17Lg logl %.17Lg log2l %.17Lg log10l %.17Lg log1pl %.17Lg\n", x, expl(x), exp2l(x),
           expm1l(x), logl(x), log2l(x), log10l(x), log1pl(x));
    printf("  sinl %.17Lg cosl %.17Lg tanl %.17Lg atanl %.17Lg atan2l %.17Lg asinl %.17Lg acosl %.17Lg\n", sinl(x), cosl(x), tanl(x),
           atanl(x), atan2l(x, -2), asinl(x / 128), acosl(x / 128));
    printf("  powl %.16Lg cbrtl %.17Lg hypotl %.17Lg sinhl %.17Lg tgammal %.15Lg\n", powl(x, 1.7L), cbrtl(x), hypotl(x, 3), sinhl(x),
           tgammal(x / 8));
    printf("  sin %a exp %a log %a pow %a atan %a fmod %a\n", sin(d), exp(d), log(d), pow(d, 1.7), atan(d), fmod(d, 0.7));
  }
}

static void print_rounding(void) {
  static const int modes[] = { FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO };
  for (unsigned n = 0; n < sizeof modes / sizeof *modes; n++) {
    CHECK(fesetround(modes[n]) == 0);
    CHECK_EQUAL(fegetround(), modes[n]);
    volatile long double one = 1, three = 3, half = 2.5L, big = 0x1.000001p+30L;
    volatile float narrow = (float)(one / three);
    printf("mode %u: %La %a %lld %La\n", n, one / three, narrow, llrintl(half), big + 0x1p-50L);
  }
  fesetround(FE_TONEAREST);
}

static void print_exceptions(void) {
  volatile long double zero = 0, one = 1, huge = LDBL_MAX, tiny = LDBL_MIN, three = 3;
  volatile long double result;
  feclearexcept(FE_ALL_EXCEPT);
  result = one / zero;
  printf("%Lg: divide by zero %d\n", result, fetestexcept(FE_ALL_EXCEPT) == FE_DIVBYZERO);
  feclearexcept(FE_ALL_EXCEPT);
  result = huge * huge;
  printf("%Lg: overflow %d\n", result, fetestexcept(FE_ALL_EXCEPT) == (FE_OVERFLOW | FE_INEXACT));
  feclearexcept(FE_ALL_EXCEPT);
  result = tiny / three;
  printf("%Lg: underflow %d\n", result, (fetestexcept(FE_ALL_EXCEPT) & ~0x2) == (FE_UNDERFLOW | FE_INEXACT));
  feclearexcept(FE_ALL_EXCEPT);
  result = sqrtl(-one);
  printf("%d: invalid %d\n", isnan(result), fetestexcept(FE_ALL_EXCEPT) == FE_INVALID);
  fenv_t saved;
  CHECK(fegetenv(&saved) == 0);
  CHECK(feholdexcept(&saved) == 0);
  CHECK(fesetenv(&saved) == 0);
  printf("invalid again %d\n", fetestexcept(FE_INVALID) != 0);
}

static sigjmp_buf home;
static volatile unsigned control_in_handler;

static void disturb(int signal) {
  (void)signal;
  unsigned short control;
  __asm__ volatile("fnstcw %0" : "=m"(control));
  control_in_handler = control;
  volatile long double x = 3;
  for (int n = 0; n < 20; n++) x = sqrtl(x) + 1 / x;
  __asm__ volatile("fninit; fldpi; fldpi; fldpi");
}

static void leave(int signal) {
  (void)signal;
  siglongjmp(home, 1);
}

/* the kernel keeps the x87's registers for the interrupted program, and gives a handler fresh ones */
static void check_signals(void) {
  signal(SIGUSR1, disturb);
  unsigned short before = 0xf7f, after;
  long double sum;
  long pid = getpid(), result = 62; /* SYS_kill */
  __asm__ volatile("fldcw %3; fld1; fldpi; fldl2e; syscall; fnstcw %2; faddp; faddp; fstpt %1; fninit"
                   : "+a"(result), "=m"(sum), "=m"(after)
                   : "m"(before), "D"(pid), "S"((long)SIGUSR1)
                   : "rcx", "r11", "memory", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
  CHECK_EQUAL(result, 0);
  printf("1 + pi + log2 e, rounded to zero: %La\n", sum);
  fflush(stdout);
  CHECK_EQUAL(after, before);
  CHECK_EQUAL(control_in_handler, 0x37f);

  /* an unmasked division by zero is reported by the next instruction that waits */
  signal(SIGFPE, leave);
  volatile int steps = 0;
  if (sigsetjmp(home, 1) == 0) {
    unsigned short unmasked = 0x37b;
    __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp" : : "m"(unmasked) : "memory");
    steps = 1;
    __asm__ volatile("fwait" : : : "memory");
    steps = 2;
  }
  CHECK_EQUAL(steps, 1);
  __asm__ volatile("fninit");
}

/* two processes that take turns: each has registers of its own */
static void check_switches(void) {
  int pipes[2][2];
  CHECK(pipe(pipes[0]) == 0 && pipe(pipes[1]) == 0);
  int child = fork();
  int me = child == 0;
  char token = 0;
  long double sum = me;
  for (int n = 0; n < 20; n++) {
    volatile long double term = sqrtl(n + me + 1);
    if (me == 0) CHECK(write(pipes[0][1], &token, 1) == 1);
    CHECK(read(pipes[1 - me][0], &token, 1) == 1);
    sum += term;
    if (me == 1) CHECK(write(pipes[1][1], &token, 1) == 1);
  }
  if (me == 1) _exit(sum > 66.2L && sum < 66.3L ? 0 : 1);
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_EQUAL(status, 0);
  printf("sum of roots %.19Lg\n", sum);
}

int main(void) {
  print_doubles();
  print_parsed();
  print_exact();
  print_approximate();
  print_rounding();
  print_exceptions();
  fflush(stdout);
  check_signals();
  check_switches();
  return finish();
}
