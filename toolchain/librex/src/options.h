/* Option structures grow at the end: `sz` says how much of one the caller knows. */
#ifndef REX_OPTIONS_H
#define REX_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define REX_OPTION(opts, field, fallback)                                                                             \
  ((opts) != NULL && (opts)->sz >= offsetof(__typeof__(*(opts)), field) + sizeof((opts)->field) ? (opts)->field       \
                                                                                                 : (fallback))

/* Stores `value` where the caller's structure has room for the field. */
#define REX_SET_OPTION(opts, field, value)                                                                            \
  do {                                                                                                                \
    if ((opts)->sz >= offsetof(__typeof__(*(opts)), field) + sizeof((opts)->field)) (opts)->field = (value);          \
  } while (0)

/* Whether `opts` is NULL, or has a size and nothing but zeros behind the fields that are known here; else a warning. */
#define REX_OPTIONS_VALID(opts, type) rex_options_valid((opts), sizeof(struct type), #type)
bool rex_options_valid(const void *opts, size_t known, const char *type);

#endif
