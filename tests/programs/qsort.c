/* qsort and bsearch of integers, records and strings. Keys are unique where order would show stability. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 1500

struct record {
  char name[12];
  int key;
  double weight;
};

static uint32_t state = 12345;
static uint32_t next(void) {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

static int by_integer(const void *left, const void *right) {
  int a = *(const int *)left, b = *(const int *)right;
  return (a > b) - (a < b);
}
static int by_weight(const void *left, const void *right) {
  const struct record *a = left, *b = right;
  if (a->weight != b->weight) return a->weight < b->weight ? -1 : 1;
  return (a->key > b->key) - (a->key < b->key);
}
static int by_text(const void *left, const void *right) {
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static uint64_t digest(const void *bytes, size_t length) {
  const unsigned char *at = bytes;
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t n = 0; n < length; n++) hash = (hash ^ at[n]) * 0x100000001b3;
  return hash;
}

static void integers(int count) {
  int *values = malloc(count * sizeof *values);
  int missing = 0;
  for (int n = 0; n < count; n++) values[n] = (int)next();
  qsort(values, count, sizeof *values, by_integer);
  for (int n = 1; n < count; n++)
    if (values[n - 1] > values[n]) printf("out of order at %d\n", n);
  for (int n = 0; n < count; n += 7) missing += bsearch(&values[n], values, count, sizeof *values, by_integer) == NULL;
  printf("integers %d..%d digest %016" PRIx64 " missing %d\n", values[0], values[count - 1],
         digest(values, count * sizeof *values), missing);
  qsort(values, count, sizeof *values, by_integer);
  printf("sorted again %016" PRIx64 "\n", digest(values, count * sizeof *values));
  free(values);
}

static void records(int count) {
  struct record *all = calloc(count, sizeof *all);
  for (int n = 0; n < count; n++) {
    all[n].key = n;
    all[n].weight = (next() % 500) / 7.0 - 30;
    snprintf(all[n].name, sizeof all[n].name, "r%d", n);
  }
  qsort(all, count, sizeof *all, by_weight);
  for (int n = 0; n < count; n += count / 5) printf("%s %d %.6f\n", all[n].name, all[n].key, all[n].weight);
  free(all);
}

static void strings(void) {
  const char *words[] = {"futex", "qsort", "", "longjmp", "malloc", "a", "sigreturn", "brk", "zlib", "aes"};
  size_t count = sizeof words / sizeof words[0];
  qsort(words, count, sizeof words[0], by_text);
  for (size_t n = 0; n < count; n++) printf("'%s'%c", words[n], n + 1 == count ? '\n' : ' ');
}

int main(int argc, char **argv) {
  int scale = argc > 1 ? atoi(argv[1]) : 1;
  integers(COUNT * scale);
  records(COUNT / 3 * scale);
  strings();
  return 0;
}
