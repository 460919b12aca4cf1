/* single precision: a radix-2 FFT of 16-bit samples, its peak, and back: float add/mul, conversions, comparisons */
#include "bench.h"
static const char *bench_name = "fft";
#define LOG 9
#define N (1 << LOG)
static float re[N], im[N], cosine[N / 2], sine[N / 2];
static short samples[N];
static void swap(float *a, float *b) { float t = *a; *a = *b; *b = t; }
static NOINLINE void permute(void) {
  for (u32 i = 0, j = 0; i < N; i++) {
    if (i < j) { swap(&re[i], &re[j]); swap(&im[i], &im[j]); }
    u32 bit = N >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j |= bit;
  }
}
static NOINLINE void transform(float sign) {
  permute();
  for (int half = 1, stride = N / 2; half < N; half *= 2, stride /= 2)
    for (int start = 0; start < N; start += 2 * half)
      for (int k = 0; k < half; k++) {
        float c = cosine[k * stride], s = sign * sine[k * stride];
        int a = start + k, b = a + half;
        float r = re[b] * c - im[b] * s, i = re[b] * s + im[b] * c;
        re[b] = re[a] - r; im[b] = im[a] - i;
        re[a] += r; im[a] += i;
      }
}
static NOINLINE int peak(void) {
  float most = -1; int at = 0;
  for (int i = 1; i < N / 2; i++) {
    float power = re[i] * re[i] + im[i] * im[i];
    if (power > most) { most = power; at = i; }
  }
  return at;
}
static NOINLINE u64 quantise(u64 acc) {
  for (int i = 0; i < N; i++) {
    float v = re[i] * (0.98f / N);
    v = v > 32767.0f ? 32767.0f : v < -32768.0f ? -32768.0f : v;
    samples[i] = (int)v;
    acc = acc * 31 + (u16)samples[i];
  }
  return acc;
}
static u64 bench(long units) {
  u64 s = 61, acc = 0;
  double x = 1, y = 0, c = 0.99992470183914454, d = 0.01227153828571993; /* cos, sin of pi / 256 */
  for (int i = 0; i < N / 2; i++) {
    cosine[i] = (float)x; sine[i] = (float)y;
    double t = x * c - y * d; y = x * d + y * c; x = t;
  }
  for (int i = 0; i < N; i++) samples[i] = (short)(xs64(&s) >> 48);
  for (long u = 0; u < units * 6; u++) {
    for (int i = 0; i < N; i++) { re[i] = (float)(samples[i] + (short)(xs64(&s) >> 56)); im[i] = 0; }
    transform(-1.0f);
    int at = peak();
    re[at] *= 0.5f; im[at] *= 0.5f; re[N - at] *= 0.5f; im[N - at] *= 0.5f;
    transform(1.0f);
    acc = quantise(acc) + at;
  }
  return acc;
}
