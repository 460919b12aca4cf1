/* SHA-256 (FIPS 180-4) in C. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t k[64], initial[8];

/* the first 32 bits of the fraction of a root of `prime` */
static uint32_t fraction(unsigned prime, int cube) {
  uint64_t low = 0, high = (uint64_t)16 << 32;
  while (high - low > 1) {
    uint64_t middle = (low + high) / 2;
    unsigned __int128 power = (unsigned __int128)middle * middle;
    int above = cube ? (power * middle) >> 32 >= (unsigned __int128)prime << 64 : power >= (unsigned __int128)prime << 64;
    if (above) high = middle;
    else low = middle;
  }
  return (uint32_t)low;
}

static void constants(void) {
  int found = 0;
  for (unsigned n = 2; found < 64; n++) {
    int prime = 1;
    for (unsigned d = 2; d * d <= n; d++) prime &= n % d != 0;
    if (!prime) continue;
    if (found < 8) initial[found] = fraction(n, 0);
    k[found++] = fraction(n, 1);
  }
}

#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))

static void compress(uint32_t *h, const unsigned char *block) {
  uint32_t w[64], s[8];
  for (int n = 0; n < 16; n++)
    w[n] = (uint32_t)block[4 * n] << 24 | block[4 * n + 1] << 16 | block[4 * n + 2] << 8 | block[4 * n + 3];
  for (int n = 16; n < 64; n++) {
    uint32_t a = w[n - 15], b = w[n - 2];
    w[n] = w[n - 16] + (ROTATE(a, 7) ^ ROTATE(a, 18) ^ a >> 3) + w[n - 7] + (ROTATE(b, 17) ^ ROTATE(b, 19) ^ b >> 10);
  }
  memcpy(s, h, sizeof s);
  for (int n = 0; n < 64; n++) {
    uint32_t sum1 = ROTATE(s[4], 6) ^ ROTATE(s[4], 11) ^ ROTATE(s[4], 25);
    uint32_t t1 = s[7] + sum1 + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[n] + w[n];
    uint32_t sum0 = ROTATE(s[0], 2) ^ ROTATE(s[0], 13) ^ ROTATE(s[0], 22);
    uint32_t t2 = sum0 + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[0] = t1 + t2;
    s[4] += t1;
  }
  for (int n = 0; n < 8; n++) h[n] += s[n];
}

static void sha256(const char *name, const unsigned char *bytes, size_t length) {
  uint32_t h[8];
  unsigned char tail[128] = {0};
  size_t whole = length / 64 * 64, rest = length - whole, padded = rest < 56 ? 64 : 128;
  memcpy(h, initial, sizeof h);
  for (size_t at = 0; at < whole; at += 64) compress(h, bytes + at);
  memcpy(tail, bytes + whole, rest);
  tail[rest] = 0x80;
  for (int n = 0; n < 8; n++) tail[padded - 1 - n] = (uint64_t)length * 8 >> 8 * n;
  for (size_t at = 0; at < padded; at += 64) compress(h, tail + at);
  printf("%s ", name);
  for (int n = 0; n < 8; n++) printf("%08x%c", h[n], n == 7 ? '\n' : ' ');
}

int main(int argc, char **argv) {
  size_t length = 3000 * (argc > 1 ? atoi(argv[1]) : 1);
  unsigned char *bytes = malloc(length);
  constants();
  for (size_t n = 0; n < length; n++) bytes[n] = (unsigned char)(n * n + 7 * n);
  sha256("empty", bytes, 0);
  sha256("abc", (const unsigned char *)"abc", 3);
  sha256("55", bytes, 55);
  sha256("56", bytes, 56);
  sha256("all", bytes, length);
  free(bytes);
  return 0;
}
