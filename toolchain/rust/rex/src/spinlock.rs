//! Locks in map values, released when the guard is dropped and also when the program panics.

use crate::termination::termination_check;
use crate::{cleanup, ffi};
use core::marker::PhantomData;

/// `struct bpf_spin_lock`: one word of a map value, 0 when free.
#[repr(C)]
#[derive(Clone, Copy, Default)]
#[allow(non_camel_case_types)]
pub struct bpf_spin_lock {
    val: u32,
}

/// Holds a [`bpf_spin_lock`]. Interrupts are off meanwhile, and a program holds one lock at a time.
#[must_use = "the lock is released as soon as the guard is dropped"]
#[clippy::has_significant_drop]
#[allow(non_camel_case_types)]
pub struct rex_spinlock_guard<'a> {
    lock: *mut u32,
    cleanup_index: usize,
    held: PhantomData<&'a mut bpf_spin_lock>,
}

impl<'a> rex_spinlock_guard<'a> {
    /// Waits for the lock and takes it. Panics when the program holds 64 resources already.
    pub fn new(lock: &'a mut bpf_spin_lock) -> Self {
        let lock = &raw mut lock.val;
        let cleanup_index = termination_check!({
            let index = cleanup::register(release, lock.cast());
            unsafe { ffi::bpf_spin_lock(lock) };
            index
        });
        Self { lock, cleanup_index, held: PhantomData }
    }
}

impl Drop for rex_spinlock_guard<'_> {
    fn drop(&mut self) {
        termination_check!({
            cleanup::deregister(self.cleanup_index);
            unsafe { ffi::bpf_spin_unlock(self.lock) }
        });
    }
}

extern "C" fn release(lock: *mut ()) {
    unsafe { ffi::bpf_spin_unlock(lock.cast()) };
}
