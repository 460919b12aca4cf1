/*
 * userapp [SYSCALL]: makes one system call, dup if none is named. Prints `SYSCALL: success`, or what perror() says.
 * Exits with 0 when the call succeeded, 1 when it failed, 2 when it is not in the table.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

struct call {
  const char *name;
  long number;
  long arguments[6];
};

int main(int argc, char **argv) {
  static int fds[2];
  static char buffer[256];
  static struct stat status;
  static struct utsname names;
  /* calls that succeed in any process, and leave stderr alone */
  const struct call calls[] = {
      {"access", SYS_access, {(long)"/", F_OK}},
      {"close", SYS_close, {0}},
      {"dup", SYS_dup, {0}},
      {"dup2", SYS_dup2, {0, 9}},
      {"fstat", SYS_fstat, {0, (long)&status}},
      {"getcwd", SYS_getcwd, {(long)buffer, sizeof buffer}},
      {"getgid", SYS_getgid, {0}},
      {"getpid", SYS_getpid, {0}},
      {"getppid", SYS_getppid, {0}},
      {"gettid", SYS_gettid, {0}},
      {"getuid", SYS_getuid, {0}},
      {"kill", SYS_kill, {getpid(), 0}},
      {"mmap", SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
      {"open", SYS_open, {(long)"/", O_RDONLY}},
      {"openat", SYS_openat, {AT_FDCWD, (long)"/", O_RDONLY}},
      {"pipe", SYS_pipe, {(long)fds}},
      {"pipe2", SYS_pipe2, {(long)fds, 0}},
      {"read", SYS_read, {0, (long)buffer, 0}},
      {"sched_yield", SYS_sched_yield, {0}},
      {"stat", SYS_stat, {(long)"/", (long)&status}},
      {"uname", SYS_uname, {(long)&names}},
      {"write", SYS_write, {1, (long)buffer, 0}},
  };
  const char *name = argc > 1 ? argv[1] : "dup";
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    const long *a = calls[i].arguments;
    if (strcmp(calls[i].name, name) != 0) continue;
    if (syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]) < 0) {
      perror(name);
      return 1;
    }
    printf("%s: success\n", name);
    return 0;
  }
  fprintf(stderr, "userapp: does not know how to call \"%s\"\n", name);
  return 2;
}
