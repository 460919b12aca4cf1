//! A kprobe program that panics in the way its loader asks for.
#![no_std]
#![no_main]

use rex::Result;
use rex::kprobe::kprobe;
use rex::map::{RexArrayMap, RexHashMap};
use rex::pt_regs::PtRegs;
use rex::spinlock::{bpf_spin_lock, rex_spinlock_guard};
use rex::{rex_kprobe, rex_map, rex_printk};

const INDEX_OUT_OF_RANGE: u64 = 1;
const UNWRAP_NONE: u64 = 2;
const FORMATTED_MESSAGE: u64 = 3;
const DIVIDE_BY_ZERO: u64 = 4;
const WHILE_LOCKED: u64 = 5;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct Account {
    lock: bpf_spin_lock,
    owner: i32,
}

/// pid -> one of the numbers above, or 0 for no panic; the program leaves other tasks alone.
#[allow(non_upper_case_globals)]
#[rex_map]
static pid_to_action: RexHashMap<i32, u64> = RexHashMap::new(16, 0);

/// How often the program ran for a task of `pid_to_action`, panics included.
#[allow(non_upper_case_globals)]
#[rex_map]
static invocations: RexArrayMap<u64> = RexArrayMap::new(1, 0);

/// What DIVIDE_BY_ZERO divides by: 0 as long as nobody writes it.
#[allow(non_upper_case_globals)]
#[rex_map]
static divisor: RexArrayMap<u64> = RexArrayMap::new(1, 0);

/// What WHILE_LOCKED locks.
#[allow(non_upper_case_globals)]
#[rex_map]
static account: RexArrayMap<Account> = RexArrayMap::new(1, 0);

#[rex_kprobe]
pub fn panicker(obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    let Some(pid) = obj.bpf_get_current_task().map(|task| task.get_pid()) else {
        return Ok(0);
    };
    let Some(action) = obj.bpf_map_lookup_elem(&pid_to_action, &pid).copied() else {
        return Ok(0);
    };
    let count = count_invocation(obj);
    match action {
        INDEX_OUT_OF_RANGE => index_out_of_range(pid),
        UNWRAP_NONE => unwrap_none(obj),
        FORMATTED_MESSAGE => panic!("pid {pid} asked for it, call {count}"),
        DIVIDE_BY_ZERO => divide_by_zero(obj, count),
        WHILE_LOCKED => panic_while_locked(obj, pid),
        _ => rex_printk!("pid {pid}: no panic in call {count}"),
    }
}

fn count_invocation(obj: &kprobe) -> u64 {
    let Some(count) = obj.bpf_map_lookup_elem(&invocations, &0) else {
        return 0;
    };
    *count += 1;
    *count
}

fn index_out_of_range(pid: i32) -> Result {
    let days = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    Ok(days[days.len() + pid as usize])
}

fn unwrap_none(obj: &kprobe) -> Result {
    let action = obj.bpf_map_lookup_elem(&pid_to_action, &-1).unwrap();
    Ok(*action as i32)
}

fn divide_by_zero(obj: &kprobe, count: u64) -> Result {
    let by = obj
        .bpf_map_lookup_elem(&divisor, &0)
        .map_or(0, |value| *value);
    Ok((count / by) as i32)
}

fn panic_while_locked(obj: &kprobe, pid: i32) -> Result {
    let Some(shared) = obj.bpf_map_lookup_elem(&account, &0) else {
        return Ok(0);
    };
    let _guard = rex_spinlock_guard::new(&mut shared.lock);
    shared.owner = pid;
    panic!("pid {} panics while it holds the lock", shared.owner)
}
