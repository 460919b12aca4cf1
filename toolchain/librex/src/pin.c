/* Pins: names below a bpffs mount that hold a reference to a program, a map or a link. */
#include "bpf-link.h"
#include "errors.h"
#include "object.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

/* include/uapi/linux/magic.h */
#define BPF_FS_MAGIC 0xcafe4a11U

/* Makes the folders above `path`, as far as they are missing. 0 or -errno. */
static int make_parents(const char *path) {
  char *copy;
  int status = 0;
  if (*path == '\0') return -EINVAL;
  copy = strdup(path);
  if (copy == NULL) return -ENOMEM;
  for (char *slash = strchr(copy + 1, '/'); slash != NULL && status == 0; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(copy, 0700) < 0 && errno != EEXIST) status = -errno;
    *slash = '/';
  }
  free(copy);
  return status;
}

/* EINVAL for a folder that is in no bpffs. */
static int check_folder(const char *path) {
  struct statfs where;
  char *copy = strdup(path);
  int status;
  if (copy == NULL) return -ENOMEM;
  status = statfs(dirname(copy), &where) < 0 ? -errno : 0;
  free(copy);
  if (status < 0 || (unsigned long)where.f_type == BPF_FS_MAGIC) return status;
  rex_warn("specified path %s is not on BPF FS", path);
  return -EINVAL;
}

static int pin(const char *kind, const char *name, int fd, const char *path) {
  int status = path == NULL || fd < 0 ? -EINVAL : make_parents(path);
  if (status == 0) status = check_folder(path);
  if (status == 0) status = bpf_obj_pin(fd, path);
  if (status == 0) return 0;
  rex_warn("%s%s: failed to pin at '%s': %s", kind, name, path == NULL ? "(null)" : path, strerror(-status));
  return rex_fail(-status);
}

static int unpin(const char *path) {
  if (path == NULL) return rex_fail(EINVAL);
  return unlink(path) < 0 ? rex_fail(errno) : 0;
}

int bpf_program__pin(struct bpf_program *prog, const char *path) {
  return prog == NULL ? rex_fail(EINVAL) : pin("prog ", prog->name, prog->fd, path);
}

int bpf_program__unpin(struct bpf_program *prog, const char *path) {
  return prog == NULL ? rex_fail(EINVAL) : unpin(path);
}

/* The path a map has, or gets: 0, or -errno with a warning. */
static int choose_path(struct bpf_map *map, const char *path) {
  if (map->pin_path != NULL) {
    if (path == NULL || strcmp(path, map->pin_path) == 0) return 0;
    rex_warn("map '%s' already has pin path '%s' different from '%s'", map->name, map->pin_path, path);
    return -EINVAL;
  }
  if (path == NULL) {
    rex_warn("missing a path to pin map '%s' at", map->name);
    return -EINVAL;
  }
  map->pin_path = strdup(path);
  return map->pin_path == NULL ? -ENOMEM : 0;
}

int bpf_map__pin(struct bpf_map *map, const char *path) {
  bool had_path = map != NULL && map->pin_path != NULL;
  int status = map == NULL ? -EINVAL : choose_path(map, path);
  if (status < 0) return rex_fail(-status);
  if (map->pinned) return 0;
  status = pin("map ", map->name, map->fd, map->pin_path);
  map->pinned = status == 0;
  if (status == 0 || had_path) return status;
  free(map->pin_path);
  map->pin_path = NULL;
  return rex_fail(-status);
}

int bpf_map__unpin(struct bpf_map *map, const char *path) {
  int status;
  if (map == NULL) return rex_fail(EINVAL);
  if (map->pin_path != NULL && path != NULL && strcmp(path, map->pin_path) != 0) return rex_fail(EINVAL);
  status = unpin(path == NULL ? map->pin_path : path);
  if (status < 0) return status;
  map->pinned = false;
  return 0;
}

int bpf_map__set_pin_path(struct bpf_map *map, const char *path) {
  char *copy = path == NULL ? NULL : strdup(path);
  if (map == NULL || (path != NULL && copy == NULL)) return rex_fail(map == NULL ? EINVAL : ENOMEM);
  free(map->pin_path);
  map->pin_path = copy;
  return 0;
}

const char *bpf_map__pin_path(const struct bpf_map *map) {
  return map == NULL ? rex_fail_pointer(EINVAL) : map->pin_path;
}

bool bpf_map__is_pinned(const struct bpf_map *map) { return map != NULL && map->pinned; }

int bpf_link__pin(struct bpf_link *link, const char *path) {
  int status;
  if (link == NULL || path == NULL || link->pin_path != NULL)
    return rex_fail(link == NULL || path == NULL ? EINVAL : EBUSY);
  link->pin_path = strdup(path);
  if (link->pin_path == NULL) return rex_fail(ENOMEM);
  status = pin("link", "", link->fd, path);
  if (status == 0) return 0;
  free(link->pin_path);
  link->pin_path = NULL;
  return rex_fail(-status);
}

int bpf_link__unpin(struct bpf_link *link) {
  int status;
  if (link == NULL || link->pin_path == NULL) return rex_fail(EINVAL);
  status = unpin(link->pin_path);
  if (status < 0) return status;
  free(link->pin_path);
  link->pin_path = NULL;
  return 0;
}

const char *bpf_link__pin_path(const struct bpf_link *link) {
  return link == NULL ? rex_fail_pointer(EINVAL) : link->pin_path;
}

struct bpf_link *bpf_link__open(const char *path) {
  struct bpf_link *link;
  int error, fd;
  if (path == NULL) return rex_fail_pointer(EINVAL);
  fd = bpf_obj_get(path);
  if (fd < 0) {
    rex_warn("failed to open link at %s: %d", path, fd);
    return rex_fail_pointer(-fd);
  }
  link = rex_new_link(fd);
  if (link != NULL) link->pin_path = strdup(path);
  if (link != NULL && link->pin_path != NULL) return link;
  error = errno;
  free(link);
  close(fd);
  return rex_fail_pointer(error);
}
