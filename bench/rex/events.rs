//! What bench/rex-path.ts measures: a program that does nothing, and one that updates a hash map.
#![no_std]
#![no_main]

use rex::kprobe::kprobe;
use rex::map::RexHashMap;
use rex::pt_regs::PtRegs;
use rex::{Result, rex_kprobe, rex_map};

#[rex_map]
static HASH: RexHashMap<u64, u64> = RexHashMap::new(1_048_576, 0);

#[rex_kprobe]
fn empty(_obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    Ok(1)
}

#[rex_kprobe]
fn update(obj: &kprobe, ctx: &mut PtRegs) -> Result {
    obj.bpf_map_update_elem(&HASH, &1, &ctx.rdi(), 0)?;
    Ok(1)
}
