/* naive fibonacci: call/ret/push/pop */
#include "bench.h"
static const char *bench_name = "fib";
#pragma GCC optimize("no-inline","no-optimize-sibling-calls","no-ipa-cp")
static NOINLINE u64 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static u64 bench(long units) {
  u64 acc = 0;
  for (long u = 0; u < units * 2; u++) acc = acc * 31 + fib(21 + (u & 1));
  return acc;
}
