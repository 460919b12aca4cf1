/* text: formatted numbers, strtok, strstr, strtol and memmove of the C library, and own loops over UTF-8 */
#include <stdio.h>
#include <stdlib.h>
#include "bench.h"
static const char *bench_name = "string";
#define N 4096
static char line[N], copy[N];
static u8 utf8[N];
static NOINLINE long format(u64 *s) {
  long at = 0;
  while (at < N - 128) {
    u64 r = xs64(s);
    at += snprintf(line + at, N - at, "%s=%ld,%#x;%05u|", r & 1 ? "left" : "right", (long)(r >> 40) - 8000000, (u32)(r >> 8 & 0xffff), (u32)(r & 8191));
  }
  return at;
}
static NOINLINE u64 tokens(long n) {
  u64 acc = 0; char *rest;
  memcpy(copy, line, n + 1);
  for (char *token = strtok_r(copy, ",;|", &rest); token; token = strtok_r(NULL, ",;|", &rest)) {
    char *equals = strchr(token, '=');
    acc = acc * 31 + (equals ? strncmp(token, "left", 4) == 0 : 2) + strtol(equals ? equals + 1 : token, NULL, 0);
  }
  return acc;
}
static NOINLINE u64 count(const char *needle) {
  u64 n = 0;
  for (const char *p = line; (p = strstr(p, needle)); p++) n++;
  return n;
}
/* cuts every field of eight characters or longer short */
static NOINLINE long squeeze(long n) {
  for (long at = 0, field = 0; at < n; at++) {
    if (line[at] != '|') { field++; continue; }
    if (field >= 8) { memmove(line + at - 4, line + at, n - at + 1); at -= 4; n -= 4; }
    field = 0;
  }
  return n;
}
static NOINLINE long encode(u64 *s) {
  long at = 0;
  while (at < N - 4) {
    u64 r = xs64(s) >> 20; u32 c = r >> 8 & (r & 4 ? 0x7f : r & 2 ? 0x7ff : r & 1 ? 0xffff : 0x10ffff);
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) c = '?';
    if (c < 0x80) utf8[at++] = c;
    else if (c < 0x800) { utf8[at++] = 0xc0 | c >> 6; utf8[at++] = 0x80 | (c & 63); }
    else if (c < 0x10000) { utf8[at++] = 0xe0 | c >> 12; utf8[at++] = 0x80 | (c >> 6 & 63); utf8[at++] = 0x80 | (c & 63); }
    else { utf8[at++] = 0xf0 | c >> 18; utf8[at++] = 0x80 | (c >> 12 & 63); utf8[at++] = 0x80 | (c >> 6 & 63); utf8[at++] = 0x80 | (c & 63); }
  }
  return at;
}
/* code points up to the first ill-formed one */
static NOINLINE long validate(long n) {
  long points = 0;
  for (long at = 0; at < n; points++) {
    u32 c = utf8[at++]; int more = c < 0x80 ? 0 : c < 0xc2 ? -1 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : -1;
    if (more < 0 || at + more > n) return points;
    if (!more) continue;
    u8 low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (utf8[at] < low || utf8[at] > high) return points;
    for (at++; --more > 0; at++) if ((utf8[at] & 0xc0) != 0x80) return points;
  }
  return points;
}
static u64 bench(long units) {
  u64 s = 47, acc = 0;
  for (long u = 0; u < units; u++) {
    long n = format(&s);
    acc = acc * 31 + tokens(n) + count("right=") * 3 + count("0x5") + count("=-12;") + count("no such text");
    acc = acc * 31 + squeeze(n) + strlen(line);
    n = encode(&s);
    acc = acc * 31 + validate(n);
    utf8[xs64(&s) % n] ^= 0x40;
    acc = acc * 31 + validate(n);
  }
  return acc;
}
