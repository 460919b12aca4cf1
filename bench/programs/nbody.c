/* scalar double: add/mul/div/sqrt (SSE2), five bodies, own initial data */
#include "bench.h"
static const char *bench_name = "nbody";
static double P[5][3], V[5][3], M[5];
static inline double sq(double x) { __asm__("sqrtsd %1,%0" : "=x"(x) : "x"(x)); return x; }
static u64 bench(long units) {
  u64 s = 41;
  for (int i = 0; i < 5; i++) { M[i] = 1.0 + i; for (int k = 0; k < 3; k++) { P[i][k] = (double)(xs64(&s) >> 40) / 1677721.6; V[i][k] = (double)(xs64(&s) >> 40) / 167772160.0; } }
  for (long u = 0; u < units * 3000; u++) {
    for (int i = 0; i < 5; i++) for (int j = i + 1; j < 5; j++) {
      double dx = P[i][0]-P[j][0], dy = P[i][1]-P[j][1], dz = P[i][2]-P[j][2];
      double d2 = dx*dx+dy*dy+dz*dz+0.01, mag = 0.001 / (d2 * sq(d2));
      V[i][0] -= dx*M[j]*mag; V[i][1] -= dy*M[j]*mag; V[i][2] -= dz*M[j]*mag;
      V[j][0] += dx*M[i]*mag; V[j][1] += dy*M[i]*mag; V[j][2] += dz*M[i]*mag;
    }
    for (int i = 0; i < 5; i++) for (int k = 0; k < 3; k++) P[i][k] += 0.001 * V[i][k];
  }
  union { double d; u64 q; } a = { P[0][0] }, b = { P[4][2] };
  return a.q ^ b.q * 3;
}
