/* Pins of everything in an object, each by its name below one folder. */
#include "errors.h"
#include "object.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

/* FOLDER/NAME; names below bpffs hold no dots. -ENAMETOOLONG. */
static int join(char *path, size_t size, const char *folder, const char *name) {
  int length = snprintf(path, size, "%s/%s", folder, name);
  if (length < 0 || (size_t)length >= size) return -ENAMETOOLONG;
  for (char *c = path + length; *c != '/'; c--)
    if (*c == '.') *c = '_';
  return 0;
}

static int pin_map(struct bpf_map *map, const char *folder) {
  char path[PATH_MAX];
  int status = folder == NULL ? 0 : join(path, sizeof path, folder, map->name);
  if (status < 0) return rex_fail(-status);
  /* without a folder: those that have a path of their own */
  if (folder == NULL && map->pin_path == NULL) return 0;
  return bpf_map__pin(map, folder == NULL ? NULL : path);
}

static int unpin_map(struct bpf_map *map, const char *folder) {
  char path[PATH_MAX];
  int status = folder == NULL ? 0 : join(path, sizeof path, folder, map->name);
  if (status < 0) return rex_fail(-status);
  if (folder == NULL && map->pin_path == NULL) return 0;
  return bpf_map__unpin(map, folder == NULL ? NULL : path);
}

int bpf_object__pin_maps(struct bpf_object *obj, const char *path) {
  if (obj == NULL) return rex_fail(EINVAL);
  for (size_t i = 0; i < obj->map_count; i++) {
    int status = pin_map(&obj->maps[i], path);
    if (status == 0) continue;
    while (i-- > 0) unpin_map(&obj->maps[i], path);
    return rex_fail(-status);
  }
  return 0;
}

int bpf_object__unpin_maps(struct bpf_object *obj, const char *path) {
  if (obj == NULL) return rex_fail(EINVAL);
  for (size_t i = 0; i < obj->map_count; i++) {
    int status = unpin_map(&obj->maps[i], path);
    if (status < 0) return status;
  }
  return 0;
}

static int change_program(struct bpf_program *program, const char *folder,
                          int (*change)(struct bpf_program *, const char *)) {
  char path[PATH_MAX];
  int status = join(path, sizeof path, folder, program->name);
  return status < 0 ? rex_fail(-status) : change(program, path);
}

int bpf_object__pin_programs(struct bpf_object *obj, const char *path) {
  if (obj == NULL || path == NULL) return rex_fail(EINVAL);
  for (size_t i = 0; i < obj->program_count; i++) {
    int status = change_program(&obj->programs[i], path, bpf_program__pin);
    if (status == 0) continue;
    while (i-- > 0) change_program(&obj->programs[i], path, bpf_program__unpin);
    return rex_fail(-status);
  }
  return 0;
}

int bpf_object__unpin_programs(struct bpf_object *obj, const char *path) {
  if (obj == NULL || path == NULL) return rex_fail(EINVAL);
  for (size_t i = 0; i < obj->program_count; i++) {
    int status = change_program(&obj->programs[i], path, bpf_program__unpin);
    if (status < 0) return status;
  }
  return 0;
}

int bpf_object__pin(struct bpf_object *obj, const char *path) {
  int status = bpf_object__pin_maps(obj, path);
  if (status < 0) return status;
  status = bpf_object__pin_programs(obj, path);
  if (status == 0) return 0;
  bpf_object__unpin_maps(obj, path);
  return rex_fail(-status);
}
