/*
 * crash MODE: dies in the way named. crash: runs each mode in a child and checks the signal it died of.
 */
#include "check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_null(void) { (void)*(volatile int *)0; }

static void write_null(void) {
  volatile char *volatile null = NULL;
  *null = 1;
}

static void write_text(void) {
  volatile char *text = (volatile char *)(unsigned long)write_text;
  *text = 0;
}

static void read_kernel(void) { (void)*(volatile char *)0xffffffff81000000UL; }

static void read_non_canonical(void) { (void)*(volatile char *)0x8000000000000000UL; }

static void undefined(void) { __asm__ volatile("ud2"); }

static void privileged(void) { __asm__ volatile("hlt"); }

static void breakpoint(void) { __asm__ volatile("int3"); }

static void divide(void) {
  __asm__ volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; mov $1, %%eax; div %%ecx" ::: "eax", "ecx", "edx", "cc");
}

static void jump_non_canonical(void) { __asm__ volatile("jmp *%0" : : "r"(0x1234000000000000UL)); }

static char data[64] = {(char)0xc3};

static void run_data(void) { __asm__ volatile("call *%0" : : "r"(data) : "memory"); }

static volatile int limit = 1 << 30;

static __attribute__((noinline)) int recurse(volatile char *above) {
  volatile char frame[4096];
  if (limit-- == 0) return 0;
  frame[0] = (char)(above[0] + 1);
  return recurse(frame) + frame[0];
}

static void overflow_stack(void) {
  volatile char first[1] = {0};
  exit(recurse(first));
}

static const struct {
  const char *name;
  void (*crash)(void);
  int signal;
} modes[] = {
    {"read-null", read_null, SIGSEGV},
    {"write-null", write_null, SIGSEGV},
    {"write-text", write_text, SIGSEGV},
    {"read-kernel", read_kernel, SIGSEGV},
    {"read-non-canonical", read_non_canonical, SIGSEGV},
    {"jump-non-canonical", jump_non_canonical, SIGSEGV},
    {"run-data", run_data, SIGSEGV},
    {"overflow-stack", overflow_stack, SIGSEGV},
    {"privileged", privileged, SIGSEGV},
    {"undefined", undefined, SIGILL},
    {"breakpoint", breakpoint, SIGTRAP},
    {"divide", divide, SIGFPE},
    {"abort", abort, SIGABRT},
};

#define MODE_COUNT (sizeof modes / sizeof modes[0])

static int signal_of(void (*crash)(void)) {
  int status;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    crash();
    _exit(0);
  }
  if (waitpid(child, &status, 0) != child) return -1;
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int main(int argc, char **argv) {
  for (size_t i = 0; i < MODE_COUNT; i++) {
    if (argc == 1) {
      check_number(signal_of(modes[i].crash), modes[i].signal, modes[i].name, __FILE__, __LINE__);
    } else if (strcmp(argv[1], modes[i].name) == 0) {
      modes[i].crash();
      return 0;
    }
  }
  if (argc == 1) return finish();
  fprintf(stderr, "usage: crash [MODE], one of:");
  for (size_t i = 0; i < MODE_COUNT; i++) fprintf(stderr, " %s", modes[i].name);
  fputc('\n', stderr);
  return 2;
}
