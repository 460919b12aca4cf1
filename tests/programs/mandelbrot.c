/* The Mandelbrot set in text, with double and with long double. */
#include <stdio.h>
#include <stdlib.h>

#define LIMIT 48

#define SET(real)                                                                                                     \
  static long draw_##real(int width, int height) {                                                                    \
    long total = 0;                                                                                                   \
    for (int row = 0; row < height; row++) {                                                                          \
      for (int column = 0; column < width; column++) {                                                                \
        real x = 0, y = 0, u = (real)column * 3 / width - 2, v = (real)row * 2 / height - 1;                          \
        int count = 0;                                                                                                \
        for (; count < LIMIT && x * x + y * y < 4; count++) {                                                         \
          real next = x * x - y * y + u;                                                                              \
          y = 2 * x * y + v;                                                                                          \
          x = next;                                                                                                   \
        }                                                                                                             \
        total += count;                                                                                               \
        putchar(" .,:;+=xX$&#@"[count / 4]);                                                                          \
      }                                                                                                               \
      putchar('\n');                                                                                                  \
    }                                                                                                                 \
    return total;                                                                                                     \
  }

typedef long double long_double;
SET(double)
SET(long_double)

int main(int argc, char **argv) {
  int scale = argc > 1 ? atoi(argv[1]) : 1;
  printf("%ld steps of doubles\n", draw_double(44 * scale, 14 * scale));
  printf("%ld steps of long doubles\n", draw_long_double(22 * scale, 7 * scale));
  return 0;
}
