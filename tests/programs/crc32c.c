/* CRC32C: bit by bit, with a table, and with the crc32 instruction of SSE4.2. */
#include <nmmintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Castagnoli, reflected */
#define POLYNOMIAL 0x82f63b78u

static uint32_t table[256];

static uint32_t by_bits(uint32_t crc, const unsigned char *bytes, size_t length) {
  for (size_t n = 0; n < length; n++) {
    crc ^= bytes[n];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1) * POLYNOMIAL;
  }
  return crc;
}

static uint32_t by_table(uint32_t crc, const unsigned char *bytes, size_t length) {
  for (size_t n = 0; n < length; n++) crc = crc >> 8 ^ table[(crc ^ bytes[n]) & 0xff];
  return crc;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const unsigned char *bytes,
                                                                  size_t length) {
  for (; length >= 8; bytes += 8, length -= 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    crc = (uint32_t)_mm_crc32_u64(crc, word);
  }
  if (length >= 4) {
    uint32_t word;
    memcpy(&word, bytes, 4);
    crc = _mm_crc32_u32(crc, word);
    bytes += 4, length -= 4;
  }
  if (length >= 2) {
    uint16_t word;
    memcpy(&word, bytes, 2);
    crc = _mm_crc32_u16(crc, word);
    bytes += 2, length -= 2;
  }
  return length == 0 ? crc : _mm_crc32_u8(crc, *bytes);
}

int main(int argc, char **argv) {
  size_t length = 4000 * (argc > 1 ? atoi(argv[1]) : 1) + 3;
  unsigned char *bytes = malloc(length);
  const unsigned char *check = (const unsigned char *)"123456789";
  for (int n = 0; n < 256; n++) {
    unsigned char byte = n;
    table[n] = by_bits(0, &byte, 1);
  }
  for (size_t n = 0; n < length; n++) bytes[n] = (unsigned char)(n * 31 + (n >> 8));
  printf("check %08x %08x %08x\n", ~by_bits(~0u, check, 9), ~by_table(~0u, check, 9), ~by_instruction(~0u, check, 9));
  printf("bits        %08x\n", ~by_bits(~0u, bytes, length));
  printf("table       %08x\n", ~by_table(~0u, bytes, length));
  printf("instruction %08x\n", ~by_instruction(~0u, bytes, length));
  for (size_t n = 0; n < 17; n++) printf("%08x%c", ~by_instruction(~0u, bytes + n, n), n == 16 ? '\n' : ' ');
  free(bytes);
  return 0;
}
