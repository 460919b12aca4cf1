/* Option structures grow at the end: `sz` says how much of one the caller knows. */
#ifndef REX_OPTIONS_H
#define REX_OPTIONS_H

#include <stddef.h>

#define REX_OPTION(opts, field, fallback)                                                                             \
  ((opts) != NULL && (opts)->sz >= offsetof(__typeof__(*(opts)), field) + sizeof((opts)->field) ? (opts)->field       \
                                                                                                 : (fallback))

#endif
