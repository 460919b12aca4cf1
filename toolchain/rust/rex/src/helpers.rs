//! What the helpers do that every program type has; `base_helpers!` makes them methods.
//!
//! A look-up's result lives as long as its key's borrow, as upstream has it: two look-ups of one key alias.
#![allow(clippy::mut_from_ref)]

use crate::linux::errno::EINVAL;
use crate::map::RexMapHandle;
use crate::result::from_status;
use crate::termination::termination_check;
use crate::{Result, ffi, per_cpu, utils::NoRef};
use core::ffi::CStr;
use core::mem::MaybeUninit;

/// What upstream answers for a map that was never loaded: positive, unlike the kernel's own errors.
pub const NOT_LOADED: Result = Err(EINVAL as i32);

pub fn map_lookup_elem<'b, const MT: u32, K, V: NoRef>(
    map: &'static RexMapHandle<MT, K, V>,
    key: &'b K,
) -> Option<&'b mut V> {
    let map = map.kernel_map()?;
    let value = termination_check!(unsafe { ffi::bpf_map_lookup_elem(map, (&raw const *key).cast()) });
    unsafe { value.cast::<V>().as_mut() }
}

pub fn map_update_elem<const MT: u32, K, V: NoRef>(
    map: &'static RexMapHandle<MT, K, V>,
    key: &K,
    value: &V,
    flags: u64,
) -> Result {
    let Some(map) = map.kernel_map() else { return NOT_LOADED };
    let (key, value) = ((&raw const *key).cast(), (&raw const *value).cast());
    from_status(termination_check!(unsafe { ffi::bpf_map_update_elem(map, key, value, flags) }))
}

pub fn map_delete_elem<const MT: u32, K, V: NoRef>(map: &'static RexMapHandle<MT, K, V>, key: &K) -> Result {
    let Some(map) = map.kernel_map() else { return NOT_LOADED };
    from_status(termination_check!(unsafe { ffi::bpf_map_delete_elem(map, (&raw const *key).cast()) }))
}

pub fn map_push_elem<const MT: u32, K, V: NoRef>(
    map: &'static RexMapHandle<MT, K, V>,
    value: &V,
    flags: u64,
) -> Result {
    let Some(map) = map.kernel_map() else { return NOT_LOADED };
    let value = (&raw const *value).cast();
    from_status(termination_check!(unsafe { ffi::bpf_map_push_elem(map, value, flags) }))
}

pub fn map_pop_elem<const MT: u32, K, V: NoRef>(map: &'static RexMapHandle<MT, K, V>) -> Option<V> {
    let map = map.kernel_map()?;
    let mut value = MaybeUninit::<V>::uninit();
    let status = termination_check!(unsafe { ffi::bpf_map_pop_elem(map, value.as_mut_ptr().cast()) });
    // the kernel has written the whole value
    if status == 0 { Some(unsafe { value.assume_init() }) } else { None }
}

pub fn map_peek_elem<const MT: u32, K, V: NoRef>(map: &'static RexMapHandle<MT, K, V>) -> Option<V> {
    let map = map.kernel_map()?;
    let mut value = MaybeUninit::<V>::uninit();
    let status = termination_check!(unsafe { ffi::bpf_map_peek_elem(map, value.as_mut_ptr().cast()) });
    if status == 0 { Some(unsafe { value.assume_init() }) } else { None }
}

pub fn probe_read_kernel<T: NoRef>(destination: &mut T, unsafe_ptr: *const ()) -> Result {
    const { T::PLAIN };
    let size = size_of::<T>() as u32;
    let destination = (&raw mut *destination).cast();
    from_status(termination_check!(unsafe { ffi::bpf_probe_read_kernel(destination, size, unsafe_ptr) }))
}

#[inline(always)]
pub fn smp_processor_id() -> i32 {
    unsafe { per_cpu::read_i32(&raw const ffi::cpu_number) }
}

#[inline(always)]
pub fn numa_node_id() -> i32 {
    unsafe { per_cpu::read_i32(&raw const ffi::numa_node) }
}

#[inline(always)]
pub fn jiffies64() -> u64 {
    unsafe { (&raw const ffi::jiffies).read_volatile() }
}

pub fn ktime_get_ns() -> u64 {
    termination_check!(ffi::bpf_ktime_get_ns())
}

pub fn ktime_get_boot_ns() -> u64 {
    termination_check!(ffi::bpf_ktime_get_boot_ns())
}

pub fn get_prandom_u32() -> u32 {
    termination_check!(ffi::get_random_u32())
}

pub fn ktime_get_coarse_ns() -> u64 {
    termination_check!(ffi::bpf_ktime_get_coarse_ns())
}

pub fn snprintf<const N: usize, const M: usize>(buffer: &mut [u8; N], format: &str, data: &[u64; M]) -> Result {
    let Ok(format) = CStr::from_bytes_until_nul(format.as_bytes()) else { return Err(-(EINVAL as i32)) };
    let (size, bytes) = (N as u32, size_of::<[u64; M]>() as u32);
    from_status(termination_check!(unsafe {
        ffi::bpf_snprintf(buffer.as_mut_ptr(), size, format.as_ptr(), data.as_ptr(), bytes)
    }))
}
