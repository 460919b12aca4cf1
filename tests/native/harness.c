/*
 * Runs single cases on this processor: a case is a few bytes of code and all user-visible registers; what comes out is
 * the exception that ended it, the registers after it and the words of memory that changed.
 *
 * Input, one line of hexadecimal words separated by spaces:
 *   edge e0 … e31                        the words that memory is filled with, once
 *   case CODE r0 … r15 rflags mxcsr seed x0l x0h … x15l x15h fcw fsw ftw p0 e0 … p7 e7 y0l y0h … y15l y15h
 * Output, one line a case:
 *   trap error cr2 rip r0 … r15 rflags mxcsr x0l x0h … x15l x15h fcw fsw ftw p0 e0 … p7 e7 y0l y0h … y15l y15h
 *     offset:word …
 * yN is the upper half of ymmN, which stays as it is where there is none; ftw is the abridged tag byte of FXSAVE, pN and eN significand and sign with exponent of st(N).
 *
 * The code page is filled with int3 and the data page from the seed; nothing is mapped next to either. Registers are
 * loaded by returning from a signal handler and read in the handler of the signal that ends the case.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>
#include <asm/prctl.h>

#define CODE_BASE 0x10000000UL
#define CODE_OFFSET 0x800UL
#define DATA_BASE 0x20000000UL
#define PAGE 4096UL

enum { GPRS = 16, XMM_WORDS = 32, X87_WORDS = 19, EDGES = 32, MAX_CODE = 2048 };

struct registers {
    uint64_t gpr[GPRS], rflags, mxcsr, xmm[XMM_WORDS];
    uint64_t ymm[XMM_WORDS]; /* upper halves */
    uint64_t x87[X87_WORDS]; /* fcw fsw ftw, significand and the rest of st(0) to st(7) */
};

static const int order[GPRS] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                 REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

static struct registers in, out;
static uint64_t trap, error, cr2, rip;
static mcontext_t home;
static unsigned char home_fp[512];
static volatile int running;
static uint64_t edges[EDGES];
static unsigned char *code_alias;

static void load_x87(fpregset_t fp) {
    fp->cwd = in.x87[0], fp->swd = in.x87[1], fp->ftw = in.x87[2];
    fp->fop = 0, fp->rip = fp->rdp = 0;
    for (int n = 0; n < 8; n++) {
        uint64_t high = in.x87[4 + 2 * n];
        memcpy(&fp->_st[n], &in.x87[3 + 2 * n], 8);
        memcpy((char *)&fp->_st[n] + 8, &high, 2);
    }
    *(uint64_t *)((char *)fp + 512) |= 3; /* XSTATE_BV: x87 and SSE are not as after reset */
}

static void read_x87(fpregset_t fp) {
    out.x87[0] = fp->cwd, out.x87[1] = fp->swd, out.x87[2] = fp->ftw & 0xff;
    for (int n = 0; n < 8; n++) {
        out.x87[4 + 2 * n] = 0;
        memcpy(&out.x87[3 + 2 * n], &fp->_st[n], 8);
        memcpy(&out.x87[4 + 2 * n], (char *)&fp->_st[n] + 8, 2);
    }
}

/* the upper halves in a frame's XSAVE area; NULL where the kernel saves none */
static unsigned char *upper_halves(fpregset_t fp) {
    unsigned char *area = (unsigned char *)fp;
    uint32_t magic, features;
    memcpy(&magic, area + 464, 4);
    memcpy(&features, area + 472, 4);
    return magic == 0x46505853 && (features & 4) ? area + 576 : NULL;
}

static void load_ymm(fpregset_t fp) {
    unsigned char *upper = upper_halves(fp);
    if (upper == NULL) return;
    *(uint64_t *)((char *)fp + 512) |= 4;
    memcpy(upper, in.ymm, sizeof in.ymm);
}

static void read_ymm(fpregset_t fp) {
    unsigned char *upper = upper_halves(fp);
    memset(out.ymm, 0, sizeof out.ymm);
    if (upper == NULL) memcpy(out.ymm, in.ymm, sizeof in.ymm);
    else if (*(uint64_t *)((char *)fp + 512) & 4) memcpy(out.ymm, upper, sizeof out.ymm);
}

static void start(int signal, siginfo_t *info, void *context) {
    (void)signal; (void)info;
    ucontext_t *u = context;
    home = u->uc_mcontext;
    memcpy(home_fp, u->uc_mcontext.fpregs, sizeof home_fp);
    for (int n = 0; n < GPRS; n++) u->uc_mcontext.gregs[order[n]] = in.gpr[n];
    u->uc_mcontext.gregs[REG_EFL] = in.rflags;
    u->uc_mcontext.gregs[REG_RIP] = CODE_BASE + CODE_OFFSET;
    u->uc_mcontext.fpregs->mxcsr = in.mxcsr;
    memcpy(u->uc_mcontext.fpregs->_xmm, in.xmm, sizeof in.xmm);
    load_x87(u->uc_mcontext.fpregs);
    load_ymm(u->uc_mcontext.fpregs);
    running = 1;
}

