/* sieve of Eratosthenes, byte array */
#include "bench.h"
static const char *bench_name = "sieve";
#define N 65536
static u8 f[N];
static u64 bench(long units) {
  u64 acc = 0;
  for (long u = 0; u < units; u++) {
    for (long i = 0; i < N; i++) f[i] = 1;
    for (long i = 2; i * i < N; i++)
      if (f[i]) for (long j = i * i; j < N; j += i) f[j] = 0;
    u32 c = 0;
    for (long i = 2; i < N; i++) if (f[i]) { c++; acc = acc * 31 + i; }
    acc += c;
  }
  return acc;
}
