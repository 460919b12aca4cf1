/* Pins: names below a bpffs mount that hold a reference to a program, a map or a link. */
#include "bpf-link.h"
#include "errors.h"
#include "object.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes the folders above `path`, as far as they are missing. 0 or -errno. */
static int make_parents(const char *path) {
  char *copy = strdup(path);
  int status = 0;
  if (copy == NULL) return -ENOMEM;
  for (char *slash = strchr(copy + 1, '/'); slash != NULL && status == 0; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(copy, 0700) < 0 && errno != EEXIST) status = -errno;
    *slash = '/';
  }
  free(copy);
  return status;
}

static int pin(const char *kind, const char *name, int fd, const char *path) {
  int status = path == NULL || fd < 0 ? -EINVAL : make_parents(path);
  if (status == 0) status = bpf_obj_pin(fd, path);
  if (status == 0) return 0;
  rex_warn("%s '%s': failed to pin at '%s': %s", kind, name, path == NULL ? "(null)" : path, strerror(-status));
  return rex_fail(-status);
}

static int unpin(const char *path) {
  if (path == NULL) return rex_fail(EINVAL);
  return unlink(path) < 0 ? rex_fail(errno) : 0;
}

int bpf_program__pin(struct bpf_program *prog, const char *path) {
  return prog == NULL ? rex_fail(EINVAL) : pin("prog", prog->name, prog->fd, path);
}

int bpf_program__unpin(struct bpf_program *prog, const char *path) {
  return prog == NULL ? rex_fail(EINVAL) : unpin(path);
}

int bpf_map__pin(struct bpf_map *map, const char *path) {
  return map == NULL ? rex_fail(EINVAL) : pin("map", map->name, map->fd, path);
}

int bpf_map__unpin(struct bpf_map *map, const char *path) { return map == NULL ? rex_fail(EINVAL) : unpin(path); }

int bpf_link__pin(struct bpf_link *link, const char *path) {
  int status;
  if (link == NULL || link->pin_path != NULL) return rex_fail(link == NULL ? EINVAL : EBUSY);
  status = pin("link", "", link->fd, path);
  if (status < 0) return status;
  link->pin_path = strdup(path);
  return link->pin_path == NULL ? rex_fail(ENOMEM) : 0;
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
  int error;
  int fd = bpf_obj_get(path);
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
