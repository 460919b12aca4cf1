//! Times taking a lock and giving it back, once a packet.
#![no_std]
#![no_main]

use rex::map::RexArrayMap;
use rex::spinlock::{bpf_spin_lock, rex_spinlock_guard};
use rex::xdp::{XDP_PASS, xdp, xdp_md};
use rex::{Result, rex_map, rex_printk, rex_xdp};

#[repr(C)]
#[derive(Clone, Copy)]
struct MapEntry {
    data: u64,
    lock: bpf_spin_lock,
}

#[rex_map]
static MAP_ARRAY: RexArrayMap<MapEntry> = RexArrayMap::new(256, 0);

#[rex_xdp]
fn rex_prog1(obj: &xdp, _ctx: &mut xdp_md) -> Result {
    if let Some(entry) = obj.bpf_map_lookup_elem(&MAP_ARRAY, &0) {
        let start = obj.bpf_ktime_get_ns();
        drop(rex_spinlock_guard::new(&mut entry.lock));
        let end = obj.bpf_ktime_get_ns();
        rex_printk!("Spinlock allocation and cleanup: {} ns\n", end - start)?;
    }
    Ok(XDP_PASS as i32)
}
