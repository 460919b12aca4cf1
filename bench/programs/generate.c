/* code that is written while the program runs: each function at an address of its own, called until it is hot, half of them
 * alone in a page; every fourth time one is written over an old one; a region that is full is written again from its start,
 * then unmapped, and the next lies elsewhere */
#include <sys/mman.h>
#include "bench.h"
static const char *bench_name = "generate";
#define REGION (1 << 23)
#define ROUNDS 2
#define PAGE 4096
#define SLOT 160 /* the longest function */
#define KEPT 512
typedef u64 (*function)(u64 value, long times);
static u8 *region, *hint = (u8 *)0x200000000; static long used, rounds;
static u8 *kept[KEPT]; static u32 count;

/* lea r8, next; jmp r8; next: mov rax, rdi; again: four to sixteen operations on rax; dec rsi; jnz again; ret */
static NOINLINE void write_function(u8 *to, u64 *s) {
  static const u8 start[] = { 0x4c, 0x8d, 0x05, 3, 0, 0, 0, 0x41, 0xff, 0xe0, 0x48, 0x89, 0xf8 };
  /* add, xor, imul with a constant; else a rotation */
  static const u8 operations[][4] = { { 2, 0x48, 0x05 }, { 2, 0x48, 0x35 }, { 3, 0x48, 0x69, 0xc0 } };
  u8 *p = to, *again;
  memcpy(p, start, sizeof start); p += sizeof start;
  again = p;
  for (int n = 4 + xs64(s) % 13; n > 0; n--) {
    u64 r = xs64(s) >> 16; u32 constant = r >> 8 | 1;
    if ((r & 3) == 3) { *p++ = 0x48; *p++ = 0xc1; *p++ = 0xc0; *p++ = constant & 63; continue; }
    const u8 *o = operations[r & 3];
    memcpy(p, o + 1, o[0]); p += o[0];
    memcpy(p, &constant, 4); p += 4;
  }
  *p++ = 0x48; *p++ = 0xff; *p++ = 0xce;
  *p = 0x75; p[1] = again - (p + 2); p += 2;
  *p = 0xc3;
}
static u8 *next_slot(u64 *s) {
  if (region && used > REGION - 2 * PAGE) { used = 0; rounds++; }
  if (!region || rounds == ROUNDS) {
    if (region) munmap(region, REGION);
    region = mmap(hint, REGION, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED) _exit(1);
    hint += 2 * REGION; used = rounds = 0; count = 0;
  }
  u8 *slot = region + used;
  u64 r = xs64(s) >> 32;
  used += SLOT + r % 64;
  if (r & 64) used = (used + PAGE - 1) / PAGE * PAGE + r % 2048;
  return slot;
}
static NOINLINE u64 hot(function f, u64 value) {
  for (int i = 0; i < 24; i++) value = f(value + i, 100);
  return value;
}
static u64 bench(long units) {
  u64 s = 53, acc = 1;
  for (long u = 0; u < units; u++)
    for (int i = 0; i < 32; i++) {
      u8 *slot = next_slot(&s);
      write_function(slot, &s);
      kept[count++ % KEPT] = slot;
      acc = hot((function)slot, acc);
      if (i % 4 == 3) {
        u8 *old = kept[(xs64(&s) >> 20) % (count < KEPT ? count : KEPT)];
        acc = hot((function)old, acc);
        write_function(old, &s);
        acc = hot((function)old, acc);
      }
    }
  return acc;
}
