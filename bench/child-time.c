/* child-time program [argument] …: runs it, then writes "@<microseconds of processor time>" as stderr's last line;
 * ends as the program did. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
  int status;
  struct rusage usage;
  pid_t pid = argc < 2 ? -1 : fork();
  if (pid < 0) return 127;
  if (pid == 0) {
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  if (wait4(pid, &status, 0, &usage) != pid) return 127;
  long long seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec;
  fprintf(stderr, "@%lld\n", seconds * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
