/* AES-128 (FIPS 197): in C with tables, and where the processor has it with AES-NI; CTR and CBC over a buffer. */
#include <cpuid.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wmmintrin.h>

static unsigned char box[256], inverse_box[256];
static unsigned char keys[11][16];

static unsigned char twice(unsigned char x) { return (unsigned char)(x << 1 ^ (x >> 7) * 0x1b); }
static void tables(void) {
  /* 3 generates the field without 0: the inverse of its nth power is its (255-n)th */
  unsigned char powers[256] = {1};
  for (int n = 1; n < 256; n++) powers[n] = powers[n - 1] ^ twice(powers[n - 1]);
  for (int n = 0; n < 256; n++) {
    unsigned char number = n == 255 ? 0 : powers[n], inverse = n == 255 ? 0 : powers[255 - n], value = 0x63;
    for (int r = 0; r < 5; r++) value ^= inverse << r | inverse >> (8 - r);
    box[number] = value;
    inverse_box[value] = number;
  }
}

static void expand(const unsigned char *key) {
  unsigned char round = 1, *at = keys[0];
  memcpy(at, key, 16);
  for (int n = 16; n < 176; n += 4) {
    unsigned char word[4];
    memcpy(word, at + n - 4, 4);
    if (n % 16 == 0) {
      unsigned char first = word[0];
      word[0] = box[word[1]] ^ round;
      word[1] = box[word[2]];
      word[2] = box[word[3]];
      word[3] = box[first];
      round = twice(round);
    }
    for (int m = 0; m < 4; m++) at[n + m] = at[n + m - 16] ^ word[m];
  }
}

static void add(unsigned char *state, const unsigned char *key) {
  for (int n = 0; n < 16; n++) state[n] ^= key[n];
}

static void encrypt(unsigned char *out, const unsigned char *in) {
  unsigned char state[16], moved[16];
  memcpy(state, in, 16);
  add(state, keys[0]);
  for (int round = 1; round <= 10; round++) {
    for (int n = 0; n < 16; n++) moved[n] = box[state[(n + n % 4 * 4) % 16]];
    for (int column = 0; column < 16 && round < 10; column += 4) {
      unsigned char *c = moved + column, all = c[0] ^ c[1] ^ c[2] ^ c[3], first = c[0];
      for (int n = 0; n < 4; n++) c[n] ^= all ^ twice(c[n] ^ (n == 3 ? first : c[n + 1]));
    }
    memcpy(state, moved, 16);
    add(state, keys[round]);
  }
  memcpy(out, state, 16);
}

static void decrypt(unsigned char *out, const unsigned char *in) {
  unsigned char state[16], moved[16];
  memcpy(state, in, 16);
  for (int round = 10; round >= 1; round--) {
    add(state, keys[round]);
    for (int column = 0; column < 16 && round < 10; column += 4) {
      unsigned char *c = state + column, u = twice(twice(c[0] ^ c[2])), v = twice(twice(c[1] ^ c[3]));
      c[0] ^= u, c[2] ^= u, c[1] ^= v, c[3] ^= v;
      unsigned char all = c[0] ^ c[1] ^ c[2] ^ c[3], first = c[0];
      for (int n = 0; n < 4; n++) c[n] ^= all ^ twice(c[n] ^ (n == 3 ? first : c[n + 1]));
    }
    for (int n = 0; n < 16; n++) moved[(n + n % 4 * 4) % 16] = inverse_box[state[n]];
    memcpy(state, moved, 16);
  }
  add(state, keys[0]);
  memcpy(out, state, 16);
}

__attribute__((target("aes,sse2"))) static void encrypt_ni(unsigned char *out, const unsigned char *in) {
  __m128i state = _mm_xor_si128(_mm_loadu_si128((const void *)in), _mm_loadu_si128((const void *)keys[0]));
  for (int n = 1; n < 10; n++) state = _mm_aesenc_si128(state, _mm_loadu_si128((const void *)keys[n]));
  _mm_storeu_si128((void *)out, _mm_aesenclast_si128(state, _mm_loadu_si128((const void *)keys[10])));
}

__attribute__((target("aes,sse2"))) static void decrypt_ni(unsigned char *out, const unsigned char *in) {
  __m128i state = _mm_xor_si128(_mm_loadu_si128((const void *)in), _mm_loadu_si128((const void *)keys[10]));
  for (int n = 9; n > 0; n--)
    state = _mm_aesdec_si128(state, _mm_aesimc_si128(_mm_loadu_si128((const void *)keys[n])));
  _mm_storeu_si128((void *)out, _mm_aesdeclast_si128(state, _mm_loadu_si128((const void *)keys[0])));
}

__attribute__((target("aes,sse2"))) static int same_schedule(void) {
  __m128i sum = _mm_loadu_si128((const void *)keys[0]);
  __m128i assist = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(sum, 1), 0xff);
  sum = _mm_xor_si128(sum, _mm_slli_si128(sum, 4));
  sum = _mm_xor_si128(sum, _mm_slli_si128(sum, 8));
  unsigned char next[16];
  _mm_storeu_si128((void *)next, _mm_xor_si128(sum, assist));
  return memcmp(next, keys[1], 16) == 0;
}

static void print(const char *name, const unsigned char *bytes) {
  printf("%s ", name);
  for (int n = 0; n < 16; n++) printf("%02x%s", bytes[n], n == 15 ? "\n" : "");
}

typedef void block_function(unsigned char *out, const unsigned char *in);

static void modes(const char *name, block_function *forth, block_function *back, int blocks) {
  unsigned char counter[16] = {0}, chain[16] = {0}, sum[16] = {0};
  int wrong = 0;
  for (int n = 0; n < blocks; n++) {
    unsigned char stream[16], plain[16], again[16];
    counter[15] = n, counter[14] = n >> 8;
    forth(stream, counter);
    for (int m = 0; m < 16; m++) plain[m] = (unsigned char)(n * 16 + m), sum[m] ^= stream[m] ^ plain[m];
    add(chain, plain);
    forth(chain, chain);
    back(again, stream);
    wrong += memcmp(again, counter, 16) != 0;
  }
  printf("%s wrong %d\n", name, wrong);
  print("  ctr", sum);
  print("  cbc", chain);
}

int main(int argc, char **argv) {
  int blocks = 16 * (argc > 1 ? atoi(argv[1]) : 1);
  unsigned char key[16], text[16], out[16];
  for (int n = 0; n < 16; n++) key[n] = n, text[n] = n * 0x11;
  tables();
  expand(key);
  encrypt(out, text);
  print("FIPS 197 C.1", out);
  modes("C", encrypt, decrypt, blocks);
  unsigned a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) != 0) {
    printf("schedule %s\n", same_schedule() ? "same" : "other");
    modes("AES-NI", encrypt_ni, decrypt_ni, blocks);
  }
  return 0;
}
