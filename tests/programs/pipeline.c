/*
 * pipeline: like `produce | consume` in a shell: two children, each this program executed anew, joined by a pipe.
 * Checks what came through and both wait statuses; then a child's exit code, its signal, and a pipe without a reader.
 */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* more than a pipe holds (65536 bytes), so that the writer has to sleep */
#define NUMBERS 14000

static const char *self;

static int produce(void) {
  for (int i = 1; i <= NUMBERS; i++) printf("%d\n", i);
  return fflush(stdout) == 0 ? 11 : 1;
}

static int consume(void) {
  char line[32];
  long sum = 0, lines = 0;
  while (fgets(line, sizeof line, stdin) != NULL) {
    sum += atol(line);
    lines++;
  }
  return lines == NUMBERS && sum == (long)NUMBERS * (NUMBERS + 1) / 2 ? 22 : 1;
}

/* Starts this program in `role` with `fd` as its standard input (0) or output (1). */
static pid_t start(const char *role, int fd, int standard, int unused) {
  pid_t child = fork();
  if (child != 0) return child;
  dup2(fd, standard);
  close(fd);
  close(unused);
  execl(self, self, role, (char *)NULL);
  execl("/proc/self/exe", self, role, (char *)NULL);
  _exit(127);
}

static int status_of(pid_t child) {
  int status = -1;
  return waitpid(child, &status, 0) == child ? status : -1;
}

static void check_pipeline(void) {
  int fds[2];
  CHECK_EQUAL(pipe(fds), 0);
  pid_t producer = start("produce", fds[1], 1, fds[0]);
  pid_t consumer = start("consume", fds[0], 0, fds[1]);
  CHECK(producer > 0 && consumer > 0 && producer != consumer);
  close(fds[0]);
  close(fds[1]);
  int status = status_of(producer);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 11);
  status = status_of(consumer);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 22);
}

static void check_statuses(void) {
  int status;
  pid_t child = fork();
  if (child == 0) _exit(300);
  status = status_of(child);
  CHECK(WIFEXITED(status));
  CHECK_EQUAL(WEXITSTATUS(status), 300 & 255);

  child = fork();
  if (child == 0) {
    raise(SIGKILL);
    _exit(0);
  }
  status = status_of(child);
  CHECK(WIFSIGNALED(status));
  CHECK_EQUAL(WTERMSIG(status), SIGKILL);

  child = fork();
  if (child == 0) {
    execl("/no/such/program", "program", (char *)NULL);
    _exit(errno);
  }
  CHECK_EQUAL(WEXITSTATUS(status_of(child)), ENOENT);

  CHECK_ERRNO(wait(&status), ECHILD);
}

static void check_wait_without_hanging(void) {
  int fds[2], status;
  char byte;
  CHECK_EQUAL(pipe(fds), 0);
  pid_t child = fork();
  if (child == 0) {
    close(fds[1]);
    _exit(read(fds[0], &byte, 1) == 0 ? 33 : 1);
  }
  close(fds[0]);
  CHECK_EQUAL(waitpid(child, &status, WNOHANG), 0);
  close(fds[1]);
  status = status_of(child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 33);
}

static void check_broken_pipe(void) {
  int fds[2], status;
  CHECK_EQUAL(pipe(fds), 0);
  close(fds[0]);
  pid_t child = fork();
  if (child == 0) {
    signal(SIGPIPE, SIG_DFL);
    _exit(write(fds[1], "x", 1) < 0);
  }
  status = status_of(child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
  signal(SIGPIPE, SIG_IGN);
  CHECK_ERRNO(write(fds[1], "x", 1), EPIPE);
  close(fds[1]);
}

int main(int argc, char **argv) {
  self = argv[0];
  if (argc == 2 && strcmp(argv[1], "produce") == 0) return produce();
  if (argc == 2 && strcmp(argv[1], "consume") == 0) return consume();
  check_pipeline();
  check_statuses();
  check_wait_without_hanging();
  check_broken_pipe();
  return finish();
}
