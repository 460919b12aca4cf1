/* Mandelbrot set, escape times: scalar double mul/add/compare with data-dependent branches */
#include "bench.h"
static const char *bench_name = "mandel";
#define W 96
#define LIMIT 100
static NOINLINE int escape(double re, double im) {
  double x = 0, y = 0;
  int n = 0;
  for (; n < LIMIT; n++) {
    double xx = x * x, yy = y * y;
    if (xx + yy > 4.0) break;
    y = 2 * x * y + im;
    x = xx - yy + re;
  }
  return n;
}
static u64 bench(long units) {
  u64 acc = 0;
  double top = -1.25, step = 2.5 / W;
  for (long u = 0; u < units; u++) {
    double left = -2.0 + (u & 255) * 0.000001; /* each picture another one */
    for (int row = 0; row < W / 4; row++)
      for (int column = 0; column < W; column++)
        acc = acc * 31 + escape(left + column * step, top + (row * 4 + (u & 3)) * step);
  }
  return acc;
}
