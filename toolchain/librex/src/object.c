#include "object.h"

#include "errors.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *rex_append(void **items, size_t *count, size_t item_size) {
  unsigned char *item;
  /* capacity doubles at each power of two */
  if ((*count & (*count - 1)) == 0) {
    size_t capacity = *count == 0 ? 1 : *count * 2;
    void *grown;
    if (capacity > SIZE_MAX / item_size) return rex_fail_pointer(ENOMEM);
    grown = realloc(*items, capacity * item_size);
    if (grown == NULL) return NULL;
    *items = grown;
  }
  item = (unsigned char *)*items + *count * item_size;
  memset(item, 0, item_size);
  *count += 1;
  return item;
}

static void close_fd(int fd) {
  if (fd >= 0) close(fd);
}

void bpf_object__close(struct bpf_object *obj) {
  if (obj == NULL) return;
  for (size_t i = 0; i < obj->program_count; i++) {
    close_fd(obj->programs[i].fd);
    free(obj->programs[i].name);
    free(obj->programs[i].section);
  }
  close_fd(obj->base_fd);
  for (size_t i = 0; i < obj->map_count; i++) {
    close_fd(obj->maps[i].fd);
    free(obj->maps[i].name);
    free(obj->maps[i].pin_path);
  }
  free(obj->programs);
  free(obj->maps);
  free(obj->name);
  /* a bpf_object is the first member of the rex_obj that was allocated */
  free(obj);
}

const char *bpf_object__name(const struct bpf_object *obj) {
  return obj == NULL ? rex_fail_pointer(EINVAL) : obj->name;
}

struct bpf_program *bpf_object__next_program(const struct bpf_object *obj, struct bpf_program *prev) {
  size_t index;
  if (obj == NULL) return rex_fail_pointer(EINVAL);
  index = prev == NULL ? 0 : (size_t)(prev - obj->programs) + 1;
  return index < obj->program_count ? &obj->programs[index] : NULL;
}

struct bpf_program *bpf_object__find_program_by_name(const struct bpf_object *obj, const char *name) {
  struct bpf_program *program;
  if (obj == NULL || name == NULL) return rex_fail_pointer(EINVAL);
  bpf_object__for_each_program(program, obj) {
    if (strcmp(program->name, name) == 0) return program;
  }
  return rex_fail_pointer(ENOENT);
}

struct bpf_map *bpf_object__next_map(const struct bpf_object *obj, const struct bpf_map *prev) {
  size_t index;
  if (obj == NULL) return rex_fail_pointer(EINVAL);
  index = prev == NULL ? 0 : (size_t)(prev - obj->maps) + 1;
  return index < obj->map_count ? &obj->maps[index] : NULL;
}

struct bpf_map *bpf_object__find_map_by_name(const struct bpf_object *obj, const char *name) {
  struct bpf_map *map;
  if (obj == NULL || name == NULL) return rex_fail_pointer(EINVAL);
  bpf_object__for_each_map(map, obj) {
    if (strcmp(map->name, name) == 0) return map;
  }
  return rex_fail_pointer(ENOENT);
}

int bpf_object__find_map_fd_by_name(const struct bpf_object *obj, const char *name) {
  const struct bpf_map *map = bpf_object__find_map_by_name(obj, name);
  return map == NULL ? -errno : map->fd;
}

const char *bpf_program__name(const struct bpf_program *prog) {
  return prog == NULL ? rex_fail_pointer(EINVAL) : prog->name;
}

const char *bpf_program__section_name(const struct bpf_program *prog) {
  return prog == NULL ? rex_fail_pointer(EINVAL) : prog->section;
}

int bpf_program__fd(const struct bpf_program *prog) { return prog == NULL ? rex_fail(EINVAL) : prog->fd; }

enum bpf_prog_type bpf_program__type(const struct bpf_program *prog) {
  return (enum bpf_prog_type)(prog == NULL ? 0 : prog->type);
}

enum bpf_attach_type bpf_program__expected_attach_type(const struct bpf_program *prog) {
  return (enum bpf_attach_type)(prog == NULL ? 0 : prog->attach_type);
}

int bpf_program__set_expected_attach_type(struct bpf_program *prog, enum bpf_attach_type type) {
  if (prog == NULL) return rex_fail(EINVAL);
  prog->attach_type = (uint32_t)type;
  return 0;
}

/* What a program is was decided when it was loaded. */
int bpf_program__set_type(struct bpf_program *prog, enum bpf_prog_type type) {
  (void)type;
  return rex_fail(prog == NULL ? EINVAL : EBUSY);
}
