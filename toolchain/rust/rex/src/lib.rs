//! The run-time crate of Rex extensions: safe Rust in, calls into the kernel out.
//!
//! A program is a function with a program attribute ([`rex_kprobe`], [`rex_tracepoint`], [`rex_perf_event`],
//! [`rex_xdp`], [`rex_tc`]); it gets its program object, whose methods are the helpers, and the context of the event. It may
//! panic: the panic handler releases what it held and leaves through the kernel's landing pad. Extension crates stand
//! under `unsafe_code = "forbid"`; all that is unsafe is in here.
//!
//! Reading order: `program`, [`kprobe`] and the other program types, `base_helpers`, `helpers`, [`map`], [`utils`],
//! `termination`, `panic`, `cleanup`, [`spinlock`], [`task_struct`], `per_cpu`, `ffi`.
#![no_std]
#![warn(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

mod base_helpers;
mod cleanup;
mod ffi;
mod headers;
mod helpers;
pub mod kprobe;
mod layout;
pub mod linux;
mod log;
pub mod map;
mod memory;
mod panic;
mod per_cpu;
pub mod perf_event;
mod program;
pub mod pt_regs;
mod result;
mod ringbuf;
pub mod sched_cls;
pub mod spinlock;
pub mod stack;
pub mod task_struct;
mod termination;
pub mod tracepoint;
pub mod utils;
pub mod xdp;

pub use log::rex_trace_printk;
pub use result::Result;
pub use rex_macros::{rex_kprobe, rex_map, rex_perf_event, rex_tc, rex_tracepoint, rex_uprobe, rex_xdp};
