/* What a handler is told of a processor exception: signal, si_code, si_addr; it repairs the cause and goes on. */
#define _GNU_SOURCE
#include <fenv.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

#include "check.h"

static volatile int signal_seen, code_seen;
static void *volatile address_seen, *volatile rip_seen;
static volatile int skip; /* bytes to go on behind; 0: none */
static volatile uint16_t fsw_seen, fop_seen;
static volatile uint32_t mxcsr_seen;

static void handler(int number, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  signal_seen = number;
  code_seen = info->si_code;
  address_seen = info->si_addr;
  rip_seen = (void *)u->uc_mcontext.gregs[REG_RIP];
  u->uc_mcontext.gregs[REG_RIP] += skip;
  u->uc_mcontext.gregs[REG_EFL] &= ~0x40100L; /* AC, TF */
  fsw_seen = u->uc_mcontext.fpregs->swd;
  fop_seen = u->uc_mcontext.fpregs->fop;
  mxcsr_seen = u->uc_mcontext.fpregs->mxcsr;
  u->uc_mcontext.fpregs->cwd |= 0x3f;
  u->uc_mcontext.fpregs->swd &= ~0x80ff;
  u->uc_mcontext.fpregs->mxcsr |= 0x1f80;
}

#define FAULT(bytes, ...)                                                                                             \
  do {                                                                                                                \
    signal_seen = code_seen = 0;                                                                                      \
    address_seen = NULL;                                                                                              \
    skip = (bytes);                                                                                                   \
    __VA_ARGS__;                                                                                                      \
  } while (0)
#define TOLD(number, code)                                                                                            \
  do {                                                                                                                \
    CHECK_EQUAL(signal_seen, number);                                                                                 \
    CHECK_EQUAL(code_seen, code);                                                                                     \
  } while (0)
#define AT_INSTRUCTION() CHECK(address_seen == rip_seen)

float one = 1, zero = 0, huge = 3e38f, tiny = 2e-38f, denormal = 1e-44f, third = 3;
double huge_double = 1e308;

/* unmasks the bits of `exceptions` in FCW and computes in a way that waits for the result */
#define X87(exceptions, code)                                                                                         \
  do {                                                                                                                \
    uint16_t control = 0x37f & ~(exceptions);                                                                         \
    __asm__ volatile("fninit; fldcw %0" ::"m"(control));                                                              \
    FAULT(0, __asm__ volatile(code "; fwait; fninit" ::: "memory"));                                                  \
  } while (0)
#define SSE(exceptions, code)                                                                                         \
  do {                                                                                                                \
    uint32_t control = 0x1f80 & ~((exceptions) << 7);                                                                 \
    __asm__ volatile("ldmxcsr %0" ::"m"(control));                                                                    \
    FAULT(0, __asm__ volatile("movss one(%%rip), %%xmm0; movss third(%%rip), %%xmm1; " code ::: "xmm0", "xmm1", "memory")); \
  } while (0)

