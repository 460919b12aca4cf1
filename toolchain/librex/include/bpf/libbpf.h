/*
 * The part of libbpf that a Rex loader uses, in libbpf 1.x conventions: a function that returns a pointer gives NULL
 * and sets errno when it fails; one that returns int gives -errno and sets errno.
 */
#ifndef LIBBPF_LIBBPF_H
#define LIBBPF_LIBBPF_H

#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LIBBPF_MAJOR_VERSION 1
#define LIBBPF_MINOR_VERSION 1

/* LIBBPF_OPTS(bpf_ksyscall_opts, opts, .retprobe = false); then pass &opts */
#define LIBBPF_OPTS(TYPE, NAME, ...) struct TYPE NAME = {.sz = sizeof(struct TYPE), __VA_ARGS__}
#define DECLARE_LIBBPF_OPTS LIBBPF_OPTS
/* The same for a structure that is there already. */
#define LIBBPF_OPTS_RESET(NAME, ...) ((NAME) = (__typeof__(NAME)){.sz = sizeof(NAME), __VA_ARGS__})

struct bpf_object;
struct bpf_program;
struct bpf_map;
struct bpf_link;

/* messages and errors */
enum libbpf_print_level { LIBBPF_WARN, LIBBPF_INFO, LIBBPF_DEBUG };
typedef int (*libbpf_print_fn_t)(enum libbpf_print_level level, const char *format, va_list arguments);
/* Replaces the printer (NULL: silence) and returns the one before. At first, warnings and notes go to stderr. */
libbpf_print_fn_t libbpf_set_print(libbpf_print_fn_t print);
/* 0 for a good pointer, -errno for one that a failed call returned. */
long libbpf_get_error(const void *ptr);
/* Writes the text of an errno (of either sign) into `buf`. */
int libbpf_strerror(int err, char *buf, size_t size);

/* Of libbpf 0.x: what was strict then is so always. */
enum libbpf_strict_mode { LIBBPF_STRICT_NONE = 0, LIBBPF_STRICT_ALL = 0xffffffff };
int libbpf_set_strict_mode(enum libbpf_strict_mode mode);

/* objects */
void bpf_object__close(struct bpf_object *obj);
const char *bpf_object__name(const struct bpf_object *obj);
struct bpf_program *bpf_object__find_program_by_name(const struct bpf_object *obj, const char *name);
/* `prev` NULL gives the first; NULL after the last. */
struct bpf_program *bpf_object__next_program(const struct bpf_object *obj, struct bpf_program *prev);
struct bpf_map *bpf_object__find_map_by_name(const struct bpf_object *obj, const char *name);
int bpf_object__find_map_fd_by_name(const struct bpf_object *obj, const char *name);
struct bpf_map *bpf_object__next_map(const struct bpf_object *obj, const struct bpf_map *prev);

#define bpf_object__for_each_program(pos, obj)                                                                        \
  for ((pos) = bpf_object__next_program((obj), NULL); (pos) != NULL; (pos) = bpf_object__next_program((obj), (pos)))
#define bpf_object__for_each_map(pos, obj)                                                                            \
  for ((pos) = bpf_object__next_map((obj), NULL); (pos) != NULL; (pos) = bpf_object__next_map((obj), (pos)))
#define bpf_map__for_each bpf_object__for_each_map

/* programs */
const char *bpf_program__name(const struct bpf_program *prog);
const char *bpf_program__section_name(const struct bpf_program *prog);
int bpf_program__fd(const struct bpf_program *prog);
enum bpf_prog_type bpf_program__type(const struct bpf_program *prog);
/* EBUSY: a Rex object is loaded as soon as there is one. */
int bpf_program__set_type(struct bpf_program *prog, enum bpf_prog_type type);
/* Which way a `tc` program looks that bpf_program__attach_tcx() attaches; at first BPF_TCX_INGRESS. */
enum bpf_attach_type bpf_program__expected_attach_type(const struct bpf_program *prog);
int bpf_program__set_expected_attach_type(struct bpf_program *prog, enum bpf_attach_type type);

/*
 * maps: sizes in bytes; key_sz must equal the map's, value_sz as well, or for a per-CPU map the value's rounded up to 8,
 * times libbpf_num_possible_cpus()
 */
int bpf_map__fd(const struct bpf_map *map);
const char *bpf_map__name(const struct bpf_map *map);
enum bpf_map_type bpf_map__type(const struct bpf_map *map);
__u32 bpf_map__key_size(const struct bpf_map *map);
__u32 bpf_map__value_size(const struct bpf_map *map);
__u32 bpf_map__max_entries(const struct bpf_map *map);
__u32 bpf_map__map_flags(const struct bpf_map *map);
int bpf_map__lookup_elem(const struct bpf_map *map, const void *key, size_t key_sz, void *value, size_t value_sz,
                         __u64 flags);
