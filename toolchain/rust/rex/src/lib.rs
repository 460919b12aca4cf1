//! The run-time crate of Rex extensions: safe Rust in, calls into the kernel out.
//!
//! A program is a function with a program attribute ([`rex_kprobe`]); it gets its program object, whose methods are the
//! helpers, and the context of the event. It may panic: [`panic`] releases what it held and leaves through the
//! kernel's landing pad. Extension crates stand under `unsafe_code = "forbid"`; all that is unsafe is in here.
//!
//! Reading order: [`kprobe`], `helpers`, [`map`], `termination`, `panic`, `cleanup`, [`spinlock`], `per_cpu`, `ffi`.
#![no_std]
#![warn(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

mod cleanup;
mod ffi;
mod helpers;
pub mod kprobe;
mod layout;
pub mod linux;
mod log;
pub mod map;
mod memory;
mod panic;
mod per_cpu;
pub mod pt_regs;
mod result;
pub mod spinlock;
pub mod stack;
pub mod task_struct;
mod termination;
pub mod utils;

pub use log::rex_trace_printk;
pub use result::Result;
pub use rex_macros::{rex_kprobe, rex_map};
