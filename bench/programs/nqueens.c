/* n-queens by bit masks: recursion and data-dependent branches */
#include "bench.h"
static const char *bench_name = "nqueens";
static NOINLINE u32 place(u32 all, u32 cols, u32 d1, u32 d2) {
  if (cols == all) return 1;
  u32 n = 0, free_ = all & ~(cols | d1 | d2);
  while (free_) {
    u32 b = free_ & -free_;
    free_ ^= b;
    n += place(all, cols | b, (d1 | b) << 1, (d2 | b) >> 1);
  }
  return n;
}
static u64 bench(long units) {
  u64 acc = 0;
  for (long u = 0; u < units; u++) acc = acc * 3 + place((1u << 10) - 1, 0, 0, 0) + u;
  return acc;
}
