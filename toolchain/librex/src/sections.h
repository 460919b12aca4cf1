/* Which sections hold programs, and how a program of each is attached. */
#ifndef REX_SECTIONS_H
#define REX_SECTIONS_H

#include <bpf/libbpf.h>
#include <stdint.h>

struct rex_section_row {
  const char *name;
  bool takes_target; /* also NAME/TARGET */
  uint32_t type;     /* BPF_PROG_TYPE_* */
  uint32_t attach_type; /* enum bpf_attach_type */
  /* `target` is what follows the slash; NULL: no automatic attachment */
  struct bpf_link *(*attach)(const struct bpf_program *prog, const char *target);
};

/* The row of a section name, or NULL; `target` becomes what follows the slash, or NULL. */
const struct rex_section_row *rex_section_row(const char *section, const char **target);

#endif
