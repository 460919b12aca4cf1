/* open-addressing hash table insert/lookup/delete (multiply, mask, compare) */
#include "bench.h"
static const char *bench_name = "hash";
#define CAP 8192
static u64 key[CAP]; static u32 val[CAP];
static NOINLINE u32 *slot(u64 k) {
  u64 h = k * 0x9E3779B97F4A7C15ull; u32 i = h >> 51;
  while (key[i] && key[i] != k) i = (i + 1) & (CAP - 1);
  if (!key[i]) key[i] = k, val[i] = 0;
  return &val[i];
}
static NOINLINE u32 find(u64 k) {
  u64 h = k * 0x9E3779B97F4A7C15ull; u32 i = h >> 51;
  while (key[i]) { if (key[i] == k) return val[i]; i = (i + 1) & (CAP - 1); }
  return 0;
}
static u64 bench(long units) {
  u64 acc = 0;
  for (long u = 0; u < units; u++) {
    u64 s = 99 + u, t = s;
    for (int i = 0; i < CAP; i++) key[i] = 0;
    for (int i = 0; i < 5000; i++) *slot((xs64(&s) & 0xfffff) | 1) += i;
    for (int i = 0; i < 7500; i++) acc += find((xs64(&t) & 0xfffff) | 1);
    acc *= 31;
  }
  return acc;
}
