#include "options.h"

#include "errors.h"

#include <string.h>

bool rex_options_valid(const void *opts, size_t known, const char *type) {
  size_t size;
  if (opts == NULL) return true;
  memcpy(&size, opts, sizeof size);
  if (size < sizeof size) {
    rex_warn("%s size (%zu) is too small", type, size);
    return false;
  }
  for (size_t n = known; n < size; n++) {
    if (((const unsigned char *)opts)[n] == 0) continue;
    rex_warn("%s has non-zero extra bytes", type);
    return false;
  }
  return true;
}
