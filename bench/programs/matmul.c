/* double matrix multiply 48x48 (SSE2 double, scalar and whatever -O2 vectorises) */
#include "bench.h"
static const char *bench_name = "matmul";
#define N 48
static double a[N][N], b[N][N], c[N][N];
static u64 bench(long units) {
  u64 s = 7;
  for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) {
    a[i][j] = (double)(xs64(&s) >> 40) / 16777216.0; b[i][j] = (double)(xs64(&s) >> 40) / 16777216.0;
  }
  u64 acc = 0;
  for (long u = 0; u < units * 2; u++) {
    for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) {
      double t = 0;
      for (int k = 0; k < N; k++) t += a[i][k] * b[k][j];
      c[i][j] = t;
    }
    double t = 0; for (int i = 0; i < N; i++) t += c[i][(i * 7 + u) % N];
    union { double d; u64 q; } v = { t }; acc = acc * 31 + v.q;
  }
  return acc;
}
