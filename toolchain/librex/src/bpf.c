#include "errors.h"
#include "options.h"
#include "syscalls.h"

#include <errno.h>
#include <string.h>

static int result(long value) { return value < 0 ? -errno : (int)value; }

int bpf_map_create(enum bpf_map_type type, const char *name, __u32 key_size, __u32 value_size, __u32 max_entries,
                   const struct bpf_map_create_opts *opts) {
  struct bpf_attr_map_create attr;
  if (!REX_OPTIONS_VALID(opts, bpf_map_create_opts)) return rex_fail(EINVAL);
  memset(&attr, 0, sizeof attr);
  attr.map_type = (uint32_t)type;
  attr.key_size = key_size;
  attr.value_size = value_size;
  attr.max_entries = max_entries;
  if (name != NULL) memcpy(attr.map_name, name, strnlen(name, sizeof attr.map_name - 1));
  attr.btf_fd = REX_OPTION(opts, btf_fd, 0);
  attr.btf_key_type_id = REX_OPTION(opts, btf_key_type_id, 0);
  attr.btf_value_type_id = REX_OPTION(opts, btf_value_type_id, 0);
  attr.btf_vmlinux_value_type_id = REX_OPTION(opts, btf_vmlinux_value_type_id, 0);
  attr.inner_map_fd = REX_OPTION(opts, inner_map_fd, 0);
  attr.map_flags = REX_OPTION(opts, map_flags, 0);
  attr.map_extra = REX_OPTION(opts, map_extra, 0);
  attr.numa_node = REX_OPTION(opts, numa_node, 0);
  attr.map_ifindex = REX_OPTION(opts, map_ifindex, 0);
  return result(rex_sys_bpf(BPF_MAP_CREATE, &attr, sizeof attr));
}

static int element(int command, int fd, const void *key, const void *value, __u64 flags) {
  struct bpf_attr_map_elem attr;
  memset(&attr, 0, sizeof attr);
  attr.map_fd = (uint32_t)fd;
  attr.key = rex_address(key);
  attr.value = rex_address(value);
  attr.flags = flags;
  return result(rex_sys_bpf(command, &attr, sizeof attr));
}

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags) {
  return element(BPF_MAP_UPDATE_ELEM, fd, key, value, flags);
}

int bpf_map_lookup_elem(int fd, const void *key, void *value) {
  return element(BPF_MAP_LOOKUP_ELEM, fd, key, value, 0);
}

int bpf_map_lookup_elem_flags(int fd, const void *key, void *value, __u64 flags) {
  return element(BPF_MAP_LOOKUP_ELEM, fd, key, value, flags);
}

int bpf_map_delete_elem(int fd, const void *key) { return element(BPF_MAP_DELETE_ELEM, fd, key, NULL, 0); }

int bpf_map_get_next_key(int fd, const void *key, void *next_key) {
  return element(BPF_MAP_GET_NEXT_KEY, fd, key, next_key, 0);
}

int bpf_map_lookup_and_delete_elem_flags(int fd, const void *key, void *value, __u64 flags) {
  return element(BPF_MAP_LOOKUP_AND_DELETE_ELEM, fd, key, value, flags);
}

int bpf_map_lookup_and_delete_elem(int fd, const void *key, void *value) {
  return bpf_map_lookup_and_delete_elem_flags(fd, key, value, 0);
}

int bpf_map_delete_elem_flags(int fd, const void *key, __u64 flags) {
  return element(BPF_MAP_DELETE_ELEM, fd, key, NULL, flags);
}

static int batch(int command, int fd, void *in_batch, void *out_batch, const void *keys, const void *values,
                 __u32 *count, const struct bpf_map_batch_opts *opts) {
  struct bpf_attr_map_batch attr;
  int status;
  if (count == NULL || !REX_OPTIONS_VALID(opts, bpf_map_batch_opts)) return rex_fail(EINVAL);
  memset(&attr, 0, sizeof attr);
  attr.map_fd = (uint32_t)fd;
  attr.in_batch = rex_address(in_batch);
  attr.out_batch = rex_address(out_batch);
  attr.keys = rex_address(keys);
  attr.values = rex_address(values);
  attr.count = *count;
  attr.elem_flags = REX_OPTION(opts, elem_flags, 0);
  attr.flags = REX_OPTION(opts, flags, 0);
  status = result(rex_sys_bpf(command, &attr, sizeof attr));
  *count = attr.count;
  return status;
}

int bpf_map_lookup_batch(int fd, void *in_batch, void *out_batch, void *keys, void *values, __u32 *count,
                         const struct bpf_map_batch_opts *opts) {
  return batch(BPF_MAP_LOOKUP_BATCH, fd, in_batch, out_batch, keys, values, count, opts);
}

int bpf_map_lookup_and_delete_batch(int fd, void *in_batch, void *out_batch, void *keys, void *values, __u32 *count,
                                    const struct bpf_map_batch_opts *opts) {
  return batch(BPF_MAP_LOOKUP_AND_DELETE_BATCH, fd, in_batch, out_batch, keys, values, count, opts);
}

int bpf_map_update_batch(int fd, const void *keys, const void *values, __u32 *count,
                         const struct bpf_map_batch_opts *opts) {
  return batch(BPF_MAP_UPDATE_BATCH, fd, NULL, NULL, keys, values, count, opts);
}

int bpf_map_delete_batch(int fd, const void *keys, __u32 *count, const struct bpf_map_batch_opts *opts) {
  return batch(BPF_MAP_DELETE_BATCH, fd, NULL, NULL, keys, NULL, count, opts);
}

int bpf_map_freeze(int fd) { return element(BPF_MAP_FREEZE, fd, NULL, NULL, 0); }

