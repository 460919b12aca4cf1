/* heat spreading over a grid of floats: loops that -O2 turns into packed single-precision arithmetic */
#include "bench.h"
static const char *bench_name = "heat";
#define W 128
#define H 64
static float grid[2][H + 2][W + 8];
static NOINLINE void row(const float *restrict up, const float *restrict here, const float *restrict down, float *restrict out) {
  for (int x = 0; x < W; x++) out[x] = here[x] * 0.5f + (up[x] + down[x] + here[x - 1] + here[x + 1]) * 0.12475f;
}
static u64 bench(long units) {
  u64 s = 83, acc = 0;
  for (int y = 0; y < H + 2; y++) for (int x = 0; x < W + 8; x++) grid[0][y][x] = (float)(xs64(&s) >> 44) / 1024.0f;
  for (long u = 0; u < units * 32; u++) {
    float (*from)[W + 8] = grid[u & 1], (*to)[W + 8] = grid[~u & 1];
    for (int y = 1; y <= H; y++) row(from[y - 1] + 4, from[y] + 4, from[y + 1] + 4, to[y] + 4);
    to[H / 2][W / 2] = 500.0f + (u & 63);
    union { float f; u32 q; } v = { to[1 + (u * 5) % H][4 + (u * 11) % W] };
    acc = acc * 31 + v.q;
  }
  return acc;
}
