/* compress and decompress a generated text: LZ77 over hash chains, then canonical Huffman codes of at most 15 bits;
 * the ideas of RFC 1951 with a plainer header */
#include "bench.h"
static const char *bench_name = "deflate";
#define N 6144
#define END 256 /* ends the block; 257 + length - MIN are matches */
#define MIN 3
#define MAX 66
#define SYMBOLS (257 + MAX - MIN + 1)
#define DISTANCES 16 /* bits of a distance */
#define HASH 4096
#define CHAIN 12
static u8 original[N], text[N], packed[N * 2], back[N];
static int head[HASH], previous[N];
static u16 tokens[N + 1], distances[N + 1];

struct code { int n; u32 weight[SYMBOLS]; u8 length[SYMBOLS]; u16 bits[SYMBOLS]; u16 count[16], symbol[SYMBOLS]; };
static struct code literals = { .n = SYMBOLS }, offsets = { .n = DISTANCES };

static u64 bit_buffer; static int bit_count; static u8 *bit_pointer;
static void put(u32 value, int n) {
  bit_buffer |= (u64)value << bit_count; bit_count += n;
  while (bit_count >= 8) { *bit_pointer++ = bit_buffer; bit_buffer >>= 8; bit_count -= 8; }
}
static u32 get(int n) {
  while (bit_count < n) { bit_buffer |= (u64)*bit_pointer++ << bit_count; bit_count += 8; }
  u32 value = bit_buffer & ((1u << n) - 1);
  bit_buffer >>= n; bit_count -= n;
  return value;
}

/* code lengths: a heap of weights joined two by two; a tree that grows too deep is tried again with flatter weights */
static NOINLINE void lengths(struct code *c) {
  static u32 weight[2 * SYMBOLS]; static u16 parent[2 * SYMBOLS], heap[SYMBOLS + 1];
  for (;;) {
    int size = 0, nodes = c->n, deepest = 0;
    for (int i = 0; i < c->n; i++) {
      c->length[i] = 0;
      if (!(weight[i] = c->weight[i])) continue;
      int at = ++size;
      for (; at > 1 && weight[heap[at / 2]] > weight[i]; at /= 2) heap[at] = heap[at / 2];
      heap[at] = i;
    }
    while (size > 1) {
      int pair[2];
      for (int k = 0; k < 2; k++) {
        pair[k] = heap[1];
        int last = heap[size--], at = 1, child;
        for (; (child = at * 2) <= size; at = child) {
          if (child < size && weight[heap[child + 1]] < weight[heap[child]]) child++;
          if (weight[last] <= weight[heap[child]]) break;
          heap[at] = heap[child];
        }
        heap[at] = last;
      }
      weight[nodes] = weight[pair[0]] + weight[pair[1]];
      parent[pair[0]] = parent[pair[1]] = nodes;
      int at = ++size;
      for (; at > 1 && weight[heap[at / 2]] > weight[nodes]; at /= 2) heap[at] = heap[at / 2];
      heap[at] = nodes++;
    }
    for (int i = 0; i < c->n; i++) {
      if (!c->weight[i]) continue;
      int depth = 0;
      for (int at = i; at != nodes - 1; at = parent[at]) depth++;
      c->length[i] = depth ? depth : 1;
      if (depth > deepest) deepest = depth;
    }
    if (deepest <= 15) return;
    for (int i = 0; i < c->n; i++) if (c->weight[i]) c->weight[i] = c->weight[i] / 2 + 1;
  }
}
static void canonical(struct code *c) {
  u16 next[16], first[16] = { 0 }; u32 bits = 0;
  memset(c->count, 0, sizeof c->count);
  for (int i = 0; i < c->n; i++) c->count[c->length[i]]++;
  c->count[0] = 0;
  for (int n = 1; n < 16; n++) { bits = (bits + c->count[n - 1]) << 1; next[n] = bits; first[n] = first[n - 1] + c->count[n - 1]; }
  for (int i = 0; i < c->n; i++) {
    int n = c->length[i]; u32 reversed = 0, code;
    if (!n) continue;
    c->symbol[first[n]++] = i;
    code = next[n]++;
    for (int k = 0; k < n; k++) { reversed = reversed << 1 | (code & 1); code >>= 1; }
    c->bits[i] = reversed;
  }
}
static int decode(const struct code *c) {
  int code = 0, first = 0, index = 0;
  for (int n = 1; n < 16; n++) {
    code |= get(1);
    if (code - c->count[n] < first) return c->symbol[index + code - first];
    index += c->count[n]; first = (first + c->count[n]) << 1; code <<= 1;
  }
  return END;
}

