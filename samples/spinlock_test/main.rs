//! Takes a lock in a map twice: the first guard is dropped, the second one's holder panics.
#![no_std]
#![no_main]

use rex::map::RexArrayMap;
use rex::spinlock::{bpf_spin_lock, rex_spinlock_guard};
use rex::tracepoint::{SyscallsEnterDupCtx, tracepoint};
use rex::{Result, rex_map, rex_tracepoint};

#[repr(C)]
#[derive(Clone, Copy)]
struct MapEntry {
    data: u64,
    lock: bpf_spin_lock,
}

#[rex_map]
static MAP_ARRAY: RexArrayMap<MapEntry> = RexArrayMap::new(256, 0);

type Program = tracepoint<SyscallsEnterDupCtx>;

fn test1(obj: &Program) -> Result {
    let entry = obj.bpf_map_lookup_elem(&MAP_ARRAY, &0).ok_or(0)?;
    let _guard = rex_spinlock_guard::new(&mut entry.lock);
    entry.data = 1;
    Ok(0)
}

fn test2(obj: &Program) -> Result {
    let entry = obj.bpf_map_lookup_elem(&MAP_ARRAY, &0).ok_or(0)?;
    let _guard = rex_spinlock_guard::new(&mut entry.lock);
    entry.data = 1;
    panic!("test\n")
}

#[rex_tracepoint]
pub fn rex_prog1(obj: &Program, _ctx: &'static SyscallsEnterDupCtx) -> Result {
    test1(obj).and_then(|_| test2(obj))
}
