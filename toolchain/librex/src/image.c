#include "image.h"

#include "errors.h"
#include "sections.h"
#include "syscalls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Rust functions are padded to this, and a return address may lie in the padding after a diverging call. */
#define FUNCTION_ALIGNMENT 16

static int append_map(struct bpf_object *object, const struct rex_elf *elf, const struct rex_section *section,
                      const struct rex_symbol *symbol) {
  uint64_t inside = symbol->value - section->header.sh_addr;
  struct bpf_map *map;
  if (symbol->value < section->header.sh_addr || inside > section->size ||
      section->size - inside < sizeof map->definition)
    return rex_elf_error(elf, "map '%s' lies outside .maps", symbol->name);
  map = rex_append((void **)&object->maps, &object->map_count, sizeof *map);
  if (map == NULL) return -1;
  map->fd = -1;
  map->address = symbol->value;
  memcpy(&map->definition, section->bytes + inside, sizeof map->definition);
  map->name = strdup(symbol->name);
  if (map->name == NULL) return -1;
  rex_debug("map '%s' at 0x%llx: type %u, key %u, value %u, entries %u, flags 0x%x", map->name,
            (unsigned long long)map->address, map->definition.map_type, map->definition.key_size,
            map->definition.val_size, map->definition.max_size, map->definition.map_flag);
  return 0;
}

static int append_program(struct bpf_object *object, const char *section, const struct rex_section_row *row,
                          const struct rex_symbol *symbol) {
  struct bpf_program *program = rex_append((void **)&object->programs, &object->program_count, sizeof *program);
  if (program == NULL) return -1;
  program->fd = -1;
  program->type = row->type;
  program->attach_type = row->attach_type;
  program->address = symbol->value;
  program->name = strdup(symbol->name);
  program->section = strdup(section);
  if (program->name == NULL || program->section == NULL) return -1;
  rex_debug("program '%s' at 0x%llx: section '%s', type %u", program->name, (unsigned long long)program->address,
            section, row->type);
  return 0;
}

static int append_function(struct rex_image *image, const struct rex_symbol *symbol) {
  struct rex_text_sym *function =
      rex_append((void **)&image->functions, &image->function_count, sizeof *function);
  if (function == NULL) return -1;
  function->offset = symbol->value;
  function->size = (symbol->size + FUNCTION_ALIGNMENT - 1) & ~(uint64_t)(FUNCTION_ALIGNMENT - 1);
  function->symbol = rex_address(symbol->name);
  return 0;
}

static int read_function(struct rex_image *image, struct bpf_object *object, const struct rex_elf *elf,
                         const struct rex_symbol *symbol) {
  struct rex_section section;
  const struct rex_section_row *row;
  const char *target;
  if (append_function(image, symbol) < 0) return -1;
  if (strcmp(symbol->name, "__rex_handle_timeout") == 0) object->timeout_handler = symbol->value;
  if (symbol->section == SHN_UNDEF || symbol->section >= SHN_LORESERVE) return 0;
  if (rex_elf_section(elf, symbol->section, &section) < 0) return -1;
  row = rex_section_row(section.name, &target);
  return row == NULL ? 0 : append_program(object, section.name, row, symbol);
}

static int read_symbols(struct rex_image *image, struct bpf_object *object, const struct rex_elf *elf) {
  struct rex_section table;
  int found;
  if (rex_elf_find_section(elf, ".symtab", &table, &found) < 0) return -1;
  if (!found || table.header.sh_type != SHT_SYMTAB) return rex_elf_error(elf, ".symtab not found (stripped?)");
  for (size_t index = 1; index < rex_elf_symbol_count(&table); index++) {
    struct rex_symbol symbol;
    struct rex_section section;
    if (rex_elf_symbol(elf, &table, index, &symbol) < 0) return -1;
    if (symbol.type == STT_FUNC && symbol.value != 0) {
      if (read_function(image, object, elf, &symbol) < 0) return -1;
    } else if (symbol.type == STT_OBJECT && symbol.size == sizeof(struct rex_map_handle) &&
               symbol.section != SHN_UNDEF && symbol.section < SHN_LORESERVE) {
      if (rex_elf_section(elf, symbol.section, &section) < 0) return -1;
      if (strcmp(section.name, ".maps") == 0 && append_map(object, elf, &section, &symbol) < 0) return -1;
    }
  }
  if (object->timeout_handler == 0) return rex_elf_error(elf, "__rex_handle_timeout not found");
  if (object->program_count == 0)
    return rex_elf_error(elf, "no program: expected a function in a section such as kprobe or tracepoint/…");
  return 0;
}

