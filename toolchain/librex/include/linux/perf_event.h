/* The part of perf_event_open(2)'s interface that loaders use. Values that the kernel model knows as well are in <rex_abi.h>. */
#ifndef REX_LINUX_PERF_EVENT_H
#define REX_LINUX_PERF_EVENT_H

#include <linux/bpf.h>
#include <linux/ioctl.h>

enum perf_type_id { __MAX_PERF_TYPE_ID = 0x7fffffff };
#define PERF_TYPE_HARDWARE 0
#define PERF_TYPE_SOFTWARE 1
#define PERF_TYPE_TRACEPOINT 2
#define PERF_TYPE_HW_CACHE 3
#define PERF_TYPE_RAW 4
#define PERF_TYPE_BREAKPOINT 5

enum perf_hw_id { __MAX_PERF_HW_ID = 0x7fffffff };
#define PERF_COUNT_HW_CPU_CYCLES 0
#define PERF_COUNT_HW_INSTRUCTIONS 1
#define PERF_COUNT_HW_CACHE_REFERENCES 2
#define PERF_COUNT_HW_CACHE_MISSES 3
#define PERF_COUNT_HW_BRANCH_INSTRUCTIONS 4
#define PERF_COUNT_HW_BRANCH_MISSES 5
#define PERF_COUNT_HW_BUS_CYCLES 6
#define PERF_COUNT_HW_STALLED_CYCLES_FRONTEND 7
#define PERF_COUNT_HW_STALLED_CYCLES_BACKEND 8
#define PERF_COUNT_HW_REF_CPU_CYCLES 9
#define PERF_COUNT_HW_MAX 10

enum perf_hw_cache_id { __MAX_PERF_HW_CACHE_ID = 0x7fffffff };
#define PERF_COUNT_HW_CACHE_L1D 0
#define PERF_COUNT_HW_CACHE_L1I 1
#define PERF_COUNT_HW_CACHE_LL 2
#define PERF_COUNT_HW_CACHE_DTLB 3
#define PERF_COUNT_HW_CACHE_ITLB 4
#define PERF_COUNT_HW_CACHE_BPU 5
#define PERF_COUNT_HW_CACHE_NODE 6

enum perf_hw_cache_op_id { __MAX_PERF_HW_CACHE_OP_ID = 0x7fffffff };
#define PERF_COUNT_HW_CACHE_OP_READ 0
#define PERF_COUNT_HW_CACHE_OP_WRITE 1
#define PERF_COUNT_HW_CACHE_OP_PREFETCH 2

enum perf_hw_cache_op_result_id { __MAX_PERF_HW_CACHE_OP_RESULT_ID = 0x7fffffff };
#define PERF_COUNT_HW_CACHE_RESULT_ACCESS 0
#define PERF_COUNT_HW_CACHE_RESULT_MISS 1

enum perf_sw_ids { __MAX_PERF_SW_IDS = 0x7fffffff };
#define PERF_COUNT_SW_CPU_CLOCK 0
#define PERF_COUNT_SW_TASK_CLOCK 1
#define PERF_COUNT_SW_PAGE_FAULTS 2
#define PERF_COUNT_SW_CONTEXT_SWITCHES 3
#define PERF_COUNT_SW_CPU_MIGRATIONS 4
#define PERF_COUNT_SW_PAGE_FAULTS_MIN 5
#define PERF_COUNT_SW_PAGE_FAULTS_MAJ 6
#define PERF_COUNT_SW_ALIGNMENT_FAULTS 7
#define PERF_COUNT_SW_EMULATION_FAULTS 8
#define PERF_COUNT_SW_DUMMY 9
#define PERF_COUNT_SW_BPF_OUTPUT 10
#define PERF_COUNT_SW_MAX 12

enum perf_event_sample_format { __MAX_PERF_EVENT_SAMPLE_FORMAT = 0x7fffffff };
#define PERF_SAMPLE_IP 1
#define PERF_SAMPLE_TID 2
#define PERF_SAMPLE_TIME 4
#define PERF_SAMPLE_ADDR 8
#define PERF_SAMPLE_READ 16
#define PERF_SAMPLE_CALLCHAIN 32
#define PERF_SAMPLE_ID 64
#define PERF_SAMPLE_CPU 128
#define PERF_SAMPLE_PERIOD 256
#define PERF_SAMPLE_STREAM_ID 512
#define PERF_SAMPLE_RAW 1024
#define PERF_SAMPLE_BRANCH_STACK 2048
#define PERF_SAMPLE_IDENTIFIER 65536

