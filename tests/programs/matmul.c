/* Products of matrices of doubles, floats and integers; loops that a compiler turns into vectors. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MULTIPLY(type, name, format)                                                                                  \
  static void name(int size) {                                                                                        \
    type *a = malloc(size * size * sizeof *a), *b = malloc(size * size * sizeof *b), *c = calloc(size * size, sizeof *c); \
    type trace = 0, sum = 0;                                                                                          \
    for (int n = 0; n < size * size; n++) {                                                                           \
      a[n] = (type)(n % 17 - 8) / (type)3;                                                                            \
      b[n] = (type)(n % 13 + 1) * (type)7 / (type)5;                                                                  \
    }                                                                                                                 \
    for (int i = 0; i < size; i++)                                                                                    \
      for (int k = 0; k < size; k++)                                                                                  \
        for (int j = 0; j < size; j++) c[i * size + j] += a[i * size + k] * b[k * size + j];                          \
    for (int n = 0; n < size; n++) trace += c[n * size + n];                                                          \
    for (int n = 0; n < size * size; n++) sum += c[n];                                                                \
    printf(#name " trace " format " sum " format " corner " format "\n", trace, sum, c[size * size - 1]);            \
    free(a), free(b), free(c);                                                                                        \
  }

MULTIPLY(double, doubles, "%a")
MULTIPLY(float, floats, "%a")
MULTIPLY(int32_t, words, "%d")
MULTIPLY(int64_t, longs, "%ld")
MULTIPLY(int16_t, halves, "%d")

int main(int argc, char **argv) {
  int size = 19 + 10 * ((argc > 1 ? atoi(argv[1]) : 1) - 1);
  doubles(size);
  floats(size);
  words(size);
  longs(size);
  halves(size);
  return 0;
}
