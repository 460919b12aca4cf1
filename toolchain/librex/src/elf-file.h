/* A file that claims to be an x86-64 ELF shared object: every read of it is checked against its size. */
#ifndef REX_ELF_FILE_H
#define REX_ELF_FILE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

struct rex_elf {
  const char *path;
  unsigned char *bytes; /* a private, writable copy of the whole file */
  size_t size;
  Elf64_Ehdr header;
};

/* A section's header and its bytes (NULL for a section that has none in the file). */
struct rex_section {
  Elf64_Shdr header;
  const char *name;
  const unsigned char *bytes;
  size_t size;
};

struct rex_symbol {
  const char *name;
  uint64_t value; /* virtual address = offset in the loaded image */
  uint64_t size;
  unsigned int type; /* STT_* */
  unsigned int section; /* index, SHN_UNDEF for an imported one */
};

/* Each returns 0, or -1 with errno set and a message `elf: …` on stderr. */
int rex_elf_open(struct rex_elf *elf, const char *path);
int rex_elf_section(const struct rex_elf *elf, size_t index, struct rex_section *section);
/* `found` becomes 0 when there is no section of that name. */
int rex_elf_find_section(const struct rex_elf *elf, const char *name, struct rex_section *section, int *found);
int rex_elf_symbol(const struct rex_elf *elf, const struct rex_section *table, size_t index, struct rex_symbol *symbol);
/* Where in the file the `size` bytes at virtual address `address` come from. */
int rex_elf_file_offset(const struct rex_elf *elf, uint64_t address, size_t size, size_t *offset);

size_t rex_elf_symbol_count(const struct rex_section *table);
void rex_elf_close(struct rex_elf *elf);

/* Prints `elf: PATH: …`, sets errno to ENOEXEC, returns -1. */
int rex_elf_error(const struct rex_elf *elf, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
