/* malloc, calloc, realloc, aligned_alloc and free under a random load; every block holds its own pattern. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 200
#define STEPS 1500

struct block {
  unsigned char *bytes;
  size_t length;
  unsigned char pattern;
};

static struct block blocks[SLOTS];
static uint32_t state = 2463534242u;
static uint32_t next(void) {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

static int spoiled, misaligned, dirty, refused;
static unsigned long counts[4], bytes_moved;

/* mostly small, some of pages, few beyond the threshold at which malloc uses mmap */
static size_t size(void) {
  uint32_t kind = next() % 100;
  return kind < 80 ? next() % 256 : kind < 99 ? next() % 8192 : 140000 + next() % 50000;
}

static int holds(const struct block *block, size_t length) {
  size_t step = length > 4096 ? 509 : 1;
  for (size_t n = 0; n < length; n += step)
    if (block->bytes[n] != block->pattern) return 0;
  return 1;
}

static void fill(struct block *block, unsigned char *bytes, size_t length) {
  if (bytes == NULL) {
    refused++;
    length = 0;
  }
  *block = (struct block){bytes, length, (unsigned char)next()};
  if (bytes != NULL) memset(bytes, block->pattern, length);
}

static void step(struct block *block) {
  size_t length = size() + 1;
  if (block->bytes == NULL) {
    unsigned kind = next() % 3;
    counts[kind]++;
    if (kind == 0) fill(block, malloc(length), length);
    else if (kind == 1) {
      unsigned char *bytes = calloc(length, 1);
      for (size_t n = 0; bytes != NULL && n < length; n += 61) dirty += bytes[n] != 0;
      fill(block, bytes, length);
    } else {
      size_t alignment = (size_t)16 << next() % 8;
      unsigned char *bytes = aligned_alloc(alignment, (length + alignment - 1) & ~(alignment - 1));
      misaligned += ((uintptr_t)bytes & (alignment - 1)) != 0;
      fill(block, bytes, length);
    }
    return;
  }
  spoiled += !holds(block, block->length);
  if (next() % 3 == 0) {
    size_t kept = length < block->length ? length : block->length;
    unsigned char *bytes = realloc(block->bytes, length);
    counts[3]++;
    bytes_moved += kept;
    block->bytes = bytes;
    spoiled += !holds(block, kept);
    fill(block, bytes, length);
  } else {
    free(block->bytes);
    *block = (struct block){NULL, 0, 0};
  }
}

int main(int argc, char **argv) {
  int steps = STEPS * (argc > 1 ? atoi(argv[1]) : 1);
  unsigned long live = 0, total = 0;
  for (int n = 0; n < steps; n++) step(&blocks[next() % SLOTS]);
  for (int n = 0; n < SLOTS; n++) {
    live += blocks[n].bytes != NULL;
    total += blocks[n].length;
    spoiled += !holds(&blocks[n], blocks[n].length);
    free(blocks[n].bytes);
  }
  printf("malloc %lu calloc %lu aligned_alloc %lu realloc %lu kept %lu\n", counts[0], counts[1], counts[2], counts[3],
         bytes_moved);
  printf("live %lu blocks, %lu bytes\n", live, total);
  printf("spoiled %d misaligned %d dirty %d refused %d\n", spoiled, misaligned, dirty, refused);
  volatile size_t impossible = SIZE_MAX / 2;
  printf("impossible: %s\n", malloc(impossible) == NULL ? "NULL" : "a block");
  return spoiled + misaligned + dirty + refused != 0;
}
