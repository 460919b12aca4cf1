/* integer ALU: three shift/xor per step plus add/mul/rotate mixing */
#include "bench.h"
static const char *bench_name = "xorshift";
static u64 bench(long units) {
  u64 s = 88172645463325252ull, acc = 0; u32 w = 12345;
  for (long u = 0; u < units; u++)
    for (long i = 0; i < 80000; i++) {
      s ^= s << 13; s ^= s >> 7; s ^= s << 17;
      acc += s; w = (w << 5 | w >> 27) + (u32)s;
    }
  return acc ^ w;
}