static int append_relocation(struct rex_image *image, uint64_t offset, uint64_t addend) {
  struct rex_rela_dyn *relocation =
      rex_append((void **)&image->relocations, &image->relocation_count, sizeof *relocation);
  if (relocation == NULL) return -1;
  relocation->offset = offset;
  relocation->info = R_X86_64_RELATIVE;
  relocation->addend = addend;
  return 0;
}

/* A slot for a symbol that the image itself defines needs the load address, not the kernel's symbol table. */
static int read_import(struct rex_image *image, const struct rex_elf *elf, const struct rex_section *symbols,
                       const Elf64_Rela *rela) {
  struct rex_symbol symbol;
  struct rex_dyn_sym *import;
  if (rex_elf_symbol(elf, symbols, ELF64_R_SYM(rela->r_info), &symbol) < 0) return -1;
  if (symbol.section != SHN_UNDEF) return append_relocation(image, rela->r_offset, symbol.value);
  import = rex_append((void **)&image->imports, &image->import_count, sizeof *import);
  if (import == NULL) return -1;
  import->offset = rela->r_offset;
  import->symbol = rex_address(symbol.name);
  rex_debug("import '%s' at 0x%llx", symbol.name, (unsigned long long)rela->r_offset);
  return 0;
}

static int read_relocation(struct rex_image *image, const struct rex_elf *elf, const struct rex_section *symbols,
                           const Elf64_Rela *rela) {
  switch (ELF64_R_TYPE(rela->r_info)) {
    case R_X86_64_RELATIVE:
      return append_relocation(image, rela->r_offset, (uint64_t)rela->r_addend);
    case R_X86_64_GLOB_DAT:
    case R_X86_64_JUMP_SLOT:
      return read_import(image, elf, symbols, rela);
    default:
      return rex_elf_error(elf, "relocation type not supported: %llu at 0x%llx",
                           (unsigned long long)ELF64_R_TYPE(rela->r_info), (unsigned long long)rela->r_offset);
  }
}

static int read_relocations(struct rex_image *image, const struct rex_elf *elf, const char *name) {
  struct rex_section table, symbols;
  int found;
  if (rex_elf_find_section(elf, name, &table, &found) < 0) return -1;
  if (!found) return 0;
  if (table.header.sh_type != SHT_RELA || table.size % sizeof(Elf64_Rela) != 0)
    return rex_elf_error(elf, "ill-formed %s section", name);
  if (rex_elf_section(elf, table.header.sh_link, &symbols) < 0) return -1;
  for (size_t offset = 0; offset < table.size; offset += sizeof(Elf64_Rela)) {
    Elf64_Rela rela;
    memcpy(&rela, table.bytes + offset, sizeof rela);
    if (read_relocation(image, elf, &symbols, &rela) < 0) return -1;
  }
  rex_debug("%s: %zu entries", name, table.size / sizeof(Elf64_Rela));
  return 0;
}

int rex_image_read(struct rex_image *image, struct bpf_object *object, const struct rex_elf *elf) {
  memset(image, 0, sizeof *image);
  if (read_symbols(image, object, elf) < 0) return -1;
  if (read_relocations(image, elf, ".rela.dyn") < 0) return -1;
  return read_relocations(image, elf, ".rela.plt");
}

void rex_image_free(struct rex_image *image) {
  int saved = errno;
  free(image->relocations);
  free(image->imports);
  free(image->functions);
  memset(image, 0, sizeof *image);
  errno = saved;
}
