/* A fast Fourier transform forth and back, in double with libm's sines and in float. */
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void transform(double complex *values, int size, int direction) {
  for (int n = 1, reversed = 0; n < size; n++) {
    int bit = size >> 1;
    for (; reversed & bit; bit >>= 1) reversed ^= bit;
    reversed ^= bit;
    if (n < reversed) {
      double complex other = values[n];
      values[n] = values[reversed];
      values[reversed] = other;
    }
  }
  for (int half = 1; half < size; half *= 2)
    for (int n = 0; n < half; n++) {
      double angle = direction * acos(-1) * n / half;
      double complex factor = CMPLX(cos(angle), sin(angle));
      for (int at = n; at < size; at += 2 * half) {
        double complex other = factor * values[at + half];
        values[at + half] = values[at] - other;
        values[at] += other;
      }
    }
}

/* the plain sum, for one frequency */
static float complex slow(const float complex *values, int size, int frequency) {
  float complex sum = 0;
  for (int n = 0; n < size; n++) {
    float angle = -2 * (float)M_PI * (float)(frequency * n % size) / (float)size;
    sum += values[n] * CMPLXF(cosf(angle), sinf(angle));
  }
  return sum;
}

int main(int argc, char **argv) {
  int size = 64 << (argc > 1 ? atoi(argv[1]) - 1 : 0);
  double complex *values = malloc(size * sizeof *values);
  float complex *copy = malloc(size * sizeof *copy);
  double worst = 0, power = 0;
  for (int n = 0; n < size; n++) {
    values[n] = CMPLX((n * 37 % 101) / 50.0 - 1, (n * 11 % 23) / 7.0);
    copy[n] = (float complex)values[n];
  }
  transform(values, size, -1);
  for (int n = 0; n < size; n++) power += cabs(values[n]) * cabs(values[n]);
  for (int n = 0; n < 4; n++) printf("%d: %.15g %.15g\n", n, creal(values[n * 5]), cimag(values[n * 5]));
  printf("power %.15g\n", power);
  for (int n = 0; n < 2; n++) {
    float complex one = slow(copy, size, n * 5);
    printf("float %d: %.9g %.9g\n", n, crealf(one), cimagf(one));
  }
  transform(values, size, 1);
  for (int n = 0; n < size; n++) {
    double error = fabs(creal(values[n]) / size - ((n * 37 % 101) / 50.0 - 1));
    if (error > worst) worst = error;
  }
  printf("back again %s\n", worst < 1e-13 ? "within 1e-13" : "with errors");
  return 0;
}
