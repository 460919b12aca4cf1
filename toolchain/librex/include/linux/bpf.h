/* The bpf(2) ABI: numbers and structures are generated into rex_abi.h from kernel/layout. */
#ifndef REX_LINUX_BPF_H
#define REX_LINUX_BPF_H

#include <linux/types.h>

/* libbpf's opaque types own these names, and <limits.h> the macro. */
#pragma push_macro("PAGE_SIZE")
#undef PAGE_SIZE
#define bpf_map rex_kernel_bpf_map
#define bpf_prog rex_kernel_bpf_prog
#include <rex_abi.h>
#undef bpf_map
#undef bpf_prog
#undef PAGE_SIZE
#pragma pop_macro("PAGE_SIZE")

/* The values are macros of rex_abi.h; the enumerations only name the types. */
enum bpf_map_type { __MAX_BPF_MAP_TYPE = 0x7fffffff };
enum bpf_prog_type { __MAX_BPF_PROG_TYPE = 0x7fffffff };
enum bpf_attach_type { __MAX_BPF_ATTACH_TYPE = 0x7fffffff };

#endif
