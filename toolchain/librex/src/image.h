/* What a Rex ELF holds, as the kernel wants to be told it. */
#ifndef REX_IMAGE_H
#define REX_IMAGE_H

#include "elf-file.h"
#include "object.h"

struct rex_image {
  struct rex_rela_dyn *relocations; /* R_X86_64_RELATIVE */
  size_t relocation_count;
  struct rex_dyn_sym *imports; /* GOT slots that receive a kernel symbol's address */
  size_t import_count;
  struct rex_text_sym *functions; /* for stack traces; names as they stand in .symtab */
  size_t function_count;
};

/*
 * Reads maps and programs into `object`, the rest into `image`, whose names point into `elf`. Returns 0, or -1 with
 * errno set and a message on stderr.
 */
int rex_image_read(struct rex_image *image, struct bpf_object *object, const struct rex_elf *elf);
void rex_image_free(struct rex_image *image);

#endif
