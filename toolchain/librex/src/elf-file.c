#include "elf-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* bytes; a Rex image is at most 128 KiB, the rest is symbols and debug information */
#define MAX_FILE_SIZE (256L << 20)

int rex_elf_error(const struct rex_elf *elf, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "elf: %s: ", elf->path);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  errno = ENOEXEC;
  return -1;
}

static int system_error(const struct rex_elf *elf) {
  int saved = errno;
  fprintf(stderr, "elf: %s: %s\n", elf->path, strerror(saved));
  errno = saved;
  return -1;
}

static int in_file(const struct rex_elf *elf, uint64_t offset, uint64_t size) {
  return offset <= elf->size && size <= elf->size - offset;
}

static int read_whole_file(struct rex_elf *elf, int fd) {
  struct stat status;
  size_t done = 0;
  if (fstat(fd, &status) < 0) return system_error(elf);
  if (!S_ISREG(status.st_mode)) return rex_elf_error(elf, "not a regular file");
  if (status.st_size > MAX_FILE_SIZE)
    return rex_elf_error(elf, "file of %lld bytes, more than %ld", (long long)status.st_size, MAX_FILE_SIZE);
  elf->bytes = malloc((size_t)status.st_size + 1);
  if (elf->bytes == NULL) return system_error(elf);
  while (done < (size_t)status.st_size) {
    ssize_t count = read(fd, elf->bytes + done, (size_t)status.st_size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(elf);
    if (count == 0) break;
    done += (size_t)count;
  }
  elf->size = done;
  return 0;
}

static int check_header(struct rex_elf *elf) {
  const Elf64_Ehdr *header = &elf->header;
  if (elf->size < sizeof *header) return rex_elf_error(elf, "%zu bytes, too short for an ELF header", elf->size);
  memcpy(&elf->header, elf->bytes, sizeof elf->header);
  if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return rex_elf_error(elf, "not an ELF file");
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
    return rex_elf_error(elf, "expected a 64-bit little-endian file");
  if (header->e_machine != EM_X86_64)
    return rex_elf_error(elf, "machine %u, expected x86-64 (%u)", header->e_machine, EM_X86_64);
  if (header->e_type != ET_DYN && header->e_type != ET_EXEC)
    return rex_elf_error(elf, "type %u, expected a linked program (%u or %u)", header->e_type, ET_EXEC, ET_DYN);
  if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
      !in_file(elf, header->e_phoff, (uint64_t)header->e_phnum * sizeof(Elf64_Phdr)))
    return rex_elf_error(elf, "ill-formed program headers");
  if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum == 0 ||
      !in_file(elf, header->e_shoff, (uint64_t)header->e_shnum * sizeof(Elf64_Shdr)))
    return rex_elf_error(elf, "ill-formed section headers");
  if (header->e_shstrndx >= header->e_shnum) return rex_elf_error(elf, "no section names");
  return 0;
}

int rex_elf_open(struct rex_elf *elf, const char *path) {
  int fd, status;
  memset(elf, 0, sizeof *elf);
  elf->path = path;
  fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error(elf);
  status = read_whole_file(elf, fd);
  close(fd);
  if (status == 0) status = check_header(elf);
  if (status < 0) rex_elf_close(elf);
  return status;
}

void rex_elf_close(struct rex_elf *elf) {
  int saved = errno;
  free(elf->bytes);
  elf->bytes = NULL;
  elf->size = 0;
  errno = saved;
}

static int section_header(const struct rex_elf *elf, size_t index, Elf64_Shdr *header) {
  if (index >= elf->header.e_shnum) return rex_elf_error(elf, "no section %zu", index);
  memcpy(header, elf->bytes + elf->header.e_shoff + index * sizeof *header, sizeof *header);
  if (header->sh_type != SHT_NOBITS && !in_file(elf, header->sh_offset, header->sh_size))
    return rex_elf_error(elf, "section %zu lies outside the file", index);
  return 0;
}

static const char *string_at(const struct rex_elf *elf, const Elf64_Shdr *table, uint64_t offset) {
  const char *start;
  if (table->sh_type != SHT_STRTAB || offset >= table->sh_size) return NULL;
  start = (const char *)elf->bytes + table->sh_offset + offset;
  return memchr(start, 0, table->sh_size - offset) == NULL ? NULL : start;
}

int rex_elf_section(const struct rex_elf *elf, size_t index, struct rex_section *section) {
  Elf64_Shdr names;
  if (section_header(elf, elf->header.e_shstrndx, &names) < 0) return -1;
  if (section_header(elf, index, &section->header) < 0) return -1;
  section->name = string_at(elf, &names, section->header.sh_name);
  if (section->name == NULL) return rex_elf_error(elf, "section %zu has an ill-formed name", index);
  section->bytes = NULL;
  section->size = 0;
  if (section->header.sh_type != SHT_NOBITS) {
    section->bytes = elf->bytes + section->header.sh_offset;
    section->size = section->header.sh_size;
  }
  return 0;
}

int rex_elf_find_section(const struct rex_elf *elf, const char *name, struct rex_section *section, int *found) {
  *found = 0;
  for (size_t index = 1; index < elf->header.e_shnum; index++) {
    if (rex_elf_section(elf, index, section) < 0) return -1;
    if (strcmp(section->name, name) == 0) {
      *found = 1;
      return 0;
    }
  }
  return 0;
}

size_t rex_elf_symbol_count(const struct rex_section *table) { return table->size / sizeof(Elf64_Sym); }

int rex_elf_symbol(const struct rex_elf *elf, const struct rex_section *table, size_t index,
                   struct rex_symbol *symbol) {
  Elf64_Sym raw;
  Elf64_Shdr strings;
  if (index >= rex_elf_symbol_count(table)) return rex_elf_error(elf, "no symbol %zu in %s", index, table->name);
  memcpy(&raw, table->bytes + index * sizeof raw, sizeof raw);
  if (section_header(elf, table->header.sh_link, &strings) < 0) return -1;
  symbol->name = string_at(elf, &strings, raw.st_name);
  if (symbol->name == NULL) return rex_elf_error(elf, "symbol %zu of %s has an ill-formed name", index, table->name);
  symbol->value = raw.st_value;
  symbol->size = raw.st_size;
  symbol->type = ELF64_ST_TYPE(raw.st_info);
  symbol->section = raw.st_shndx;
  return 0;
}

int rex_elf_file_offset(const struct rex_elf *elf, uint64_t address, size_t size, size_t *offset) {
  for (size_t index = 0; index < elf->header.e_phnum; index++) {
    Elf64_Phdr segment;
    uint64_t inside;
    memcpy(&segment, elf->bytes + elf->header.e_phoff + index * sizeof segment, sizeof segment);
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
    inside = address - segment.p_vaddr;
    if (inside > segment.p_filesz || size > segment.p_filesz - inside) continue;
    if (!in_file(elf, segment.p_offset, segment.p_filesz)) break;
    *offset = (size_t)(segment.p_offset + inside);
    return 0;
  }
  return rex_elf_error(elf, "no segment of the file holds address 0x%llx", (unsigned long long)address);
}
