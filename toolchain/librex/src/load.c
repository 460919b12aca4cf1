#include "elf-file.h"
#include "errors.h"
#include "image.h"
#include "object.h"
#include "syscalls.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <librex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KPTR_OFFSET offsetof(struct rex_map_handle, kptr)

/* `WHAT: NAME: TEXT OF ERRNO`, errno kept */
static int call_failed(const char *what, const char *name) {
  int saved = errno;
  fprintf(stderr, "%s: %s: %s\n", what, name, strerror(saved));
  errno = saved;
  return -1;
}

/* Up to 15 bytes of [A-Za-z0-9_.], as the kernel demands of object names. */
static void copy_name(void *field, size_t size, const char *name) {
  char *out = field;
  for (size_t i = 0; i + 1 < size && name[i] != '\0'; i++)
    out[i] = isalnum((unsigned char)name[i]) || name[i] == '.' ? name[i] : '_';
}

/* Creates each map and puts its fd where the kernel expects it: into the `kptr` of the map's handle. */
static int create_maps(struct bpf_object *object, struct rex_elf *elf) {
  struct bpf_map *map;
  bpf_object__for_each_map(map, object) {
    const struct rex_map_handle *definition = &map->definition;
    LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = definition->map_flag);
    char name[16] = {0};
    uint64_t fd;
    size_t offset;
    copy_name(name, sizeof name, map->name);
    map->fd = bpf_map_create((enum bpf_map_type)definition->map_type, name, definition->key_size,
                             definition->val_size, definition->max_size, &opts);
    if (map->fd < 0) return call_failed("bpf_map_create", map->name);
    if (rex_elf_file_offset(elf, map->address + KPTR_OFFSET, sizeof fd, &offset) < 0) return -1;
    fd = (uint64_t)map->fd;
    memcpy(elf->bytes + offset, &fd, sizeof fd);
    rex_debug("map '%s': fd %d", map->name, map->fd);
  }
  return 0;
}

static int write_all(int fd, const unsigned char *bytes, size_t size) {
  while (size > 0) {
    ssize_t count = write(fd, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return -1;
    bytes += count;
    size -= (size_t)count;
  }
  return 0;
}

/* A file that has no name any more, or never had one. */
static int temporary_file(void) {
  static const char *const folders[] = {".", "/tmp"};
  char name[32], path[48];
  int fd;
  snprintf(name, sizeof name, "rex-%ld", (long)syscall(SYS_gettid));
  fd = rex_sys_memfd_create(name);
  for (size_t i = 0; fd < 0 && i < sizeof folders / sizeof folders[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", folders[i], name);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) unlink(path);
  }
  return fd;
}

static int write_image(const struct rex_elf *elf) {
  int fd = temporary_file();
  if (fd < 0) return call_failed("temporary file", elf->path);
  if (write_all(fd, elf->bytes, elf->size) < 0) {
    call_failed("temporary file", elf->path);
    close(fd);
    return -1;
  }
  return fd;
}

static long load(int command, const char *name, struct bpf_attr_rex_load *attr) {
  attr->license = rex_address("GPL");
  copy_name(attr->prog_name, sizeof attr->prog_name, name);
  return rex_sys_bpf(command, attr, sizeof *attr);
}

static int load_base(struct bpf_object *object, const struct rex_image *image, int image_fd) {
  struct bpf_attr_rex_load attr;
  char name[32];
  uint64_t *map_offsets = calloc(object->map_count + 1, sizeof *map_offsets);
  if (map_offsets == NULL) return call_failed("bpf_prog_load_rex_base", object->name);
  for (size_t i = 0; i < object->map_count; i++) map_offsets[i] = object->maps[i].address + KPTR_OFFSET;

  memset(&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_REX_BASE;
  attr.unwinder_insn_off = object->timeout_handler;
  attr.map_offs = rex_address(map_offsets);
  attr.map_cnt = (uint32_t)object->map_count;
  attr.dyn_relas = rex_address(image->relocations);
  attr.nr_dyn_relas = image->relocation_count;
  attr.dyn_syms = rex_address(image->imports);
  attr.nr_dyn_syms = image->import_count;
  attr.text_syms = rex_address(image->functions);
  attr.nr_text_syms = image->function_count;
  attr.rustfd = (uint32_t)image_fd;
  snprintf(name, sizeof name, "%.15s.base", object->name);
  object->base_fd = (int)load(BPF_PROG_LOAD_REX_BASE, name, &attr);
  free(map_offsets);
  if (object->base_fd < 0) return call_failed("bpf_prog_load_rex_base", object->name);
  rex_debug("base '%s': fd %d", object->name, object->base_fd);
  return 0;
}

static int load_programs(struct bpf_object *object) {
  struct bpf_program *program;
  bpf_object__for_each_program(program, object) {
    struct bpf_attr_rex_load attr;
    memset(&attr, 0, sizeof attr);
    attr.prog_type = program->type;
    attr.unwinder_insn_off = object->timeout_handler;
    attr.prog_offset = program->address;
    attr.base_prog_fd = (uint32_t)object->base_fd;
    program->fd = (int)load(BPF_PROG_LOAD_REX, program->name, &attr);
    if (program->fd < 0) return call_failed("bpf_prog_load_rex", program->name);
    rex_debug("program '%s': fd %d", program->name, program->fd);
  }
  return 0;
}

static int load_image(struct bpf_object *object, const struct rex_image *image, const struct rex_elf *elf) {
  int status, saved;
  int image_fd = write_image(elf);
  if (image_fd < 0) return -1;
  status = load_base(object, image, image_fd);
  saved = errno;
  close(image_fd);
  errno = saved;
  return status < 0 ? -1 : load_programs(object);
}

static int load_file(struct bpf_object *object, const char *path) {
  struct rex_elf elf;
  struct rex_image image;
  const char *slash = strrchr(path, '/');
  int status;
  if (rex_elf_open(&elf, path) < 0) return -1;
  object->name = strdup(slash == NULL ? path : slash + 1);
  status = object->name == NULL ? -1 : 0;
  memset(&image, 0, sizeof image);
  if (status == 0) status = rex_image_read(&image, object, &elf);
  if (status == 0) status = create_maps(object, &elf);
  if (status == 0) status = load_image(object, &image, &elf);
  rex_image_free(&image);
  rex_elf_close(&elf);
  return status;
}

struct rex_obj *rex_obj_load(const char *path) {
  struct rex_obj *obj;
  int saved;
  if (path == NULL) return rex_fail_pointer(EINVAL);
  obj = calloc(1, sizeof *obj);
  if (obj == NULL) return NULL;
  obj->object.base_fd = -1;
  if (load_file(&obj->object, path) == 0) return obj;
  saved = errno;
  bpf_object__close(&obj->object);
  return rex_fail_pointer(saved);
}

struct bpf_object *rex_obj_get_bpf(struct rex_obj *obj) {
  return obj == NULL ? rex_fail_pointer(EINVAL) : &obj->object;
}
