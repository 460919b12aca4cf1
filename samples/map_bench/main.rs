//! Times one look-up: in the hash map, or with the feature `array` in the array.
#![no_std]
#![no_main]

use rex::kprobe::kprobe;
use rex::map::{RexArrayMap, RexHashMap, RexMapHandle};
use rex::pt_regs::PtRegs;
use rex::{Result, rex_kprobe, rex_map, rex_printk};

#[rex_map]
static MAP_HASH: RexHashMap<u32, u64> = RexHashMap::new(5000, 0);

#[rex_map]
static MAP_ARRAY: RexArrayMap<u64> = RexArrayMap::new(5000, 0);

const KEY: u32 = 2500;

fn bench<const MT: u32>(obj: &kprobe, map: &'static RexMapHandle<MT, u32, u64>) -> Result {
    let random = u64::from(obj.bpf_get_prandom_u32());
    obj.bpf_map_update_elem(map, &KEY, &random, 0)?;
    let start = obj.bpf_ktime_get_ns();
    let value = obj.bpf_map_lookup_elem(map, &KEY).map_or(0, |value| *value);
    let end = obj.bpf_ktime_get_ns();
    rex_printk!("Time elapsed: {} {}\n", end - start, value)
}

#[rex_kprobe(function = "kprobe_target_func")]
fn rex_prog1(obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    if cfg!(feature = "array") {
        bench(obj, &MAP_ARRAY)
    } else {
        bench(obj, &MAP_HASH)
    }
}
