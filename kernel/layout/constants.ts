/** Numbers that several languages share; generated into Rust, C and the `.S` files like the structures. */
export const constants = {
  /** selectors of the GDT that boot.ts builds: arch/x86/include/asm/segment.h */
  KERNEL_CS: 0x10,
  KERNEL_DS: 0x18,
  USER_DS: 0x2b,
  USER_CS: 0x33,
  PAGE_SIZE: 4096,
  /** 4 pages, arch/x86/include/asm/page_64_types.h */
  THREAD_SIZE: 16384,
  /** 8 pages a CPU, mapped in vmalloc space between unmapped neighbours */
  REX_STACK_SIZE: 0x8000,
  /** the part of the Rex stack that program frames may use */
  REX_STACK_LIMIT: 0x4000,
  /** entries of `rex_cleanup_entries` */
  REX_CLEANUP_ENTRIES: 64,
  /** MAX_BPRINTF_BUF: bytes of the per-CPU `rex_log_buf` */
  REX_LOG_BUF_SIZE: 1024,
  /** a Rex image's highest rounded end */
  MAX_PROG_SZ: 0x20000,
  /** more maps than this less one are refused */
  MAX_USED_MAPS: 64,
  KSYM_NAME_LEN: 512,
  /** guest time between timer interrupts, ns: CONFIG_HZ=1000 */
  TICK_NSEC: 1_000_000,

  BPF_MAP_CREATE: 0,
  BPF_MAP_LOOKUP_ELEM: 1,
  BPF_MAP_UPDATE_ELEM: 2,
  BPF_MAP_DELETE_ELEM: 3,
  BPF_MAP_GET_NEXT_KEY: 4,
  BPF_PROG_LOAD: 5,
  BPF_OBJ_GET_INFO_BY_FD: 15,
  BPF_LINK_CREATE: 28,
  BPF_LINK_DETACH: 34,
  BPF_PROG_LOAD_REX_BASE: 37,
  BPF_PROG_LOAD_REX: 38,

  BPF_MAP_TYPE_HASH: 1,
  BPF_MAP_TYPE_ARRAY: 2,

  BPF_PROG_TYPE_KPROBE: 2,
  BPF_PROG_TYPE_SCHED_CLS: 3,
  BPF_PROG_TYPE_TRACEPOINT: 5,
  BPF_PROG_TYPE_XDP: 6,
  BPF_PROG_TYPE_PERF_EVENT: 7,
  BPF_PROG_TYPE_REX_BASE: 33,

  BPF_PERF_EVENT: 41,

  BPF_ANY: 0,
  BPF_NOEXIST: 1,
  BPF_EXIST: 2,

  PERF_EVENT_IOC_ENABLE: 0x2400,
  PERF_EVENT_IOC_DISABLE: 0x2401,
  PERF_EVENT_IOC_SET_BPF: 0x40042408,
  PERF_FLAG_FD_CLOEXEC: 8,
} as const;
