#include "errors.h"
#include "object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

int bpf_map__fd(const struct bpf_map *map) { return map == NULL ? rex_fail(EINVAL) : map->fd; }

const char *bpf_map__name(const struct bpf_map *map) { return map == NULL ? rex_fail_pointer(EINVAL) : map->name; }

enum bpf_map_type bpf_map__type(const struct bpf_map *map) {
  return (enum bpf_map_type)(map == NULL ? 0 : map->definition.map_type);
}

__u32 bpf_map__key_size(const struct bpf_map *map) { return map == NULL ? 0 : map->definition.key_size; }

__u32 bpf_map__value_size(const struct bpf_map *map) { return map == NULL ? 0 : map->definition.val_size; }

__u32 bpf_map__max_entries(const struct bpf_map *map) { return map == NULL ? 0 : map->definition.max_size; }

__u32 bpf_map__map_flags(const struct bpf_map *map) { return map == NULL ? 0 : map->definition.map_flag; }

static int check_key(const struct bpf_map *map, size_t size) {
  if (map == NULL || map->fd < 0) return EINVAL;
  if (size == map->definition.key_size) return 0;
  rex_warn("map '%s': unexpected key size %zu provided, expected %u", map->name, size, map->definition.key_size);
  return EINVAL;
}

/* Bytes of a value as bpf(2) has it: one for each CPU, padded to 8, in per-CPU maps. 0 when the CPUs cannot be counted. */
static size_t value_size(const struct bpf_map *map) {
  size_t size = map->definition.val_size;
  int cpus;
  switch (map->definition.map_type) {
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
      cpus = libbpf_num_possible_cpus();
      return cpus < 0 ? 0 : (size + 7) / 8 * 8 * (size_t)cpus;
    default:
      return size;
  }
}

static int check_value(const struct bpf_map *map, size_t size) {
  size_t expected = value_size(map);
  if (size == expected) return 0;
  rex_warn("map '%s': unexpected value size %zu provided, expected %zu", map->name, size, expected);
  return EINVAL;
}

int bpf_map__lookup_elem(const struct bpf_map *map, const void *key, size_t key_sz, void *value, size_t value_sz,
                         __u64 flags) {
  if (check_key(map, key_sz) || check_value(map, value_sz)) return rex_fail(EINVAL);
  return bpf_map_lookup_elem_flags(map->fd, key, value, flags);
}

int bpf_map__lookup_and_delete_elem(const struct bpf_map *map, const void *key, size_t key_sz, void *value,
                                    size_t value_sz, __u64 flags) {
  if (check_key(map, key_sz) || check_value(map, value_sz)) return rex_fail(EINVAL);
  return bpf_map_lookup_and_delete_elem_flags(map->fd, key, value, flags);
}

int bpf_map__update_elem(const struct bpf_map *map, const void *key, size_t key_sz, const void *value,
                         size_t value_sz, __u64 flags) {
  if (check_key(map, key_sz) || check_value(map, value_sz)) return rex_fail(EINVAL);
  return bpf_map_update_elem(map->fd, key, value, flags);
}

int bpf_map__delete_elem(const struct bpf_map *map, const void *key, size_t key_sz, __u64 flags) {
  if (flags != 0 || check_key(map, key_sz)) return rex_fail(EINVAL);
  return bpf_map_delete_elem(map->fd, key);
}

int bpf_map__get_next_key(const struct bpf_map *map, const void *cur_key, void *next_key, size_t key_sz) {
  if (check_key(map, key_sz)) return rex_fail(EINVAL);
  return bpf_map_get_next_key(map->fd, cur_key, next_key);
}

/* A Rex object's maps exist as soon as there is an object: as in libbpf after bpf_object__load(). */
static int too_late(const struct bpf_map *map) { return rex_fail(map == NULL ? EINVAL : EBUSY); }

int bpf_map__set_max_entries(struct bpf_map *map, __u32 max_entries) {
  (void)max_entries;
  return too_late(map);
}

int bpf_map__set_map_flags(struct bpf_map *map, __u32 flags) {
  (void)flags;
  return too_late(map);
}

int bpf_map__set_value_size(struct bpf_map *map, __u32 size) {
  (void)size;
  return too_late(map);
}