static void stop(int signal, siginfo_t *info, void *context) {
    (void)info;
    /* AC, with which misaligned accesses of C code trap; NT and ID, which sigreturn does not load */
    __asm__ volatile("pushfq; andl $0xffdbbfff, (%%rsp); popfq" ::: "cc", "memory");
    ucontext_t *u = context;
    if (!running) _exit(3);
    running = 0;
    for (int n = 0; n < GPRS; n++) out.gpr[n] = u->uc_mcontext.gregs[order[n]];
    out.rflags = u->uc_mcontext.gregs[REG_EFL];
    out.mxcsr = u->uc_mcontext.fpregs->mxcsr;
    memcpy(out.xmm, u->uc_mcontext.fpregs->_xmm, sizeof out.xmm);
    read_x87(u->uc_mcontext.fpregs);
    read_ymm(u->uc_mcontext.fpregs);
    trap = signal == SIGALRM ? 255 : u->uc_mcontext.gregs[REG_TRAPNO];
    error = u->uc_mcontext.gregs[REG_ERR];
    cr2 = u->uc_mcontext.gregs[REG_CR2];
    rip = u->uc_mcontext.gregs[REG_RIP];
    fpregset_t fp = u->uc_mcontext.fpregs;
    u->uc_mcontext = home;
    u->uc_mcontext.fpregs = fp;
    memcpy(fp, home_fp, 464); /* without the words that describe the frame */
}

static uint64_t edge_word(uint32_t *state) {
    uint32_t s = *state;
    s ^= s << 13; s ^= s >> 17; s ^= s << 5;
    uint32_t high = s;
    s ^= s << 13; s ^= s >> 17; s ^= s << 5;
    *state = s;
    return (high & 1) ? edges[(high >> 8) % EDGES] : ((uint64_t)high << 32) | s;
}

static void fill(uint64_t *data, uint32_t seed) {
    uint32_t state = seed | 1;
    for (unsigned n = 0; n < PAGE / 8; n++) data[n] = edge_word(&state);
}

static void on(int signal, void (*handler)(int, siginfo_t *, void *)) {
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigfillset(&action.sa_mask);
    sigaction(signal, &action, NULL);
}

static uint64_t word(char **at) { return strtoull(*at, at, 16); }

int main(void) {
    static char line[16384], stack[1 << 16];
    static uint64_t before[PAGE / 8];
    stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
    sigaltstack(&alternate, NULL);
    on(SIGUSR1, start);
    int endings[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGALRM };
    for (unsigned n = 0; n < sizeof endings / sizeof *endings; n++) on(endings[n], stop);

    int file = memfd_create("code", 0);
    if (file < 0 || ftruncate(file, PAGE) != 0) return 2;
    code_alias = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    void *code = mmap((void *)CODE_BASE, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, file, 0);
    uint64_t *data = mmap((void *)DATA_BASE, PAGE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (code_alias == MAP_FAILED || code != (void *)CODE_BASE || data != (void *)DATA_BASE) return 2;
    syscall(SYS_arch_prctl, ARCH_SET_GS, 0x1000UL);

    while (fgets(line, sizeof line, stdin)) {
        char *at = line + 5;
        if (strncmp(line, "edge ", 5) == 0) {
            for (int n = 0; n < EDGES; n++) edges[n] = word(&at);
            continue;
        }
        memset(code_alias, 0xcc, PAGE);
        unsigned byte;
        for (int n = 0; n < MAX_CODE && sscanf(at, "%2x", &byte) == 1 && *at != ' '; n++, at += 2) code_alias[CODE_OFFSET + n] = byte;
        for (int n = 0; n < GPRS; n++) in.gpr[n] = word(&at);
        in.rflags = word(&at);
        in.mxcsr = word(&at);
        fill(data, (uint32_t)word(&at));
        for (int n = 0; n < XMM_WORDS; n++) in.xmm[n] = word(&at);
        for (int n = 0; n < X87_WORDS; n++) in.x87[n] = word(&at);
        for (int n = 0; n < XMM_WORDS; n++) in.ymm[n] = word(&at);
        memcpy(before, data, PAGE);

        struct itimerval limit = { .it_value = { .tv_usec = 200000 } }, none = { 0 };
        setitimer(ITIMER_REAL, &limit, NULL);
        raise(SIGUSR1);
        setitimer(ITIMER_REAL, &none, NULL);

        printf("%lx %lx %lx %lx", trap, error, cr2, rip);
        for (int n = 0; n < GPRS; n++) printf(" %lx", out.gpr[n]);
        printf(" %lx %lx", out.rflags, out.mxcsr);
        for (int n = 0; n < XMM_WORDS; n++) printf(" %lx", out.xmm[n]);
        for (int n = 0; n < X87_WORDS; n++) printf(" %lx", out.x87[n]);
        for (int n = 0; n < XMM_WORDS; n++) printf(" %lx", out.ymm[n]);
        for (unsigned n = 0; n < PAGE / 8; n++)
            if (data[n] != before[n]) printf(" %x:%lx", n * 8, data[n]);
        putchar('\n');
    }
    return 0;
}
