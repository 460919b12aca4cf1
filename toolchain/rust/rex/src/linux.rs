//! Constants of the kernel's uapi headers, with the types bindgen gives them.

/// include/uapi/linux/bpf.h
pub mod bpf {
    pub use crate::layout::{
        BPF_ANY, BPF_EXIST, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_NOEXIST, BPF_PROG_TYPE_KPROBE,
        BPF_PROG_TYPE_PERF_EVENT, BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_TRACEPOINT, BPF_PROG_TYPE_XDP,
    };
    pub use crate::spinlock::bpf_spin_lock;
}

/// include/uapi/asm-generic/errno-base.h and errno.h
#[allow(missing_docs)]
pub mod errno {
    pub const EPERM: u32 = 1;
    pub const ENOENT: u32 = 2;
    pub const EINTR: u32 = 4;
    pub const EIO: u32 = 5;
    pub const E2BIG: u32 = 7;
    pub const EBADF: u32 = 9;
    pub const EAGAIN: u32 = 11;
    pub const ENOMEM: u32 = 12;
    pub const EACCES: u32 = 13;
    pub const EFAULT: u32 = 14;
    pub const EBUSY: u32 = 16;
    pub const EEXIST: u32 = 17;
    pub const EINVAL: u32 = 22;
    pub const EMFILE: u32 = 24;
    pub const ENOSPC: u32 = 28;
    pub const ERANGE: u32 = 34;
    pub const ENOSYS: u32 = 38;
}
