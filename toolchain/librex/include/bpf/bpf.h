/* The low-level calls of libbpf that librex provides: each returns >= 0, or -errno with errno set. */
#ifndef LIBBPF_BPF_H
#define LIBBPF_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpf_map_create_opts {
  size_t sz;
  __u32 btf_fd;
  __u32 btf_key_type_id;
  __u32 btf_value_type_id;
  __u32 btf_vmlinux_value_type_id;
  __u32 inner_map_fd;
  __u32 map_flags;
  __u64 map_extra;
  __u32 numa_node;
  __u32 map_ifindex;
};

struct bpf_link_create_opts {
  size_t sz;
  __u32 flags;
  struct {
    __u64 bpf_cookie;
  } perf_event;
};

/* Returns the map's fd. Names are cut to 15 characters; `opts` may be NULL. */
int bpf_map_create(enum bpf_map_type type, const char *name, __u32 key_size, __u32 value_size, __u32 max_entries,
                   const struct bpf_map_create_opts *opts);
int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);
int bpf_map_lookup_elem(int fd, const void *key, void *value);
int bpf_map_lookup_elem_flags(int fd, const void *key, void *value, __u64 flags);
int bpf_map_delete_elem(int fd, const void *key);
int bpf_map_delete_elem_flags(int fd, const void *key, __u64 flags);
/* `key` NULL asks for the first key. -ENOENT after the last one. */
int bpf_map_get_next_key(int fd, const void *key, void *next_key);
/* Returns the link's fd. */
int bpf_link_create(int prog_fd, int target_fd, enum bpf_attach_type type, const struct bpf_link_create_opts *opts);
int bpf_obj_get_info_by_fd(int fd, void *info, __u32 *info_len);
int bpf_map_get_info_by_fd(int map_fd, struct bpf_map_info *info, __u32 *info_len);
int bpf_prog_get_info_by_fd(int prog_fd, struct bpf_prog_info *info, __u32 *info_len);
int bpf_link_get_info_by_fd(int link_fd, struct bpf_link_info *info, __u32 *info_len);
int bpf_link_detach(int link_fd);
int bpf_map_lookup_and_delete_elem(int fd, const void *key, void *value);
int bpf_map_lookup_and_delete_elem_flags(int fd, const void *key, void *value, __u64 flags);
int bpf_map_freeze(int fd);

/* several elements in one call: `count` says how many, and then how many it were */
struct bpf_map_batch_opts {
  size_t sz;
  __u64 elem_flags;
  __u64 flags;
};
/* `in_batch` NULL begins; `out_batch` is where the next call goes on. -ENOENT with the last elements. */
int bpf_map_lookup_batch(int fd, void *in_batch, void *out_batch, void *keys, void *values, __u32 *count,
                         const struct bpf_map_batch_opts *opts);
int bpf_map_lookup_and_delete_batch(int fd, void *in_batch, void *out_batch, void *keys, void *values, __u32 *count,
                                    const struct bpf_map_batch_opts *opts);
int bpf_map_update_batch(int fd, const void *keys, const void *values, __u32 *count,
                         const struct bpf_map_batch_opts *opts);
int bpf_map_delete_batch(int fd, const void *keys, __u32 *count, const struct bpf_map_batch_opts *opts);

/* pins: `pathname` below a bpffs mount */
struct bpf_obj_pin_opts {
  size_t sz;
  __u32 file_flags; /* BPF_F_PATH_FD: `pathname` is below the folder `path_fd` */
  int path_fd;
};
struct bpf_obj_get_opts {
  size_t sz;
  __u32 file_flags;
  int path_fd;
};
int bpf_obj_pin(int fd, const char *pathname);
int bpf_obj_pin_opts(int fd, const char *pathname, const struct bpf_obj_pin_opts *opts);
int bpf_obj_get(const char *pathname);
int bpf_obj_get_opts(const char *pathname, const struct bpf_obj_get_opts *opts);

/* walking what is loaded: ids ascend; -ENOENT after the last */
int bpf_prog_get_next_id(__u32 start_id, __u32 *next_id);
int bpf_map_get_next_id(__u32 start_id, __u32 *next_id);
int bpf_link_get_next_id(__u32 start_id, __u32 *next_id);
int bpf_prog_get_fd_by_id(__u32 id);
int bpf_map_get_fd_by_id(__u32 id);
int bpf_link_get_fd_by_id(__u32 id);
struct bpf_get_fd_by_id_opts {
  size_t sz;
  __u32 open_flags; /* BPF_F_RDONLY, BPF_F_WRONLY */
};
int bpf_map_get_fd_by_id_opts(__u32 id, const struct bpf_get_fd_by_id_opts *opts);

/* Counts and times every run of a program while the fd is open. */
int bpf_enable_stats(enum bpf_stats_type type);

#ifdef __cplusplus
}
#endif
#endif
