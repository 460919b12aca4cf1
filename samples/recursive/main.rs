//! Calls itself as often as the probed function's argument says.
#![no_std]
#![no_main]

use core::hint::black_box;
use rex::kprobe::kprobe;
use rex::map::RexArrayMap;
use rex::pt_regs::PtRegs;
use rex::{Result, rex_kprobe, rex_map, rex_printk};

#[allow(non_upper_case_globals)]
#[rex_map]
static data_map: RexArrayMap<u32> = RexArrayMap::new(2, 0);

/// What follows the inner call keeps it from becoming a jump.
#[inline(never)]
fn calculate_recursive(depth: u32) -> u32 {
    match depth {
        0 => black_box(0),
        _ => black_box(calculate_recursive(depth - 1)),
    }
}

#[rex_kprobe(function = "kprobe_target_func")]
fn rex_prog1(obj: &kprobe, ctx: &mut PtRegs) -> Result {
    let depth = ctx.rdi() as u32;
    let start = obj.bpf_ktime_get_ns();
    calculate_recursive(depth);
    let end = obj.bpf_ktime_get_ns();
    rex_printk!("Time: {}\n", end - start)
}
