/*
 * Lets every system call of its own and of its children go through a seccomp filter that allows all of them, has the
 * filter's kernel function probed, copies five blocks, and prints what the program traced, until it is interrupted.
 */
#include "../support/loader.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static void install_filter(void) {
  struct sock_filter filter[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return;
  perror("prctl");
  exit(1);
}

static void copy_blocks(void) {
  int status = 1;
  pid_t child = fork();
  if (child == 0) {
    execl("/bin/dd", "dd", "if=/dev/zero", "of=/dev/null", "count=5", (char *)NULL);
    perror("/bin/dd");
    _exit(127);
  }
  if (child > 0 && waitpid(child, &status, 0) == child && status == 0) return;
  fprintf(stderr, "dd failed\n");
  exit(1);
}

int main(void) {
  attach_all(load_object("./tracex5.rex"));
  install_filter();
  copy_blocks();
  return echo_trace_pipe();
}
