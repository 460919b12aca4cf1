//! Says which task called dup, and on which CPU.
#![no_std]
#![no_main]

use rex::tracepoint::{SyscallsEnterDupCtx, tracepoint};
use rex::{Result, rex_printk, rex_tracepoint};

#[rex_tracepoint]
pub fn rex_prog1(
    obj: &tracepoint<SyscallsEnterDupCtx>,
    _ctx: &'static SyscallsEnterDupCtx,
) -> Result {
    let Some(task) = obj.bpf_get_current_task() else {
        return Ok(0);
    };
    let cpu = obj.bpf_get_smp_processor_id();
    rex_printk!(
        "Rust triggered from PID {} on CPU {}.\n",
        task.get_pid(),
        cpu
    )
}
