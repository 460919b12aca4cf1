/*
 * Runs single x87 instructions on this processor.
 *
 * Input, one line a case, hexadecimal words separated by spaces:
 *   CODE fcw fsw ftw rflags rax s0 m0 … s7 m7 d0 … d15
 * CODE is at most 15 bytes, ftw the abridged tag byte of FXSAVE, sN and mN sign with exponent and significand of st(N),
 * dN the 64-bit words of memory that rdi points at.
 * Output, one line a case: trap fcw fsw ftw rflags rax s0 m0 … s7 m7 d0 … d15, where trap is 16 for #MF, else 0.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { REGISTERS = 8, WORDS = 16 };

struct image {
    uint16_t fcw, fsw, ftw, fop;
    uint64_t fip, fdp;
    uint32_t mxcsr, mask;
    struct { uint64_t significand; uint16_t high, rest[3]; } st[REGISTERS];
    uint8_t others[384];
} __attribute__((aligned(64)));

static struct image in, out;
static uint64_t data[WORDS] __attribute__((aligned(64)));
static uint64_t rflags, rax;
static unsigned char *code;
static sigjmp_buf home;

static void stop(int signal, siginfo_t *info, void *context) {
    (void)signal; (void)info;
    ucontext_t *u = context;
    memcpy(&out, u->uc_mcontext.fpregs, 512);
    rflags = u->uc_mcontext.gregs[REG_EFL];
    rax = u->uc_mcontext.gregs[REG_RAX];
    siglongjmp(home, u->uc_mcontext.gregs[REG_TRAPNO]);
}

__attribute__((noinline)) static void run(void) {
    __asm__ volatile(
        "push %%rbx\n\tsub $8, %%rsp\n\t"
        "fxrstor64 %[in]\n\t"
        "mov %[rax], %%rax\n\t"
        "pushq %[rflags]\n\tpopfq\n\t"
        "call *%[code]\n\t"
        "pushfq\n\tpopq %[rflags]\n\t"
        "mov %%rax, %[rax]\n\t"
        "fxsave64 %[out]\n\t"
        "fninit\n\tcld\n\t"
        "add $8, %%rsp\n\tpop %%rbx"
        : [out] "=m"(out), [rax] "+m"(rax), [rflags] "+m"(rflags)
        : [in] "m"(in), [code] "m"(code), "D"(data)
        : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
          "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static uint64_t word(char **at) { return strtoull(*at, at, 16); }

int main(void) {
    static char line[4096];
    struct sigaction action = { .sa_sigaction = stop, .sa_flags = SA_SIGINFO };
    sigaction(SIGFPE, &action, NULL);
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED) return 2;
    while (fgets(line, sizeof line, stdin)) {
        char *at = line;
        unsigned byte, n = 0;
        for (; n < 15 && sscanf(at, "%2x", &byte) == 1 && *at != ' '; n++, at += 2) code[n] = byte;
        code[n] = 0xc3;
        memset(&in, 0, sizeof in);
        in.fcw = word(&at), in.fsw = word(&at), in.ftw = word(&at);
        in.mxcsr = 0x1f80;
        rflags = word(&at), rax = word(&at);
        for (n = 0; n < REGISTERS; n++) in.st[n].high = word(&at), in.st[n].significand = word(&at);
        for (n = 0; n < WORDS; n++) data[n] = word(&at);
        int trap = sigsetjmp(home, 1);
        if (trap == 0) run();
        printf("%x %x %x %x %lx %lx", trap, out.fcw, out.fsw, out.ftw & 0xff, rflags, rax);
        for (n = 0; n < REGISTERS; n++) printf(" %x %lx", out.st[n].high, out.st[n].significand);
        for (n = 0; n < WORDS; n++) printf(" %lx", data[n]);
        putchar('\n');
    }
    return 0;
}
