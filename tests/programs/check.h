/* Counts checks; a failed one is a line on stderr that says where, what was got and what was expected. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int checks, failures;

static inline void check_number(long got, long expected, const char *what, const char *file, int line) {
  checks++;
  if (got == expected) return;
  failures++;
  fprintf(stderr, "%s:%d: %s: got %ld, expected %ld\n", file, line, what, got, expected);
}

static inline void check_errno(long result, int error, int expected, const char *what, const char *file, int line) {
  checks++;
  if (result == -1 && error == expected) return;
  failures++;
  if (result == -1)
    fprintf(stderr, "%s:%d: %s: got errno %d (%s), expected %d (%s)\n", file, line, what, error, strerror(error),
            expected, strerror(expected));
  else
    fprintf(stderr, "%s:%d: %s: got %ld, expected errno %d (%s)\n", file, line, what, result, expected,
            strerror(expected));
}

#define CHECK(condition) check_number(!!(condition), 1, #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(got, expected) check_number((long)(got), (long)(expected), #got, __FILE__, __LINE__)
/* `call` returns -1 and sets errno to `expected` */
#define CHECK_ERRNO(call, expected)                                                                                   \
  do {                                                                                                                \
    errno = 0;                                                                                                        \
    long result_ = (long)(call);                                                                                      \
    check_errno(result_, errno, (expected), #call, __FILE__, __LINE__);                                               \
  } while (0)

/* The exit status, after the line `ok N checks`, or how many failed. */
static inline int finish(void) {
  if (failures == 0) printf("ok %d checks\n", checks);
  else printf("%d of %d checks failed\n", failures, checks);
  return failures == 0 ? 0 : 1;
}

#endif
