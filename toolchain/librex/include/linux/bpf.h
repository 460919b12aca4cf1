/* The bpf(2) ABI: numbers and structures are generated into rex_abi.h from kernel/layout. */
#ifndef REX_LINUX_BPF_H
#define REX_LINUX_BPF_H

#include <linux/types.h>

/* libbpf's opaque types own these names, and <limits.h> the macro. */
#pragma push_macro("PAGE_SIZE")
#undef PAGE_SIZE
#define bpf_map rex_kernel_bpf_map
#define bpf_prog rex_kernel_bpf_prog
#define perf_event_attr rex_kernel_perf_event_attr
#include <rex_abi.h>
#undef bpf_map
#undef bpf_prog
#undef perf_event_attr
#undef PAGE_SIZE
#pragma pop_macro("PAGE_SIZE")

/* The values are macros of rex_abi.h; the enumerations only name the types. */
enum bpf_map_type { __MAX_BPF_MAP_TYPE = 0x7fffffff };
enum bpf_prog_type { __MAX_BPF_PROG_TYPE = 0x7fffffff };
enum bpf_attach_type { __MAX_BPF_ATTACH_TYPE = 0x7fffffff };
#define BPF_XDP 37
#define BPF_TCX_INGRESS 46
#define BPF_TCX_EGRESS 47
enum bpf_stats_type { BPF_STATS_RUN_TIME = 0 };
enum bpf_cmd { __MAX_BPF_CMD = 0x7fffffff };

#define BPF_OBJ_NAME_LEN 16U
#define BPF_TAG_SIZE 8

/* of elements */
#define BPF_F_LOCK 4
/* of maps */
#define BPF_F_NO_PREALLOC (1U << 0)
#define BPF_F_NO_COMMON_LRU (1U << 1)
#define BPF_F_NUMA_NODE (1U << 2)
#define BPF_F_RDONLY (1U << 3)
#define BPF_F_WRONLY (1U << 4)
#define BPF_F_STACK_BUILD_ID (1U << 5)
#define BPF_F_ZERO_SEED (1U << 6)
#define BPF_F_RDONLY_PROG (1U << 7)
#define BPF_F_WRONLY_PROG (1U << 8)
#define BPF_F_MMAPABLE (1U << 10)
#define BPF_F_PRESERVE_ELEMS (1U << 11)
/* of BPF_OBJ_PIN and BPF_OBJ_GET */
#define BPF_F_PATH_FD (1U << 14)

/* in the pages of a ring buffer: of a record's length word */
#define BPF_RINGBUF_BUSY_BIT (1U << 31)
#define BPF_RINGBUF_DISCARD_BIT (1U << 30)
#define BPF_RINGBUF_HDR_SZ 8

struct bpf_map_info {
  __u32 type;
  __u32 id;
  __u32 key_size;
  __u32 value_size;
  __u32 max_entries;
  __u32 map_flags;
  char name[16];
  __u32 ifindex;
  __u32 btf_vmlinux_value_type_id;
  __u64 netns_dev;
  __u64 netns_ino;
  __u32 btf_id;
  __u32 btf_key_type_id;
  __u32 btf_value_type_id;
  __u32 btf_vmlinux_id;
  __u64 map_extra;
} __attribute__((aligned(8)));

struct bpf_prog_info {
  __u32 type;
  __u32 id;
  __u8 tag[8];
  __u32 jited_prog_len;
  __u32 xlated_prog_len;
  __u64 jited_prog_insns;
  __u64 xlated_prog_insns;
  __u64 load_time; /* ns since boot */
  __u32 created_by_uid;
  __u32 nr_map_ids;
  __u64 map_ids;
  char name[16];
  __u32 ifindex;
  __u32 gpl_compatible : 1;
  __u32 : 31;
  __u64 netns_dev;
  __u64 netns_ino;
  __u32 nr_jited_ksyms;
  __u32 nr_jited_func_lens;
  __u64 jited_ksyms;
  __u64 jited_func_lens;
  __u32 btf_id;
  __u32 func_info_rec_size;
  __u64 func_info;
  __u32 nr_func_info;
  __u32 nr_line_info;
  __u64 line_info;
  __u64 jited_line_info;
  __u32 nr_jited_line_info;
  __u32 line_info_rec_size;
  __u32 jited_line_info_rec_size;
  __u32 nr_prog_tags;
  __u64 prog_tags;
  __u64 run_time_ns;
  __u64 run_cnt;
  __u64 recursion_misses;
  __u32 verified_insns;
  __u32 attach_btf_obj_id;
  __u32 attach_btf_id;
} __attribute__((aligned(8)));

enum bpf_link_type { __MAX_BPF_LINK_TYPE = 0x7fffffff };
#define BPF_LINK_TYPE_XDP 6
#define BPF_LINK_TYPE_PERF_EVENT 7
#define BPF_LINK_TYPE_TCX 11

enum bpf_perf_event_type { __MAX_BPF_PERF_EVENT_TYPE = 0x7fffffff };
#define BPF_PERF_EVENT_KPROBE 3
#define BPF_PERF_EVENT_KRETPROBE 4
#define BPF_PERF_EVENT_TRACEPOINT 5
#define BPF_PERF_EVENT_EVENT 6

