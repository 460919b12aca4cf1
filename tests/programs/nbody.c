/* Five bodies under gravity: double and float, sqrt and division. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODIES 5

#define SIMULATION(real, root)                                                                                        \
  struct body_##real {                                                                                                \
    real at[3], speed[3], mass;                                                                                       \
  };                                                                                                                  \
  static double energy_##real(const struct body_##real *bodies) {                                                     \
    double sum = 0;                                                                                                   \
    for (int n = 0; n < BODIES; n++) {                                                                                \
      const struct body_##real *a = &bodies[n];                                                                       \
      sum += 0.5 * a->mass * (a->speed[0] * a->speed[0] + a->speed[1] * a->speed[1] + a->speed[2] * a->speed[2]);     \
      for (int m = n + 1; m < BODIES; m++) {                                                                          \
        real square = 0;                                                                                              \
        for (int d = 0; d < 3; d++) square += (a->at[d] - bodies[m].at[d]) * (a->at[d] - bodies[m].at[d]);            \
        sum -= a->mass * bodies[m].mass / root(square);                                                               \
      }                                                                                                               \
    }                                                                                                                 \
    return sum;                                                                                                       \
  }                                                                                                                   \
  static void advance_##real(struct body_##real *bodies, real step) {                                                 \
    for (int n = 0; n < BODIES; n++)                                                                                  \
      for (int m = n + 1; m < BODIES; m++) {                                                                          \
        real apart[3], square = 0;                                                                                    \
        for (int d = 0; d < 3; d++) {                                                                                 \
          apart[d] = bodies[n].at[d] - bodies[m].at[d];                                                               \
          square += apart[d] * apart[d];                                                                              \
        }                                                                                                             \
        real force = step / (square * root(square));                                                                  \
        for (int d = 0; d < 3; d++) {                                                                                 \
          bodies[n].speed[d] -= apart[d] * bodies[m].mass * force;                                                    \
          bodies[m].speed[d] += apart[d] * bodies[n].mass * force;                                                    \
        }                                                                                                             \
      }                                                                                                               \
    for (int n = 0; n < BODIES; n++)                                                                                  \
      for (int d = 0; d < 3; d++) bodies[n].at[d] += step * bodies[n].speed[d];                                       \
  }                                                                                                                   \
  static void simulate_##real(int steps) {                                                                            \
    struct body_##real bodies[BODIES] = {{{0, 0, 0}, {0, 0, 0}, 40}};                                                 \
    for (int n = 1; n < BODIES; n++)                                                                                  \
      bodies[n] = (struct body_##real){{n * 3 + (real)0.3, -n, n * (real)0.25}, {n % 2, 4 - n, (real)0.1 * n}, (real)0.01 / n}; \
    printf(#real " before %.17g\n", energy_##real(bodies));                                                           \
    for (int n = 0; n < steps; n++) advance_##real(bodies, (real)0.01);                                               \
    printf(#real " after  %.17g\n", energy_##real(bodies));                                                           \
    for (int n = 0; n < BODIES; n++) printf("  %a %a %a\n", (double)bodies[n].at[0], (double)bodies[n].at[1], (double)bodies[n].at[2]); \
  }

SIMULATION(double, sqrt)
SIMULATION(float, sqrtf)

int main(int argc, char **argv) {
  int steps = 40 * (argc > 1 ? atoi(argv[1]) : 1);
  simulate_double(steps);
  simulate_float(steps);
  return 0;
}
