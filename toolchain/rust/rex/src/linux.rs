//! Constants and structures of the kernel's uapi headers, with the types bindgen gives them.

/// include/uapi/linux/bpf.h
pub mod bpf {
    pub use crate::layout::{
        BPF_ANY, BPF_EXIST, BPF_F_CURRENT_CPU, BPF_F_FAST_STACK_CMP, BPF_F_INDEX_MASK, BPF_F_USER_STACK,
        BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERF_EVENT_ARRAY,
        BPF_MAP_TYPE_QUEUE, BPF_MAP_TYPE_RINGBUF, BPF_MAP_TYPE_STACK, BPF_MAP_TYPE_STACK_TRACE, BPF_NOEXIST,
        BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_PERF_EVENT, BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_TRACEPOINT,
        BPF_PROG_TYPE_XDP, BPF_RB_AVAIL_DATA, BPF_RB_CONS_POS, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP, BPF_RB_PROD_POS,
        BPF_RB_RING_SIZE, XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_REDIRECT, XDP_TX, bpf_perf_event_value,
    };
    pub use crate::spinlock::bpf_spin_lock;
}

/// include/uapi/linux/in.h
pub mod in_ {
    pub use crate::layout::{IPPROTO_TCP, IPPROTO_UDP};
}
pub use in_ as r#in;

/// include/uapi/linux/perf_event.h
pub mod perf_event {
    pub use crate::layout::PERF_MAX_STACK_DEPTH;
}

/// include/uapi/linux/pkt_cls.h
pub mod pkt_cls {
    pub use crate::layout::{TC_ACT_OK, TC_ACT_REDIRECT, TC_ACT_SHOT};
}

/// arch/x86/include/asm/ptrace.h
pub mod ptrace {
    pub use crate::layout::pt_regs;
}

/// include/uapi/linux/seccomp.h
pub mod seccomp {
    pub use crate::layout::seccomp_data;
}

pub use crate::layout::{errno, unistd};
