/* signals: handlers and their return, masks, SIGCHLD, and what an interrupted call gives. */
#define _GNU_SOURCE
#include "check.h"

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t count, last_signal, last_code;
static volatile pid_t sender;
static void *volatile fault_address;

static void on_signal(int signal) {
  count++;
  last_signal = signal;
}

static void on_siginfo(int signal, siginfo_t *info, void *context) {
  (void)context;
  count++;
  last_signal = signal;
  last_code = info->si_code;
  sender = info->si_pid;
}

static void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  CHECK_EQUAL(sigaction(signal, &action, NULL), 0);
}

static void handle_siginfo(int signal, void (*handler)(int, siginfo_t *, void *)) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  CHECK_EQUAL(sigaction(signal, &action, NULL), 0);
}

static void check_handler(void) {
  handle(SIGUSR1, on_signal, 0);
  count = 0;
  CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
  CHECK_EQUAL(count, 1);
  CHECK_EQUAL(last_signal, SIGUSR1);
  for (int i = 0; i < 100; i++) raise(SIGUSR1);
  CHECK_EQUAL(count, 101);

  handle_siginfo(SIGUSR2, on_siginfo);
  CHECK_EQUAL(kill(getpid(), SIGUSR2), 0);
  CHECK_EQUAL(last_signal, SIGUSR2);
  CHECK_EQUAL(last_code, SI_USER);
  CHECK_EQUAL(sender, getpid());

  handle(SIGUSR1, on_signal, SA_RESETHAND);
  raise(SIGUSR1);
  struct sigaction now;
  CHECK_EQUAL(sigaction(SIGUSR1, NULL, &now), 0);
  CHECK(now.sa_handler == SIG_DFL);
  CHECK_ERRNO(kill(getpid(), 99), EINVAL);
  CHECK_ERRNO(kill(0x7ffffff0, 0), ESRCH);
}

/* The interrupted code finds every register, the flags and its red zone as they were. */
static void check_registers(void) {
  unsigned long damaged;
  handle(SIGUSR1, on_signal, 0);
  __asm__ volatile(
      "mov $0x1111, %%r8\n mov $0x2222, %%r9\n mov $0x3333, %%r10\n mov $0x4444, %%r12\n"
      "mov $0x5555, %%r13\n mov $0x6666, %%r14\n mov $0x7777, %%r15\n mov $0x8888, %%rbx\n"
      "movq %%r8, %%xmm7\n movq %%r15, -8(%%rsp)\n"
      "mov %[number], %%eax\n mov %[pid], %%edi\n mov %[signal], %%esi\n syscall\n"
      "mov %%rax, %[damaged]\n"
      "xor $0x1111, %%r8\n or %%r8, %[damaged]\n xor $0x2222, %%r9\n or %%r9, %[damaged]\n"
      "xor $0x3333, %%r10\n or %%r10, %[damaged]\n xor $0x4444, %%r12\n or %%r12, %[damaged]\n"
      "xor $0x5555, %%r13\n or %%r13, %[damaged]\n xor $0x6666, %%r14\n or %%r14, %[damaged]\n"
      "xor $0x7777, %%r15\n or %%r15, %[damaged]\n xor $0x8888, %%rbx\n or %%rbx, %[damaged]\n"
      "movq %%xmm7, %%r8\n xor $0x1111, %%r8\n or %%r8, %[damaged]\n"
      "movq -8(%%rsp), %%r15\n xor $0x7777, %%r15\n or %%r15, %[damaged]\n"
      : [damaged] "=&d"(damaged)
      : [number] "i"(SYS_kill), [pid] "m"(*(int[]){getpid()}), [signal] "i"(SIGUSR1)
      : "rax", "rbx", "rcx", "rdi", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm7", "memory",
        "cc");
  CHECK_EQUAL(damaged, 0);
}

static void check_mask(void) {
  sigset_t set, old, waiting;
  handle(SIGUSR1, on_signal, 0);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  count = 0;
  CHECK_EQUAL(sigprocmask(SIG_BLOCK, &set, &old), 0);
  raise(SIGUSR1);
  raise(SIGUSR1);
  CHECK_EQUAL(count, 0);
  CHECK_EQUAL(sigpending(&waiting), 0);
  CHECK(sigismember(&waiting, SIGUSR1) == 1);
  /* ordinary signals do not queue: one is delivered */
  CHECK_EQUAL(sigprocmask(SIG_SETMASK, &old, NULL), 0);
  CHECK_EQUAL(count, 1);
  handle(SIGUSR1, SIG_IGN, 0);
  raise(SIGUSR1);
  CHECK_EQUAL(count, 1);
  struct sigaction action = {.sa_handler = on_signal};
  CHECK_ERRNO(sigaction(SIGKILL, &action, NULL), EINVAL);
}