int bpf_map__lookup_and_delete_elem(const struct bpf_map *map, const void *key, size_t key_sz, void *value,
                                    size_t value_sz, __u64 flags);
int bpf_map__update_elem(const struct bpf_map *map, const void *key, size_t key_sz, const void *value,
                         size_t value_sz, __u64 flags);
int bpf_map__delete_elem(const struct bpf_map *map, const void *key, size_t key_sz, __u64 flags);
int bpf_map__get_next_key(const struct bpf_map *map, const void *cur_key, void *next_key, size_t key_sz);
/* EBUSY: a Rex object's maps exist as soon as there is an object. */
int bpf_map__set_max_entries(struct bpf_map *map, __u32 max_entries);
int bpf_map__set_map_flags(struct bpf_map *map, __u32 flags);
int bpf_map__set_value_size(struct bpf_map *map, __u32 size);

/* attaching */
struct bpf_kprobe_opts {
  size_t sz;
  __u64 bpf_cookie;
  size_t offset; /* bytes into the function */
  bool retprobe;
};
struct bpf_ksyscall_opts {
  size_t sz;
  __u64 bpf_cookie;
  bool retprobe;
};
struct bpf_tracepoint_opts {
  size_t sz;
  __u64 bpf_cookie;
};
struct bpf_perf_event_opts {
  size_t sz;
  __u64 bpf_cookie;
  bool force_ioctl_attach;
};

/* By the program's section: kprobe/FUNCTION, ksyscall/NAME, tracepoint/CATEGORY/NAME; EOPNOTSUPP for others. */
struct bpf_link *bpf_program__attach(const struct bpf_program *prog);
struct bpf_link *bpf_program__attach_kprobe(const struct bpf_program *prog, bool retprobe, const char *func_name);
struct bpf_link *bpf_program__attach_kprobe_opts(const struct bpf_program *prog, const char *func_name,
                                                 const struct bpf_kprobe_opts *opts);
/* A kprobe on __x64_sys_NAME. */
struct bpf_link *bpf_program__attach_ksyscall(const struct bpf_program *prog, const char *syscall_name,
                                              const struct bpf_ksyscall_opts *opts);
struct bpf_link *bpf_program__attach_tracepoint(const struct bpf_program *prog, const char *tp_category,
                                                const char *tp_name);
struct bpf_link *bpf_program__attach_tracepoint_opts(const struct bpf_program *prog, const char *tp_category,
                                                     const char *tp_name, const struct bpf_tracepoint_opts *opts);
/* The link owns `pfd` from here on. */
struct bpf_link *bpf_program__attach_perf_event(const struct bpf_program *prog, int pfd);
struct bpf_link *bpf_program__attach_perf_event_opts(const struct bpf_program *prog, int pfd,
                                                     const struct bpf_perf_event_opts *opts);

/* On a device, by its index; the link owns the attachment. */
struct bpf_link *bpf_program__attach_xdp(const struct bpf_program *prog, int ifindex);
struct bpf_tcx_opts {
  size_t sz;
  __u32 flags;
  __u32 relative_fd;
  __u32 relative_id;
  __u64 expected_revision;
};
struct bpf_link *bpf_program__attach_tcx(const struct bpf_program *prog, int ifindex, const struct bpf_tcx_opts *opts);

/* XDP over netlink: the attachment outlives its loader. `flags`: XDP_FLAGS_* of <linux/if_link.h> */
struct bpf_xdp_attach_opts {
  size_t sz;
  int old_prog_fd; /* replace this one, or fail */
};
struct bpf_xdp_query_opts {
  size_t sz;
  __u32 prog_id;
  __u32 drv_prog_id;
  __u32 hw_prog_id;
  __u32 skb_prog_id;
  __u8 attach_mode; /* XDP_ATTACHED_* */
};
int bpf_xdp_attach(int ifindex, int prog_fd, __u32 flags, const struct bpf_xdp_attach_opts *opts);
int bpf_xdp_detach(int ifindex, __u32 flags, const struct bpf_xdp_attach_opts *opts);
int bpf_xdp_query(int ifindex, int flags, struct bpf_xdp_query_opts *opts);
int bpf_xdp_query_id(int ifindex, int flags, __u32 *prog_id);