enum perf_event_read_format { __MAX_PERF_EVENT_READ_FORMAT = 0x7fffffff };
#define PERF_FORMAT_TOTAL_TIME_ENABLED 1
#define PERF_FORMAT_TOTAL_TIME_RUNNING 2
#define PERF_FORMAT_ID 4
#define PERF_FORMAT_GROUP 8
#define PERF_FORMAT_LOST 16

#define PERF_ATTR_SIZE_VER0 64

struct perf_event_attr {
  __u32 type;
  __u32 size;
  __u64 config;
  union {
    __u64 sample_period;
    __u64 sample_freq;
  };
  __u64 sample_type;
  __u64 read_format;
  __u64 disabled : 1, inherit : 1, pinned : 1, exclusive : 1, exclude_user : 1, exclude_kernel : 1, exclude_hv : 1,
      exclude_idle : 1, mmap : 1, comm : 1, freq : 1, inherit_stat : 1, enable_on_exec : 1, task : 1, watermark : 1,
      precise_ip : 2, mmap_data : 1, sample_id_all : 1, exclude_host : 1, exclude_guest : 1,
      exclude_callchain_kernel : 1, exclude_callchain_user : 1, mmap2 : 1, comm_exec : 1, use_clockid : 1,
      context_switch : 1, write_backward : 1, namespaces : 1, ksymbol : 1, bpf_event : 1, __reserved_1 : 33;
  union {
    __u32 wakeup_events;
    __u32 wakeup_watermark;
  };
  __u32 bp_type;
  union {
    __u64 bp_addr;
    __u64 kprobe_func;
    __u64 uprobe_path;
    __u64 config1;
  };
  union {
    __u64 bp_len;
    __u64 kprobe_addr;
    __u64 probe_offset;
    __u64 config2;
  };
  __u64 branch_sample_type;
  __u64 sample_regs_user;
  __u32 sample_stack_user;
  __s32 clockid;
  __u64 sample_regs_intr;
  __u32 aux_watermark;
  __u16 sample_max_stack;
  __u16 __reserved_2;
  __u32 aux_sample_size;
  __u32 __reserved_3;
  __u64 sig_data;
  __u64 config3;
};
_Static_assert(sizeof(struct perf_event_attr) == sizeof(struct rex_kernel_perf_event_attr), "perf_event_attr");
_Static_assert(offsetof(struct perf_event_attr, config2) == offsetof(struct rex_kernel_perf_event_attr, config2),
               "perf_event_attr.config2");

/* other PERF_EVENT_IOC_*, PERF_FLAG_FD_CLOEXEC: <rex_abi.h> */
#define PERF_EVENT_IOC_REFRESH 9218
#define PERF_FLAG_FD_NO_GROUP 1
#define PERF_FLAG_FD_OUTPUT 2
#define PERF_FLAG_PID_CGROUP 4

/* The first page of a mapped event; the ring of records begins at `data_offset`. */
struct perf_event_mmap_page {
  __u32 version;
  __u32 compat_version;
  __u32 lock;
  __u32 index;
  __s64 offset;
  __u64 time_enabled;
  __u64 time_running;
  __u64 capabilities;
  __u8 __reserved[1024 - 48];
  __u64 data_head;
  __u64 data_tail;
  __u64 data_offset;
  __u64 data_size;
};
_Static_assert(offsetof(struct perf_event_mmap_page, data_head) == 1024, "perf_event_mmap_page.data_head");

struct perf_event_header {
  __u32 type;
  __u16 misc;
  __u16 size;
};

enum perf_event_type { __MAX_PERF_EVENT_TYPE = 0x7fffffff };
#define PERF_RECORD_MMAP 1
#define PERF_RECORD_LOST 2
#define PERF_RECORD_COMM 3
#define PERF_RECORD_EXIT 4
#define PERF_RECORD_THROTTLE 5
#define PERF_RECORD_UNTHROTTLE 6
#define PERF_RECORD_FORK 7
#define PERF_RECORD_READ 8
#define PERF_RECORD_SAMPLE 9

#endif
