/* The structures behind libbpf's opaque types. */
#ifndef REX_OBJECT_H
#define REX_OBJECT_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_map {
  char *name;
  struct rex_map_handle definition;
  uint64_t address; /* of the handle in the image */
  int fd;           /* -1 until created */
  char *pin_path;   /* NULL: none */
  bool pinned;
};

struct bpf_program {
  char *name;
  char *section;
  uint32_t type;    /* BPF_PROG_TYPE_* */
  uint64_t address; /* of the entry function in the image */
  int fd;           /* -1 until loaded */
  uint32_t attach_type; /* BPF_XDP, BPF_TCX_*, BPF_PERF_EVENT */
};

struct bpf_object {
  char *name; /* the file's, without its folder */
  struct bpf_map *maps;
  size_t map_count;
  struct bpf_program *programs;
  size_t program_count;
  uint64_t timeout_handler; /* address of __rex_handle_timeout in the image */
  int base_fd;
};

struct rex_obj {
  struct bpf_object object;
};

/* An array that grows; `items` is NULL while it is empty. Returns the new, zeroed item, or NULL with errno set. */
void *rex_append(void **items, size_t *count, size_t item_size);

#endif
