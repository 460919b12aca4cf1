//! The maps' own methods: hash map, array, stack, ring buffer, queue. Each call of dup leaves an element in the last three.
#![no_std]
#![no_main]

use rex::map::{RexArrayMap, RexHashMap, RexQueue, RexRingBuf, RexStack};
use rex::tracepoint::{SyscallsEnterDupCtx, tracepoint};
use rex::{Result, rex_map, rex_printk, rex_tracepoint};

#[rex_map]
static MAP_HASH: RexHashMap<u32, i64> = RexHashMap::new(1024, 0);

#[rex_map]
static ARRAY: RexArrayMap<i64> = RexArrayMap::new(256, 0);

#[rex_map]
static STACK: RexStack<i64> = RexStack::new(256, 0);

#[rex_map]
static QUEUE: RexQueue<i64> = RexQueue::new(256, 0);

#[rex_map]
static RINGBUF: RexRingBuf = RexRingBuf::new(4096, 0);

type Program = tracepoint<SyscallsEnterDupCtx>;

fn announce_pid(obj: &Program) -> core::result::Result<i64, i32> {
    let pid = obj.bpf_get_current_task().map_or(0, |task| task.get_pid());
    rex_printk!("Rust program triggered from PID {pid}\n")?;
    Ok(i64::from(pid))
}

fn show(value: Option<&mut i64>) -> Result {
    match value {
        Some(value) => rex_printk!("Found Val={value}.\n"),
        None => rex_printk!("Not found.\n"),
    }
}

fn test_hash(obj: &Program) -> Result {
    let key = 0;
    rex_printk!("Map Testing 1 Start with key {key}\n")?;
    show(MAP_HASH.get_mut(&key))?;
    let pid = announce_pid(obj)?;
    MAP_HASH.insert(&key, &pid)?;
    rex_printk!("Map Updated\n")?;
    show(MAP_HASH.get_mut(&key))?;
    MAP_HASH.delete(&key)?;
    rex_printk!("Map delete key\n")?;
    show(MAP_HASH.get_mut(&key))
}

fn test_array(obj: &Program) -> Result {
    let index = 0;
    rex_printk!("Array Map Testing Start\n")?;
    let pid = announce_pid(obj)?;
    ARRAY.insert(&index, &pid)?;
    rex_printk!("Map Updated\n")?;
    show(ARRAY.get_mut(&index))
}

fn test_stack(obj: &Program) -> Result {
    rex_printk!("Stack Map Testing Start\n")?;
    let pid = announce_pid(obj)?;
    STACK.push(&pid)?;
    STACK.push(&(pid + 1))?;
    if let Some(top) = STACK.peek() {
        rex_printk!("Top of stack: {top}.\n")?;
    }
    STACK.pop();
    match STACK.peek() {
        Some(top) => rex_printk!("Next top of stack: {top}.\n"),
        None => rex_printk!("Stack is empty.\n"),
    }
}

fn test_ringbuf(obj: &Program) -> Result {
    rex_printk!("Ringbuf Map Testing Start\n")?;
    let pid = announce_pid(obj)?;
    show_available()?;
    let Some(mut entry) = RINGBUF.reserve(size_of::<i64>()) else {
        rex_printk!("Unable to reserve ringbuf.\n")?;
        return Err(0);
    };
    entry.copy_from_slice(&pid.to_ne_bytes());
    entry.submit(0);
    show_available()
}

fn show_available() -> Result {
    match RINGBUF.available_bytes() {
        Some(bytes) => rex_printk!("Available bytes in ringbuf: {bytes}\n"),
        None => Err(0),
    }
}

fn test_queue(obj: &Program) -> Result {
    rex_printk!("Queue Map Testing Start\n")?;
    let pid = announce_pid(obj)?;
    QUEUE.push(&pid)?;
    QUEUE.push(&(pid + 1))?;
    if let Some(front) = QUEUE.peek() {
        rex_printk!("Front of queue: {front}.\n")?;
    }
    QUEUE.pop();
    match QUEUE.peek() {
        Some(front) => rex_printk!("Next front of queue: {front}.\n"),
        None => rex_printk!("Queue is empty.\n"),
    }
}

#[rex_tracepoint]
pub fn rex_prog1(obj: &Program, _ctx: &'static SyscallsEnterDupCtx) -> Result {
    test_hash(obj).or_else(|error| rex_printk!("map_test failed with {error}.\n"))?;
    test_array(obj).or_else(|error| rex_printk!("map_test failed with {error}.\n"))?;
    test_stack(obj).or_else(|error| rex_printk!("map_test failed with {error}.\n"))?;
    test_ringbuf(obj).or_else(|error| rex_printk!("map_test2 failed with {error}.\n"))?;
    test_queue(obj).or_else(|error| rex_printk!("map_test failed with {error}.\n"))
}