int bpf_link_create(int prog_fd, int target_fd, enum bpf_attach_type type, const struct bpf_link_create_opts *opts) {
  struct bpf_attr_link_create attr;
  if (!REX_OPTIONS_VALID(opts, bpf_link_create_opts)) return rex_fail(EINVAL);
  memset(&attr, 0, sizeof attr);
  attr.prog_fd = (uint32_t)prog_fd;
  attr.target_fd = (uint32_t)target_fd;
  attr.attach_type = (uint32_t)type;
  attr.flags = REX_OPTION(opts, flags, 0);
  attr.bpf_cookie = REX_OPTION(opts, perf_event.bpf_cookie, 0);
  return result(rex_sys_bpf(BPF_LINK_CREATE, &attr, sizeof attr));
}

int bpf_obj_get_info_by_fd(int fd, void *info, __u32 *info_len) {
  struct bpf_attr_obj_info attr;
  int status;
  if (info_len == NULL) return rex_fail(EINVAL);
  memset(&attr, 0, sizeof attr);
  attr.bpf_fd = (uint32_t)fd;
  attr.info_len = *info_len;
  attr.info = rex_address(info);
  status = result(rex_sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof attr));
  if (status >= 0) *info_len = attr.info_len;
  return status;
}

int bpf_map_get_info_by_fd(int map_fd, struct bpf_map_info *info, __u32 *info_len) {
  return bpf_obj_get_info_by_fd(map_fd, info, info_len);
}

int bpf_prog_get_info_by_fd(int prog_fd, struct bpf_prog_info *info, __u32 *info_len) {
  return bpf_obj_get_info_by_fd(prog_fd, info, info_len);
}

int bpf_link_get_info_by_fd(int link_fd, struct bpf_link_info *info, __u32 *info_len) {
  return bpf_obj_get_info_by_fd(link_fd, info, info_len);
}

int bpf_link_detach(int link_fd) {
  struct bpf_attr_link_detach attr = {.link_fd = (uint32_t)link_fd};
  return result(rex_sys_bpf(BPF_LINK_DETACH, &attr, sizeof attr));
}

static int named_object(int command, const char *pathname, int fd, __u32 file_flags, int path_fd) {
  struct bpf_attr_obj attr;
  memset(&attr, 0, sizeof attr);
  attr.pathname = rex_address(pathname);
  attr.bpf_fd = (uint32_t)fd;
  attr.file_flags = file_flags;
  attr.path_fd = path_fd;
  return result(rex_sys_bpf(command, &attr, sizeof attr));
}

int bpf_obj_pin_opts(int fd, const char *pathname, const struct bpf_obj_pin_opts *opts) {
  if (!REX_OPTIONS_VALID(opts, bpf_obj_pin_opts)) return rex_fail(EINVAL);
  return named_object(BPF_OBJ_PIN, pathname, fd, REX_OPTION(opts, file_flags, 0), REX_OPTION(opts, path_fd, 0));
}

int bpf_obj_pin(int fd, const char *pathname) { return bpf_obj_pin_opts(fd, pathname, NULL); }

int bpf_obj_get_opts(const char *pathname, const struct bpf_obj_get_opts *opts) {
  if (!REX_OPTIONS_VALID(opts, bpf_obj_get_opts)) return rex_fail(EINVAL);
  return named_object(BPF_OBJ_GET, pathname, 0, REX_OPTION(opts, file_flags, 0), REX_OPTION(opts, path_fd, 0));
}

int bpf_obj_get(const char *pathname) { return bpf_obj_get_opts(pathname, NULL); }

static int next_id(int command, __u32 start, __u32 *next) {
  struct bpf_attr_get_id attr;
  int status;
  memset(&attr, 0, sizeof attr);
  attr.id = start;
  status = result(rex_sys_bpf(command, &attr, sizeof attr));
  if (status >= 0) *next = attr.next_id;
  return status;
}

int bpf_prog_get_next_id(__u32 start_id, __u32 *next) { return next_id(BPF_PROG_GET_NEXT_ID, start_id, next); }
int bpf_map_get_next_id(__u32 start_id, __u32 *next) { return next_id(BPF_MAP_GET_NEXT_ID, start_id, next); }
int bpf_link_get_next_id(__u32 start_id, __u32 *next) { return next_id(BPF_LINK_GET_NEXT_ID, start_id, next); }

static int descriptor_of(int command, __u32 id, const struct bpf_get_fd_by_id_opts *opts) {
  struct bpf_attr_get_id attr;
  if (!REX_OPTIONS_VALID(opts, bpf_get_fd_by_id_opts)) return rex_fail(EINVAL);
  memset(&attr, 0, sizeof attr);
  attr.id = id;
  attr.open_flags = REX_OPTION(opts, open_flags, 0);
  return result(rex_sys_bpf(command, &attr, sizeof attr));
}

int bpf_prog_get_fd_by_id(__u32 id) { return descriptor_of(BPF_PROG_GET_FD_BY_ID, id, NULL); }
int bpf_map_get_fd_by_id(__u32 id) { return descriptor_of(BPF_MAP_GET_FD_BY_ID, id, NULL); }
int bpf_link_get_fd_by_id(__u32 id) { return descriptor_of(BPF_LINK_GET_FD_BY_ID, id, NULL); }

int bpf_map_get_fd_by_id_opts(__u32 id, const struct bpf_get_fd_by_id_opts *opts) {
  return descriptor_of(BPF_MAP_GET_FD_BY_ID, id, opts);
}

int bpf_enable_stats(enum bpf_stats_type type) {
  struct bpf_attr_enable_stats attr = {.type = (uint32_t)type};
  return result(rex_sys_bpf(BPF_ENABLE_STATS, &attr, sizeof attr));
}
