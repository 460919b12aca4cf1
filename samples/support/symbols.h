/* The kernel's symbols, from /proc/kallsyms, sorted by address. */
#ifndef SAMPLES_SYMBOLS_H
#define SAMPLES_SYMBOLS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct symbol {
  unsigned long address;
  char *name;
};

struct symbols {
  struct symbol *items;
  size_t count;
};

static inline int compare_symbols(const void *left, const void *right) {
  const struct symbol *l = left, *r = right;
  return l->address < r->address ? -1 : l->address > r->address;
}

/* Text symbols only. Empty when the file cannot be read. */
static inline struct symbols load_symbols(void) {
  struct symbols symbols = {NULL, 0};
  char line[1024], name[512], kind;
  unsigned long address;
  FILE *file = fopen("/proc/kallsyms", "r");
  if (file == NULL) return symbols;
  while (fgets(line, sizeof line, file) != NULL) {
    struct symbol *grown;
    if (sscanf(line, "%lx %c %511s", &address, &kind, name) != 3 || (kind != 't' && kind != 'T')) continue;
    grown = realloc(symbols.items, (symbols.count + 1) * sizeof *grown);
    if (grown == NULL) break;
    symbols.items = grown;
    symbols.items[symbols.count++] = (struct symbol){address, strdup(name)};
  }
  fclose(file);
  qsort(symbols.items, symbols.count, sizeof *symbols.items, compare_symbols);
  return symbols;
}

/* The last symbol at or below the address; NULL below the first. */
static inline const char *symbol_name(const struct symbols *symbols, unsigned long address) {
  size_t low = 0, high = symbols->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (symbols->items[middle].address <= address) low = middle + 1;
    else high = middle;
  }
  return low == 0 ? NULL : symbols->items[low - 1].name;
}

#endif