static NOINLINE int match(int at, int candidate) {
  int n = 0, most = N - at < MAX ? N - at : MAX;
  while (n < most && text[at + n] == text[candidate + n]) n++;
  return n;
}
static NOINLINE int find_matches(void) {
  int count = 0;
  for (int i = 0; i < HASH; i++) head[i] = -1;
  for (int at = 0; at < N;) {
    int best = 0, from = 0, step = 1;
    if (at + MIN <= N) {
      u32 h = ((text[at] << 16 | text[at + 1] << 8 | text[at + 2]) * 0x9E3779B1u) >> 20;
      int candidate = head[h];
      for (int k = 0; k < CHAIN && candidate >= 0; k++, candidate = previous[candidate]) {
        int n = match(at, candidate);
        if (n > best) { best = n; from = candidate; }
      }
      previous[at] = head[h]; head[h] = at;
    }
    if (best >= MIN) { step = best; tokens[count] = 257 + best - MIN; distances[count++] = at - from; }
    else tokens[count++] = text[at];
    at += step;
  }
  tokens[count++] = END;
  return count;
}
static int width(u32 n) { return 31 - __builtin_clz(n); }
static NOINLINE long compress(void) {
  int count = find_matches();
  memset(literals.weight, 0, sizeof literals.weight); memset(offsets.weight, 0, sizeof offsets.weight);
  for (int i = 0; i < count; i++) { literals.weight[tokens[i]]++; if (tokens[i] > END) offsets.weight[width(distances[i])]++; }
  lengths(&literals); lengths(&offsets); canonical(&literals); canonical(&offsets);
  bit_pointer = packed; bit_buffer = bit_count = 0;
  for (int i = 0; i < SYMBOLS; i++) put(literals.length[i], 4);
  for (int i = 0; i < DISTANCES; i++) put(offsets.length[i], 4);
  for (int i = 0; i < count; i++) {
    put(literals.bits[tokens[i]], literals.length[tokens[i]]);
    if (tokens[i] > END) {
      int n = width(distances[i]);
      put(offsets.bits[n], offsets.length[n]);
      put(distances[i] & ((1 << n) - 1), n);
    }
  }
  put(0, 7);
  return bit_pointer - packed;
}
static NOINLINE long decompress(void) {
  long out = 0;
  bit_pointer = packed; bit_buffer = bit_count = 0;
  for (int i = 0; i < SYMBOLS; i++) literals.length[i] = get(4);
  for (int i = 0; i < DISTANCES; i++) offsets.length[i] = get(4);
  canonical(&literals); canonical(&offsets);
  for (;;) {
    int symbol = decode(&literals);
    if (symbol == END) return out;
    if (symbol < END) { back[out++] = symbol; continue; }
    int n = decode(&offsets); long from = out - (1 << n | (int)get(n));
    for (int left = symbol - 257 + MIN; left > 0; left--) back[out++] = back[from++];
  }
}
/* words drawn unevenly from a vocabulary, with punctuation */
static NOINLINE void generate(u64 *s) {
  static char words[256][12];
  for (int i = 0; i < 256; i++) { int n = 2 + xs64(s) % 8; for (int k = 0; k < n; k++) words[i][k] = 'a' + (xs64(s) % 26 * (xs64(s) % 26)) / 26; words[i][n] = 0; }
  for (long at = 0; at < N;) {
    u64 r = xs64(s) >> 20;
    for (const char *p = words[(r & 255) * (r >> 8 & 255) >> 8]; *p && at < N; p++) original[at++] = *p;
    if (at < N) original[at++] = (r >> 16 & 15) == 0 ? '.' : ' ';
  }
}
static u64 bench(long units) {
  u64 s = 31, acc = 0;
  generate(&s);
  for (long u = 0; u < units; u++) {
    memcpy(text, original, N);
    for (int i = 0; i < 64; i++) text[xs64(&s) % N] = 'a' + (u + i) % 26;
    long size = compress(), n = decompress();
    acc = acc * 31 + size + (n == N && memcmp(text, back, N) == 0 ? 0 : 0xbad);
    for (long i = 0; i < size; i += 13) acc = acc * 31 + packed[i];
  }
  return acc;
}
