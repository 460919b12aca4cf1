/* syscall-heavy: getpid through the raw instruction */
#include "bench.h"
static const char *bench_name = "syscall";
static u64 bench(long units) {
  u64 ok = 0; long first = raw_syscall0(39);
  for (long u = 0; u < units; u++)
    for (int i = 0; i < 2000; i++) ok += raw_syscall0(39) == first;
  return ok;
}
