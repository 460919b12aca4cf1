/* memcpy / strlen / memcmp / toupper style byte loops (compiler kept from turning them into calls) */
#pragma GCC optimize("no-tree-loop-distribute-patterns", "no-tree-vectorize")
#include "bench.h"
static const char *bench_name = "bytes";
#define N 32768
static char x[N], y[N];
static NOINLINE void cpy(char *d, const char *s, long n) { for (long i = 0; i < n; i++) d[i] = s[i]; }
static NOINLINE long len(const char *s) { const char *p = s; while (*p) p++; return p - s; }
static NOINLINE long cmp(const char *s, const char *t, long n) { long i = 0; while (i < n && s[i] == t[i]) i++; return i; }
static NOINLINE void up(char *s) { for (; *s; s++) if (*s >= 'a' && *s <= 'z') *s -= 32; }
static NOINLINE u32 csum(const char *s, long n) { u32 h = 2166136261u; for (long i = 0; i < n; i++) h = (h ^ (u8)s[i]) * 16777619u; return h; }
static u64 bench(long units) {
  u64 s = 3, acc = 0;
  for (int i = 0; i < N - 1; i++) x[i] = 'A' + xs64(&s) % 58;
  for (long u = 0; u < units * 2; u++) {
    cpy(y, x, N);
    acc += len(y) + cmp(x, y, N);
    up(y + (u & 1023));
    acc = acc * 31 + csum(y, N);
  }
  return acc;
}
