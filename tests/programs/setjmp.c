/* setjmp and longjmp over frames, sigsetjmp and siglongjmp out of handlers, the mask they put back. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jmp_buf outer, inner;
static sigjmp_buf saved;

static int descend(int depth, double value) {
  char frame[64];
  memset(frame, depth, sizeof frame);
  if (depth <= 0) longjmp(outer, (int)value);
  return (value < 0 ? 0 : descend(depth - 1, value * 1.25)) + frame[3];
}

static void frames(void) {
  volatile int rounds = 0;
  int result = setjmp(outer);
  printf("setjmp gave %d in round %d\n", result, rounds);
  rounds++;
  if (rounds <= 3) descend(10 * rounds, rounds);
}

static void zero_is_one(void) {
  int result = setjmp(outer);
  if (result == 0) longjmp(outer, 0);
  printf("longjmp with 0 gives %d\n", result);
}

/* an exception handler in an exception handler */
static void nested(void) {
  if (setjmp(outer) == 0) {
    if (setjmp(inner) == 0) longjmp(inner, 1);
    printf("inner\n");
    longjmp(outer, 2);
  }
  printf("outer\n");
}

static void leave(int signal) { siglongjmp(saved, signal); }

static int is_blocked(int signal) {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  return sigismember(&mask, signal);
}

static void out_of_handler(int with_mask) {
  sigset_t none;
  sigemptyset(&none);
  struct sigaction action = {.sa_handler = leave};
  sigaction(SIGUSR1, &action, NULL);
  if (sigsetjmp(saved, with_mask) == 0) {
    raise(SIGUSR1);
    printf("not reached\n");
  }
  printf("mask %s: SIGUSR1 is %s\n", with_mask ? "saved" : "not saved", is_blocked(SIGUSR1) ? "blocked" : "open");
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void out_of_faults(void) {
  volatile int faults = 0;
  struct sigaction action = {.sa_handler = leave};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGFPE, &action, NULL);
  while (faults < 20) {
    int signal = sigsetjmp(saved, 1);
    if (signal != 0) {
      faults++;
      continue;
    }
    /* C leaves both undefined, so they are instructions */
    if (faults % 2 == 0) __asm__ volatile("movl $1, (%0)" : : "r"(8L) : "memory");
    else __asm__ volatile("divl %2" : : "a"(1), "d"(0), "r"(0));
    printf("not reached\n");
    return;
  }
  printf("%d faults, each left by siglongjmp\n", faults);
}

int main(void) {
  frames();
  zero_is_one();
  nested();
  out_of_handler(1);
  out_of_handler(0);
  out_of_faults();
  return 0;
}