static volatile sig_atomic_t outer_calls, inner_waited, inner_came;

static void on_outer(int signal) {
  (void)signal;
  if (++outer_calls > 1) return;
  /* its own signal waits while a handler runs, another one does not */
  raise(SIGUSR1);
  inner_waited = outer_calls == 1;
  count = 0;
  raise(SIGUSR2);
  inner_came = count == 1;
}

static void check_nesting(void) {
  handle(SIGUSR1, on_outer, 0);
  handle(SIGUSR2, on_signal, 0);
  raise(SIGUSR1);
  CHECK(inner_waited);
  CHECK(inner_came);
  CHECK_EQUAL(outer_calls, 2);
}

static void check_child(void) {
  int status;
  handle_siginfo(SIGCHLD, on_siginfo);
  count = 0;
  pid_t child = fork();
  if (child == 0) _exit(7);
  while (waitpid(child, &status, 0) != child && errno == EINTR) continue;
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  CHECK_EQUAL(count, 1);
  CHECK_EQUAL(last_signal, SIGCHLD);
  CHECK_EQUAL(last_code, CLD_EXITED);
  CHECK_EQUAL(sender, child);
  handle(SIGCHLD, SIG_DFL, 0);
}

/* A child interrupts its parent's read; with SA_RESTART the read goes on. */
static void check_interrupted(int flags, int result, int error) {
  int fds[2], go[2], status;
  char byte = 'x';
  CHECK(pipe(fds) == 0 && pipe(go) == 0);
  handle(SIGUSR1, on_signal, flags);
  count = 0;
  pid_t child = fork();
  if (child == 0) {
    pid_t parent = getppid();
    read(go[0], &byte, 1);
    /* let the parent fall asleep in its read */
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    kill(parent, SIGUSR1);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    _exit(write(fds[1], "y", 1) == 1 ? 0 : 1);
  }
  CHECK_EQUAL(write(go[1], "g", 1), 1);
  errno = 0;
  long got = read(fds[0], &byte, 1);
  int got_error = errno;
  CHECK_EQUAL(got, result);
  if (result < 0) CHECK_EQUAL(got_error, error);
  else CHECK_EQUAL(byte, 'y');
  CHECK_EQUAL(count, 1);
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  CHECK_EQUAL(status, 0);
  for (int i = 0; i < 2; i++) {
    close(fds[i]);
    close(go[i]);
  }
}

static void on_fault(int signal, siginfo_t *info, void *context) {
  ucontext_t *machine = context;
  count++;
  last_signal = signal;
  last_code = info->si_code;
  fault_address = info->si_addr;
  /* past the two-byte load `mov (%rax), %al` */
  machine->uc_mcontext.gregs[REG_RIP] += 2;
}

static void check_fault_handler(void) {
  handle_siginfo(SIGSEGV, on_fault);
  count = 0;
  __asm__ volatile(".byte 0x8a, 0x00" : : "a"(0x10UL) : "memory");
  CHECK_EQUAL(count, 1);
  CHECK_EQUAL(last_signal, SIGSEGV);
  CHECK_EQUAL(last_code, SEGV_MAPERR);
  CHECK_EQUAL((uintptr_t)fault_address, 0x10);
  handle(SIGSEGV, SIG_DFL, 0);
}

static void check_default_actions(void) {
  static const int fatal[] = {SIGHUP, SIGINT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR2, SIGSYS};
  for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
    int status;
    pid_t child = fork();
    if (child == 0) {
      signal(fatal[i], SIG_DFL);
      raise(fatal[i]);
      _exit(0);
    }
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == fatal[i]);
  }
}

int main(void) {
  check_handler();
  check_registers();
  check_mask();
  check_nesting();
  check_child();
  check_interrupted(0, -1, EINTR);
  check_interrupted(SA_RESTART, 1, 0);
  check_fault_handler();
  check_default_actions();
  return finish();
}
