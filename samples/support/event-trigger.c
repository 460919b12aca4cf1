/*
 * event-trigger: one dup(1).
 * event-trigger ROUNDS ARGUMENT: so many times kprobe_target_func(ARGUMENT) in the kernel, through /proc/kprobe_target.
 */
#include "loader.h"

#include <sys/ioctl.h>

#define KPROBE_TARGET "/proc/kprobe_target"
#define KPROBE_TARGET_FUNC 1313

static int call_target(long rounds, unsigned long argument) {
  int fd = open(KPROBE_TARGET, O_RDWR);
  if (fd < 0) {
    perror(KPROBE_TARGET);
    return 1;
  }
  for (long n = 0; n < rounds; n++) {
    if (ioctl(fd, KPROBE_TARGET_FUNC, argument) >= 0) continue;
    perror("ioctl");
    return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  long rounds, argument;
  if (argc == 1) return dup(1) < 0;
  rounds = argc == 3 ? parse_number(argv[1], 1, 100000000) : -1;
  argument = argc == 3 ? parse_number(argv[2], 0, 0x7fffffff) : -1;
  if (rounds < 0 || argument < 0) {
    fprintf(stderr, "usage: event-trigger [ROUNDS ARGUMENT]\n");
    return 2;
  }
  return call_target(rounds, (unsigned long)argument);
}
