/* What zlib does, small: LZ77 with a hash chain and canonical Huffman codes; inflated again and compared. Adler-32. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 4096
#define HASHES 1024
#define SHORTEST 3
#define LONGEST 66
#define LITERALS 256
/* lengths SHORTEST..LONGEST follow the literals */
#define SYMBOLS (LITERALS + LONGEST - SHORTEST + 1)
#define LONGEST_CODE 15

static uint32_t adler32(const unsigned char *bytes, size_t length) {
  uint32_t a = 1, b = 0;
  for (size_t n = 0; n < length; n++) {
    a = (a + bytes[n]) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

struct token {
  uint16_t symbol, distance;
};

static size_t find_tokens(struct token *tokens, const unsigned char *in, size_t length) {
  int *head = malloc(HASHES * sizeof *head), *previous = malloc(length * sizeof *previous);
  size_t count = 0, inserted = 0;
  memset(head, -1, HASHES * sizeof *head);
  for (size_t at = 0; at < length;) {
    size_t best = 0, distance = 0, limit = length - at < LONGEST ? length - at : LONGEST;
    for (; inserted < at && inserted + SHORTEST <= length; inserted++) {
      unsigned hash = (in[inserted] * 33u + in[inserted + 1] * 7u + in[inserted + 2]) % HASHES;
      previous[inserted] = head[hash];
      head[hash] = (int)inserted;
    }
    if (limit >= SHORTEST) {
      unsigned hash = (in[at] * 33u + in[at + 1] * 7u + in[at + 2]) % HASHES;
      int tries = 16;
      for (int from = head[hash]; from >= 0 && at - from <= WINDOW && tries-- > 0; from = previous[from]) {
        size_t same = 0;
        while (same < limit && in[from + same] == in[at + same]) same++;
        if (same > best) best = same, distance = at - from;
      }
    }
    if (best >= SHORTEST) tokens[count++] = (struct token){LITERALS + best - SHORTEST, distance};
    else tokens[count++] = (struct token){in[at], 0}, best = 1;
    at += best;
  }
  free(head);
  free(previous);
  return count;
}

/* lengths of Huffman codes; frequencies are halved until none is longer than LONGEST_CODE */
static void code_lengths(unsigned char *lengths, const unsigned *frequencies) {
  static unsigned weights[2 * SYMBOLS];
  static int parents[2 * SYMBOLS];
  for (int shift = 0;; shift++) {
    int nodes = SYMBOLS, longest = 0;
    for (int n = 0; n < SYMBOLS; n++) weights[n] = frequencies[n] == 0 ? 0 : (frequencies[n] >> shift) + 1;
    memset(parents, -1, sizeof parents);
    for (;;) {
      int least = -1, second = -1;
      for (int n = 0; n < nodes; n++) {
        if (weights[n] == 0 || parents[n] >= 0) continue;
        if (least < 0 || weights[n] < weights[least]) second = least, least = n;
        else if (second < 0 || weights[n] < weights[second]) second = n;
      }
      if (second < 0) break;
      weights[nodes] = weights[least] + weights[second];
      parents[least] = parents[second] = nodes++;
    }
    for (int n = 0; n < SYMBOLS; n++) {
      int depth = 0;
      for (int m = n; weights[n] != 0 && parents[m] >= 0; m = parents[m]) depth++;
      lengths[n] = depth;
      if (depth > longest) longest = depth;
    }
    if (longest <= LONGEST_CODE) return;
  }
}

/* the first code of each length, and the symbols in the order of their codes (RFC 1951, 3.2.2) */
struct code {
  unsigned first[LONGEST_CODE + 2], count[LONGEST_CODE + 2], offset[LONGEST_CODE + 2];
  uint16_t symbols[SYMBOLS], codes[SYMBOLS];
};
static void assign(struct code *code, const unsigned char *lengths) {
  unsigned next = 0, at = 0;
  memset(code, 0, sizeof *code);
  for (int length = 1; length <= LONGEST_CODE; length++) {
    next <<= 1;
    code->first[length] = next;
    code->offset[length] = at;
    for (int n = 0; n < SYMBOLS; n++) {
      if (lengths[n] != length) continue;
      code->symbols[at++] = n;
      code->codes[n] = next++;
      code->count[length]++;
    }
  }
}

struct bits {
  unsigned char *bytes;
  size_t at;
};
static void put(struct bits *out, unsigned value, int count) {
  while (count-- > 0) {
    out->bytes[out->at / 8] |= (value >> count & 1) << out->at % 8;
    out->at++;
  }
}
static unsigned get(struct bits *in, int count) {
  unsigned value = 0;
  for (; count-- > 0; in->at++) value = value << 1 | (in->bytes[in->at / 8] >> in->at % 8 & 1);
  return value;
}

static size_t deflate(struct bits *out, const unsigned char *in, size_t length) {
  static unsigned frequencies[SYMBOLS];
  static unsigned char lengths[SYMBOLS];
  static struct code code;
  struct token *tokens = malloc((length + 1) * sizeof *tokens);
  size_t count = find_tokens(tokens, in, length);
  memset(frequencies, 0, sizeof frequencies);
  for (size_t n = 0; n < count; n++) frequencies[tokens[n].symbol]++;
  code_lengths(lengths, frequencies);
  assign(&code, lengths);
  for (int n = 0; n < SYMBOLS; n++) put(out, lengths[n], 4);
  for (size_t n = 0; n < count; n++) {
    put(out, code.codes[tokens[n].symbol], lengths[tokens[n].symbol]);
    if (tokens[n].symbol >= LITERALS) put(out, tokens[n].distance - 1, 12);
  }
  free(tokens);
  return count;
}

static void inflate(unsigned char *out, size_t length, struct bits *in) {
  static unsigned char lengths[SYMBOLS];
  static struct code code;
  for (int n = 0; n < SYMBOLS; n++) lengths[n] = get(in, 4);
  assign(&code, lengths);
  for (size_t at = 0; at < length;) {
    unsigned value = 0, bits = 0;
    do value = value << 1 | get(in, 1), bits++;
    while (bits < LONGEST_CODE && value - code.first[bits] >= code.count[bits]);
    unsigned symbol = code.symbols[code.offset[bits] + value - code.first[bits]];
    if (symbol < LITERALS) out[at++] = symbol;
    else {
      size_t distance = get(in, 12) + 1, repeated = symbol - LITERALS + SHORTEST;
      for (; repeated > 0 && at < length; repeated--, at++) out[at] = out[at - distance];
    }
  }
}

int main(int argc, char **argv) {
  static const char *const words[] = {"kernel ", "box ", "probe ", "static ", "the ", "a ", "of ", "extension\n"};
  size_t length = 3000 * (argc > 1 ? atoi(argv[1]) : 1), at = 0;
  unsigned char *text = malloc(length), *again = malloc(length);
  struct bits packed = {calloc(length * 2 + 4096, 1), 0};
  for (uint32_t state = 99; at < length; state = state * 1664525 + 1013904223) {
    const char *word = words[state >> 29];
    for (; *word != 0 && at < length; word++) text[at++] = *word;
    if ((state >> 20 & 7) == 0 && at < length) text[at++] = state >> 12;
  }
  size_t tokens = deflate(&packed, text, length), bytes = (packed.at + 7) / 8;
  packed.at = 0;
  inflate(again, length, &packed);
  printf("%zu bytes, %zu tokens, %zu bytes packed\n", length, tokens, bytes);
  printf("adler32 %08x packed %08x unpacked %08x\n", adler32(text, length), adler32(packed.bytes, bytes),
         adler32(again, length));
  int differs = memcmp(text, again, length) != 0;
  printf("%s\n", differs ? "differs" : "same");
  return differs;
}
