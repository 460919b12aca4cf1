#include "errors.h"
#include "options.h"
#include "syscalls.h"

#include <errno.h>
#include <string.h>

static int result(long value) { return value < 0 ? -errno : (int)value; }

int bpf_map_create(enum bpf_map_type type, const char *name, __u32 key_size, __u32 value_size, __u32 max_entries,
                   const struct bpf_map_create_opts *opts) {
  struct bpf_attr_map_create attr;
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

int bpf_link_create(int prog_fd, int target_fd, enum bpf_attach_type type, const struct bpf_link_create_opts *opts) {
  struct bpf_attr_link_create attr;
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