int main(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  int signals[] = {SIGFPE, SIGILL, SIGTRAP, SIGSEGV, SIGBUS};
  for (unsigned n = 0; n < sizeof signals / sizeof *signals; n++) sigaction(signals[n], &action, NULL);
  CHECK(one + zero + huge + tiny + denormal + third != 0 && huge_double != 0);

  FAULT(2, __asm__ volatile("xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx" ::: "rax", "rcx", "rdx"));
  TOLD(SIGFPE, FPE_INTDIV);
  AT_INSTRUCTION();
  FAULT(2, __asm__ volatile("mov $2, %%edx; mov $2, %%ecx; div %%ecx" ::: "rax", "rcx", "rdx"));
  TOLD(SIGFPE, FPE_INTDIV);

  X87(1, "fldz; fldz; fdivp");
  TOLD(SIGFPE, FPE_FLTINV);
  AT_INSTRUCTION();
  CHECK_EQUAL(fsw_seen & 0x80bf, 0x8081);
  CHECK_EQUAL(fop_seen, 0x6f1);
  X87(4, "fldz; fld1; fdivp %%st, %%st(1); fldz; fld1; fdiv %%st(1)");
  TOLD(SIGFPE, FPE_FLTDIV);
  X87(8, "flds huge(%%rip); fmul %%st; fmul %%st; fmul %%st; fmul %%st; fmul %%st; fmul %%st; fmul %%st; fmul %%st");
  TOLD(SIGFPE, FPE_FLTOVF);
  X87(16, "flds tiny(%%rip); fmul %%st; fmul %%st; fmul %%st; fmul %%st; fmul %%st; fmul %%st; fmul %%st; fmul %%st");
  TOLD(SIGFPE, FPE_FLTUND);
  X87(2, "flds denormal(%%rip); fld1; faddp");
  TOLD(SIGFPE, FPE_FLTUND);
  X87(32, "fld1; flds third(%%rip); fdivrp");
  TOLD(SIGFPE, FPE_FLTRES);
  /* of two, the one that is listed first */
  X87(0x3f, "fldl huge_double(%%rip); fmuls third(%%rip); fstps -32(%%rsp)");
  TOLD(SIGFPE, FPE_FLTOVF);
  X87(5, "fld %%st");
  TOLD(SIGFPE, FPE_FLTINV);
  X87(4, "fld1; fldz; fdivrp; emms");
  TOLD(SIGFPE, FPE_FLTDIV);
  /* masked, they are nothing */
  X87(0, "fldz; fldz; fdivp");
  CHECK_EQUAL(signal_seen, 0);

  SSE(1, "movss zero(%%rip), %%xmm0; divss %%xmm0, %%xmm0");
  TOLD(SIGFPE, FPE_FLTINV);
  AT_INSTRUCTION();
  CHECK_EQUAL(mxcsr_seen, 0x1f01);
  SSE(4, "divss zero(%%rip), %%xmm0");
  TOLD(SIGFPE, FPE_FLTDIV);
  SSE(8, "movss huge(%%rip), %%xmm0; mulss %%xmm0, %%xmm0");
  TOLD(SIGFPE, FPE_FLTOVF);
  SSE(16, "movss tiny(%%rip), %%xmm0; mulss %%xmm0, %%xmm0");
  TOLD(SIGFPE, FPE_FLTUND);
  SSE(2, "addss denormal(%%rip), %%xmm0");
  TOLD(SIGFPE, FPE_FLTUND);
  SSE(32, "divss %%xmm1, %%xmm0");
  TOLD(SIGFPE, FPE_FLTRES);
  SSE(0x3f, "movss huge(%%rip), %%xmm0; mulss %%xmm0, %%xmm0");
  TOLD(SIGFPE, FPE_FLTOVF);
  SSE(0, "divss %%xmm1, %%xmm0");
  CHECK_EQUAL(signal_seen, 0);

  FAULT(0, __asm__ volatile("int3"));
  TOLD(SIGTRAP, SI_KERNEL);
  CHECK(address_seen == NULL);
  FAULT(0, __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop" ::: "memory", "cc"));
  TOLD(SIGTRAP, TRAP_TRACE);
  AT_INSTRUCTION();
  FAULT(2, __asm__ volatile("ud2"));
  TOLD(SIGILL, ILL_ILLOPN);
  AT_INSTRUCTION();
  /* INTO and BOUND are no instructions of 64-bit mode */
  FAULT(1, __asm__ volatile(".byte 0xce"));
  TOLD(SIGILL, ILL_ILLOPN);
  FAULT(1, __asm__ volatile("hlt"));
  TOLD(SIGSEGV, SI_KERNEL);
  CHECK(address_seen == NULL);
  FAULT(3, __asm__ volatile("movabs $0x8000000000000000, %%rax; mov (%%rax), %%rax" ::: "rax"));
  TOLD(SIGSEGV, SI_KERNEL);
  FAULT(3, __asm__ volatile("movl $16, %%eax; mov (%%rax), %%rax" ::: "rax"));
  TOLD(SIGSEGV, SEGV_MAPERR);
  CHECK_EQUAL(address_seen, 16);
  static uint64_t words[2];
  FAULT(4, __asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq; mov 1(%%rax), %%rcx; pushfq; andl $~0x40000, (%%rsp); popfq" ::"a"(words) : "rcx", "memory", "cc"));
  TOLD(SIGBUS, BUS_ADRALN);
  return finish();
}
