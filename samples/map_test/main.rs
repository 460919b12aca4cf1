//! Every operation of a hash map and of an array, one after the other, at each call of dup.
#![no_std]
#![no_main]

use rex::map::{RexArrayMap, RexHashMap};
use rex::tracepoint::{SyscallsEnterDupCtx, tracepoint};
use rex::{Result, rex_map, rex_printk, rex_tracepoint};

#[rex_map]
static MAP_HASH: RexHashMap<u32, i64> = RexHashMap::new(1024, 0);

#[rex_map]
static MAP_ARRAY: RexArrayMap<u64> = RexArrayMap::new(256, 0);

type Program = tracepoint<SyscallsEnterDupCtx>;

fn announce_pid(obj: &Program) -> core::result::Result<i32, i32> {
    let pid = obj.bpf_get_current_task().map_or(0, |task| task.get_pid());
    rex_printk!("Rust program triggered from PID {pid}\n")?;
    Ok(pid)
}

fn show(obj: &Program, key: u32) -> Result {
    match obj.bpf_map_lookup_elem(&MAP_HASH, &key) {
        Some(value) => rex_printk!("Found Val={value}.\n"),
        None => rex_printk!("Not found.\n"),
    }
}

fn map_test1(obj: &Program) -> Result {
    let key = 0;
    rex_printk!("Map Testing 1 Start with key {key}\n")?;
    show(obj, key)?;

    let pid = announce_pid(obj)?;
    obj.bpf_map_update_elem(&MAP_HASH, &key, &i64::from(pid), 0)?;
    rex_printk!("Map Updated\n")?;
    show(obj, key)?;

    obj.bpf_map_delete_elem(&MAP_HASH, &key)?;
    rex_printk!("Map delete key\n")?;
    show(obj, key)
}

fn map_test2(obj: &Program) -> Result {
    let index = 0;
    rex_printk!("Array Map Testing Start\n")?;
    let pid = announce_pid(obj)?;
    obj.bpf_map_update_elem(&MAP_ARRAY, &index, &(pid as u64), 0)?;
    rex_printk!("Map Updated\n")?;
    match obj.bpf_map_lookup_elem(&MAP_ARRAY, &index) {
        Some(value) => rex_printk!("Found Val={value}.\n"),
        None => rex_printk!("Not found.\n"),
    }
}

#[rex_tracepoint]
pub fn rex_prog1(obj: &Program, _ctx: &'static SyscallsEnterDupCtx) -> Result {
    map_test1(obj).and_then(|_| map_test2(obj))
}
