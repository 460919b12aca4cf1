//! Counts system calls, those that fail, and the time they take.
#![no_std]
#![no_main]

use rex::map::RexHashMap;
use rex::tracepoint::{RawSyscallsEnterCtx, RawSyscallsExitCtx, TracepointContext, tracepoint};
use rex::{Result, rex_map, rex_tracepoint};

#[rex_map]
static SYSCALL_COUNTS: RexHashMap<u32, u64> = RexHashMap::new(512, 0);

#[rex_map]
static SYSCALL_ERRORS: RexHashMap<u32, u64> = RexHashMap::new(512, 0);

/// Nanoseconds.
#[rex_map]
static SYSCALL_LATENCY: RexHashMap<u32, u64> = RexHashMap::new(512, 0);

/// When the call that a task is in began.
#[rex_map]
static SYSCALL_START: RexHashMap<u64, u64> = RexHashMap::new(1024, 0);

fn add(map: &'static RexHashMap<u32, u64>, id: u32, amount: u64) -> Result {
    if let Some(value) = map.get_mut(&id) {
        *value = value.wrapping_add(amount);
        return Ok(0);
    }
    map.insert(&id, &amount)
}

/// Upstream shifts pid and tgid by 32 bits, which leaves the pid.
fn start_key<C: TracepointContext>(obj: &tracepoint<C>, id: u32) -> Option<u64> {
    let pid = obj.bpf_get_current_task()?.get_pid();
    Some(u64::from(id) | (pid as u64) << 32)
}

#[rex_tracepoint]
pub fn trace_sys_enter(
    obj: &tracepoint<RawSyscallsEnterCtx>,
    ctx: &'static RawSyscallsEnterCtx,
) -> Result {
    let id = ctx.id as u32;
    add(&SYSCALL_COUNTS, id, 1)?;
    let key = start_key(obj, id).ok_or(0)?;
    SYSCALL_START.insert(&key, &obj.bpf_ktime_get_ns())
}

#[rex_tracepoint]
pub fn trace_sys_exit(
    obj: &tracepoint<RawSyscallsExitCtx>,
    ctx: &'static RawSyscallsExitCtx,
) -> Result {
    let id = ctx.id as u32;
    if ctx.ret < 0 {
        add(&SYSCALL_ERRORS, id, 1)?;
    }
    let key = start_key(obj, id).ok_or(0)?;
    let Some(start) = SYSCALL_START.get_mut(&key).map(|start| *start) else {
        return Ok(0);
    };
    add(
        &SYSCALL_LATENCY,
        id,
        obj.bpf_ktime_get_ns().wrapping_sub(start),
    )?;
    SYSCALL_START.delete(&key)
}
