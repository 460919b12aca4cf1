/* library memcpy/strlen/memset/memmove/memcmp on mixed sizes */
#include "bench.h"
static const char *bench_name = "libcstr";
#define N 65536
static char x[N + 64], y[N + 64];
static u64 bench(long units) {
  u64 s = 5, acc = 0;
  for (int i = 0; i < N; i++) x[i] = 'a' + i % 25;
  for (long u = 0; u < units * 4000; u++) {
    u64 r = xs64(&s);
    size_t n = (r & 15) == 0 ? (r >> 8) & 4095 : (r >> 8) & 127, o = (r >> 24) & 4095, q = (r >> 40) & 4095;
    memcpy(y + o, x + q, n); y[o + n] = 0;
    size_t l = strlen(y + o);
    acc = acc * 31 + l + memcmp(y + o, x + q, l);
    memset(y + q, 'z', n & 63);
    memmove(y + o + 3, y + o, n & 127);
    acc ^= (u8)y[o + 5];
  }
  return acc;
}
