/* Conway's life on a torus of bytes: integer loops that -O2 turns into packed byte arithmetic */
#include "bench.h"
static const char *bench_name = "life";
#define W 256
#define H 256
#define EDGE 16
static u8 cells[H][W + 2 * EDGE], sums[H][W], next[H][W];
static NOINLINE void across(u8 *restrict row, u8 *restrict sum) {
  row[-1] = row[W - 1]; row[W] = row[0];
  for (int x = 0; x < W; x++) sum[x] = row[x - 1] + row[x] + row[x + 1];
}
static NOINLINE void down(const u8 *restrict a, const u8 *restrict b, const u8 *restrict c, const u8 *restrict row, u8 *restrict out) {
  for (int x = 0; x < W; x++) {
    u8 n = a[x] + b[x] + c[x];
    out[x] = (n == 3) | ((n == 4) & row[x]);
  }
}
static u64 bench(long units) {
  u64 s = 71, acc = 0;
  for (int y = 0; y < H; y++) for (int x = 0; x < W; x++) cells[y][EDGE + x] = (xs64(&s) >> 40) % 3 == 0;
  for (long u = 0; u < units * 8; u++) {
    for (int y = 0; y < H; y++) across(cells[y] + EDGE, sums[y]);
    for (int y = 0; y < H; y++) down(sums[(y + H - 1) % H], sums[y], sums[(y + 1) % H], cells[y] + EDGE, next[y]);
    for (int y = 0; y < H; y++) memcpy(cells[y] + EDGE, next[y], W);
    u32 alive = 0; /* of one row */
    for (int x = 0; x < W; x++) alive += cells[u % H][EDGE + x];
    acc = acc * 31 + alive;
    cells[u % H][EDGE + (u * 7) % W] ^= 1; /* so that it never settles */
  }
  return acc;
}
