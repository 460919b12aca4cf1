//! What to release when a program panics: this CPU's `rex_cleanup_entries`.
//!
//! No `Drop` runs on a panic. A guard registers its resource here when it takes it and removes it when it is dropped.

use crate::layout::{REX_CLEANUP_ENTRIES, rex_cleanup_entry};
use crate::{ffi, per_cpu};

/// Releases the resource its argument points to. Only the panic handler calls it.
pub type CleanupFn = extern "C" fn(*mut ());

fn entry(index: usize) -> *mut rex_cleanup_entry {
    debug_assert!(index < REX_CLEANUP_ENTRIES);
    let first = unsafe { per_cpu::pointer(&raw const ffi::rex_cleanup_entries) }.cast::<rex_cleanup_entry>();
    first.wrapping_add(index)
}

/// Takes the first free entry and gives its index; `None` when all 64 are taken.
pub fn try_register(cleanup_fn: CleanupFn, cleanup_arg: *mut ()) -> Option<usize> {
    for index in 0..REX_CLEANUP_ENTRIES {
        let entry = entry(index);
        if unsafe { (&raw const (*entry).valid).read_volatile() } != 0 {
            continue;
        }
        let cleanup_fn = cleanup_fn as *mut ();
        unsafe { entry.write_volatile(rex_cleanup_entry { valid: 1, cleanup_fn, cleanup_arg }) };
        return Some(index);
    }
    None
}

/// As [`try_register`]; panics when all entries are taken.
pub fn register(cleanup_fn: CleanupFn, cleanup_arg: *mut ()) -> usize {
    try_register(cleanup_fn, cleanup_arg).unwrap_or_else(|| full())
}

/// The panic of a program that holds too much.
pub fn full() -> ! {
    panic!("Object count exceeded\n")
}

/// Frees an entry [`register`] gave.
pub fn deregister(index: usize) {
    unsafe { (&raw mut (*entry(index)).valid).write_volatile(0) };
}

/// Runs every valid entry, lowest index first, and frees all of them.
pub fn cleanup_all() {
    for index in 0..REX_CLEANUP_ENTRIES {
        let entry = entry(index);
        let row = unsafe { entry.read_volatile() };
        if row.valid != 0 && !row.cleanup_fn.is_null() {
            let cleanup_fn = unsafe { core::mem::transmute::<*mut (), CleanupFn>(row.cleanup_fn) };
            cleanup_fn(row.cleanup_arg);
        }
        unsafe { (&raw mut (*entry).valid).write_volatile(0) };
    }
}