/* traffic control over netlink */
enum bpf_tc_attach_point { BPF_TC_INGRESS = 1 << 0, BPF_TC_EGRESS = 1 << 1, BPF_TC_CUSTOM = 1 << 2 };
enum bpf_tc_flags { BPF_TC_F_REPLACE = 1 << 0 };
struct bpf_tc_hook {
  size_t sz;
  int ifindex;
  enum bpf_tc_attach_point attach_point;
  __u32 parent;
};
struct bpf_tc_opts {
  size_t sz;
  int prog_fd;
  __u32 flags;
  __u32 prog_id;
  __u32 handle;   /* 0: the kernel chooses, and it is put here */
  __u32 priority; /* the same */
};
/* A clsact queueing discipline on the device; EEXIST when there is one. */
int bpf_tc_hook_create(struct bpf_tc_hook *hook);
/* With one direction its filters only, with BPF_TC_INGRESS | BPF_TC_EGRESS all of it. */
int bpf_tc_hook_destroy(struct bpf_tc_hook *hook);
/* Gives handle, priority and prog_id back in `opts`. EEXIST without BPF_TC_F_REPLACE. */
int bpf_tc_attach(const struct bpf_tc_hook *hook, struct bpf_tc_opts *opts);
/* By handle and priority; prog_fd, prog_id and flags must be 0. */
int bpf_tc_detach(const struct bpf_tc_hook *hook, const struct bpf_tc_opts *opts);
int bpf_tc_query(const struct bpf_tc_hook *hook, struct bpf_tc_opts *opts);

/* pins: paths below a bpffs mount, /sys/fs/bpf */
int bpf_program__pin(struct bpf_program *prog, const char *path);
int bpf_program__unpin(struct bpf_program *prog, const char *path);
int bpf_map__pin(struct bpf_map *map, const char *path);
int bpf_map__unpin(struct bpf_map *map, const char *path);
/* Where bpf_map__pin(map, NULL) pins it; NULL: nowhere. */
int bpf_map__set_pin_path(struct bpf_map *map, const char *path);
const char *bpf_map__pin_path(const struct bpf_map *map);
bool bpf_map__is_pinned(const struct bpf_map *map);
/* Each below the folder `path` by its name; for maps NULL means those that have a path of their own. All or none. */
int bpf_object__pin_maps(struct bpf_object *obj, const char *path);
int bpf_object__unpin_maps(struct bpf_object *obj, const char *path);
int bpf_object__pin_programs(struct bpf_object *obj, const char *path);
int bpf_object__unpin_programs(struct bpf_object *obj, const char *path);
int bpf_object__pin(struct bpf_object *obj, const char *path);
int bpf_link__pin(struct bpf_link *link, const char *path);
int bpf_link__unpin(struct bpf_link *link);
const char *bpf_link__pin_path(const struct bpf_link *link);
/* A link that somebody has pinned. */
struct bpf_link *bpf_link__open(const char *path);

/* the reader of a ring buffer map */
struct ring_buffer;
/* A negative value ends the reading. */
typedef int (*ring_buffer_sample_fn)(void *ctx, void *data, size_t size);
struct ring_buffer_opts {
  size_t sz;
};
struct ring_buffer *ring_buffer__new(int map_fd, ring_buffer_sample_fn sample_cb, void *ctx,
                                     const struct ring_buffer_opts *opts);
int ring_buffer__add(struct ring_buffer *rb, int map_fd, ring_buffer_sample_fn sample_cb, void *ctx);
/* Samples read, or -errno, or what the callback said. A negative timeout waits for ever. */
int ring_buffer__poll(struct ring_buffer *rb, int timeout_ms);
int ring_buffer__consume(struct ring_buffer *rb);
int ring_buffer__epoll_fd(const struct ring_buffer *rb);
void ring_buffer__free(struct ring_buffer *rb);

/* the reader of a perf event array map: one event a CPU */
struct perf_buffer;
typedef void (*perf_buffer_sample_fn)(void *ctx, int cpu, void *data, __u32 size);
typedef void (*perf_buffer_lost_fn)(void *ctx, int cpu, __u64 cnt);
struct perf_buffer_opts {
  size_t sz;
  __u32 sample_period; /* samples between wake-ups; 0: 1 */
};
/* `page_cnt`: pages of each CPU's ring, a power of two */
struct perf_buffer *perf_buffer__new(int map_fd, size_t page_cnt, perf_buffer_sample_fn sample_cb,
                                     perf_buffer_lost_fn lost_cb, void *ctx, const struct perf_buffer_opts *opts);
/* Rings that had something, or -errno. */
int perf_buffer__poll(struct perf_buffer *pb, int timeout_ms);
int perf_buffer__consume(struct perf_buffer *pb);
int perf_buffer__epoll_fd(const struct perf_buffer *pb);
size_t perf_buffer__buffer_cnt(const struct perf_buffer *pb);
/* One ring of them, and the event it belongs to; EINVAL past the last. */
int perf_buffer__consume_buffer(struct perf_buffer *pb, size_t buf_idx);
int perf_buffer__buffer_fd(const struct perf_buffer *pb, size_t buf_idx);
void perf_buffer__free(struct perf_buffer *pb);

/* Slots of a per-CPU map's value. */
int libbpf_num_possible_cpus(void);

/* links */
int bpf_link__fd(const struct bpf_link *link);
/* From here on bpf_link__destroy() frees the structure only: the program stays attached. */
void bpf_link__disconnect(struct bpf_link *link);
/* Detaches and frees; NULL is fine. */
int bpf_link__destroy(struct bpf_link *link);

#ifdef __cplusplus
}
#endif
#endif
