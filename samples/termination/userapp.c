/* Calls dup, on which the program does not end by itself, and works on. Exits with 0 when dup succeeded in the end. */
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  int fd = dup(0);
  if (fd < 0) {
    perror("dup");
    return 1;
  }
  printf("userapp: dup: success\n");
  fflush(stdout);
  if (close(fd) < 0 || syscall(SYS_getpid) != getpid()) {
    perror("userapp");
    return 1;
  }
  printf("userapp: still running\n");
  return 0;
}
