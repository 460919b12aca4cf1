//! Two tasks add to one counter, under a lock or without: without it an update is lost now and then.
#![no_std]
#![no_main]

use rex::kprobe::kprobe;
use rex::map::{RexArrayMap, RexHashMap};
use rex::pt_regs::PtRegs;
use rex::spinlock::{bpf_spin_lock, rex_spinlock_guard};
use rex::{Result, rex_kprobe, rex_map};

#[derive(Clone, Copy)]
#[repr(C)]
pub struct Counter {
    count: u64,
    lock: bpf_spin_lock,
}

#[allow(non_upper_case_globals)]
#[rex_map]
static counter: RexArrayMap<Counter> = RexArrayMap::new(1, 0);

/// pid -> 1: its calls count under the lock, 0: without it; other tasks' calls do not count.
#[allow(non_upper_case_globals)]
#[rex_map]
static pid_to_locked: RexHashMap<i32, u64> = RexHashMap::new(16, 0);

#[rex_kprobe]
pub fn count_call(obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    let pid = obj.bpf_get_current_task().ok_or(0)?.get_pid();
    let locked = *obj.bpf_map_lookup_elem(&pid_to_locked, &pid).ok_or(0)?;
    let shared = obj.bpf_map_lookup_elem(&counter, &0).ok_or(0)?;
    let _guard = match locked {
        0 => None,
        _ => Some(rex_spinlock_guard::new(&mut shared.lock)),
    };
    // read, ask for the time, write: whoever comes in between is overwritten
    let seen = shared.count;
    obj.bpf_ktime_get_ns();
    shared.count = seen + 1;
    Ok(0)
}
