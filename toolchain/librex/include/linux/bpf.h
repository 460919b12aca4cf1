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
