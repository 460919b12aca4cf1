//! Times the load of an atomic static of the extension.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU64, Ordering};
use rex::kprobe::kprobe;
use rex::pt_regs::PtRegs;
use rex::{Result, rex_kprobe, rex_printk};

static ATOM: AtomicU64 = AtomicU64::new(42);

#[rex_kprobe(function = "kprobe_target_func")]
fn rex_prog1(obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    ATOM.store(u64::from(obj.bpf_get_prandom_u32()), Ordering::Relaxed);
    let start = obj.bpf_ktime_get_ns();
    let value = ATOM.load(Ordering::Relaxed);
    let end = obj.bpf_ktime_get_ns();
    rex_printk!("Time elapsed: {} {}\n", end - start, value)
}
