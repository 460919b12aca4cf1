/* What the benchmark programs share. `prog [units]` prints "<name> <units> <16 hex digits of checksum>"; a unit is about
 * a million instructions. All data is in .bss. */
#ifndef BENCH_H
#define BENCH_H
#include <string.h>
#include <unistd.h>
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
#define NOINLINE __attribute__((noinline))
static inline long raw_syscall0(long nr) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "0"(nr) : "rcx", "r11", "memory");
  return r;
}
static inline u64 xs64(u64 *s) {
  u64 x = *s;
  x ^= x << 13; x ^= x >> 7; x ^= x << 17;
  return *s = x;
}
static u64 bench(long units);
static const char *bench_name;
int main(int argc, char **argv) {
  long n = 0;
  if (argc > 1) { const char *p = argv[1]; while (*p >= '0' && *p <= '9') n = n * 10 + (*p++ - '0'); }
  u64 c = n < 1 ? 0 : bench(n); /* 0 units: the start-up alone */
  char buf[96]; int k = 0;
  for (const char *p = bench_name; *p; p++) buf[k++] = *p;
  buf[k++] = ' ';
  char d[24]; int m = 0; long t = n;
  do { d[m++] = '0' + t % 10; t /= 10; } while (t);
  while (m) buf[k++] = d[--m];
  buf[k++] = ' ';
  for (int i = 60; i >= 0; i -= 4) buf[k++] = "0123456789abcdef"[(c >> i) & 15];
  buf[k++] = '\n';
  return write(1, buf, k) != k;
}
#endif