struct bpf_link_info {
  __u32 type;
  __u32 id;
  __u32 prog_id;
  union {
    struct {
      __u32 ifindex;
    } xdp;
    struct {
      __u32 ifindex;
      __u32 attach_type;
    } tcx;
    struct {
      __u32 type; /* enum bpf_perf_event_type */
      __u32 : 32;
      union {
        struct {
          __u64 func_name; /* in and out: where the name goes */
          __u32 name_len;  /* in: room; out: the name's length with its NUL */
          __u32 offset;
          __u64 addr;
          __u64 missed;
          __u64 cookie;
        } kprobe;
        struct {
          __u64 tp_name;
          __u32 name_len;
          __u32 : 32;
          __u64 cookie;
        } tracepoint;
        struct {
          __u64 config;
          __u32 type;
          __u32 : 32;
          __u64 cookie;
        } event;
      };
    } perf_event;
    __u64 __room[6];
  } __attribute__((aligned(8)));
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct bpf_link_info) == 64, "bpf_link_info");

/* For those who call bpf(2) themselves: the commands of this kernel. */
union bpf_attr {
  struct { /* BPF_MAP_CREATE */
    __u32 map_type;
    __u32 key_size;
    __u32 value_size;
    __u32 max_entries;
    __u32 map_flags;
    __u32 inner_map_fd;
    __u32 numa_node;
    char map_name[BPF_OBJ_NAME_LEN];
    __u32 map_ifindex;
    __u32 btf_fd;
    __u32 btf_key_type_id;
    __u32 btf_value_type_id;
    __u32 btf_vmlinux_value_type_id;
    __u64 map_extra;
  };
  struct { /* BPF_MAP_*_ELEM, BPF_MAP_GET_NEXT_KEY, BPF_MAP_FREEZE */
    __u32 map_fd;
    __u64 key __attribute__((aligned(8)));
    union {
      __u64 value;
      __u64 next_key;
    };
    __u64 flags;
  };
  struct { /* BPF_MAP_*_BATCH */
    __u64 in_batch;
    __u64 out_batch;
    __u64 keys;
    __u64 values;
    __u32 count;
    __u32 map_fd;
    __u64 elem_flags;
    __u64 flags;
  } batch;
  struct { /* BPF_PROG_LOAD_REX_BASE, BPF_PROG_LOAD_REX */
    __u32 prog_type;
    __u32 insn_cnt;
    __u64 insns;
    __u64 license;
    __u32 log_level;
    __u32 log_size;
    __u64 log_buf;
    __u32 kern_version;
    __u32 prog_flags;
    char prog_name[BPF_OBJ_NAME_LEN];
    __u32 prog_ifindex;
    __u64 unwinder_insn_off __attribute__((aligned(8)));
    __u32 expected_attach_type;
    __u32 prog_btf_fd;
    __u64 __not_of_rex[6];
    union {
      __u64 map_offs;
      __u64 prog_offset;
    };
    union {
      __u64 dyn_relas;
      __u32 base_prog_fd;
    };
    __u64 nr_dyn_relas;
    __u64 dyn_syms;
    __u64 nr_dyn_syms;
    __u64 text_syms;
    __u64 nr_text_syms;
    __u32 rustfd;
    __u32 map_cnt;
    __u64 __reserved[4];
  };
  struct { /* BPF_OBJ_PIN, BPF_OBJ_GET */
    __u64 pathname;
    __u32 bpf_fd;
    __u32 file_flags;
    __s32 path_fd;
  };
  struct { /* BPF_*_GET_NEXT_ID, BPF_*_GET_FD_BY_ID */
    union {
      __u32 start_id;
      __u32 prog_id;
      __u32 map_id;
      __u32 link_id;
    };
    __u32 next_id;
    __u32 open_flags;
  };
  struct { /* BPF_OBJ_GET_INFO_BY_FD */
    __u32 bpf_fd;
    __u32 info_len;
    __u64 info;
  } info;
  struct { /* BPF_LINK_CREATE */
    __u32 prog_fd;
    union {
      __u32 target_fd;
      __u32 target_ifindex;
    };
    __u32 attach_type;
    __u32 flags;
    struct {
      __u64 bpf_cookie;
    } perf_event;
  } link_create;
  struct { /* BPF_LINK_DETACH */
    __u32 link_fd;
  } link_detach;
  struct { /* BPF_ENABLE_STATS */
    __u32 type;
  } enable_stats;
} __attribute__((aligned(8)));

#define REX_SAME_PLACE(field, structure, member)                                                                      \
  _Static_assert(offsetof(union bpf_attr, field) == offsetof(struct structure, member), "bpf_attr." #field)
_Static_assert(sizeof(union bpf_attr) == sizeof(struct bpf_attr_rex_load), "bpf_attr");
REX_SAME_PLACE(map_extra, bpf_attr_map_create, map_extra);
REX_SAME_PLACE(map_name, bpf_attr_map_create, map_name);
REX_SAME_PLACE(flags, bpf_attr_map_elem, flags);
REX_SAME_PLACE(batch.flags, bpf_attr_map_batch, flags);
REX_SAME_PLACE(unwinder_insn_off, bpf_attr_rex_load, unwinder_insn_off);
REX_SAME_PLACE(map_offs, bpf_attr_rex_load, map_offs);
REX_SAME_PLACE(base_prog_fd, bpf_attr_rex_load, base_prog_fd);
REX_SAME_PLACE(nr_text_syms, bpf_attr_rex_load, nr_text_syms);
REX_SAME_PLACE(map_cnt, bpf_attr_rex_load, map_cnt);
REX_SAME_PLACE(path_fd, bpf_attr_obj, path_fd);
REX_SAME_PLACE(open_flags, bpf_attr_get_id, open_flags);
REX_SAME_PLACE(info.info, bpf_attr_obj_info, info);
REX_SAME_PLACE(link_create.perf_event.bpf_cookie, bpf_attr_link_create, bpf_cookie);
#undef REX_SAME_PLACE

/* The lock of a map value: `bpf_spin_lock` of the programs. */
struct bpf_spin_lock {
  __u32 val;
};

struct bpf_perf_event_value {
  __u64 counter;
  __u64 enabled;
  __u64 running;
};

#endif
