//! The helpers that every program type has. Program types get them as methods by `base_helpers!`.
//!
//! A look-up's result lives as long as its key's borrow, as upstream has it: two look-ups of one key alias.
#![allow(clippy::mut_from_ref)]

use crate::linux::errno::EINVAL;
use crate::map::RexMapHandle;
use crate::result::from_status;
use crate::termination::termination_check;
use crate::{Result, ffi, per_cpu, utils::NoRef};

/// What upstream answers for a map that was never loaded: positive, unlike the kernel's own errors.
const NOT_LOADED: Result = Err(EINVAL as i32);

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

pub fn probe_read_kernel<T: NoRef>(destination: &mut T, unsafe_ptr: *const ()) -> Result {
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

macro_rules! base_helpers {
    ($program:ty) => {
        #[allow(clippy::mut_from_ref)]
        impl $program {
            /// The number of the CPU the program runs on.
            #[inline(always)]
            pub fn bpf_get_smp_processor_id(&self) -> i32 {
                $crate::helpers::smp_processor_id()
            }

            /// The value's own storage in the map, or `None`. Two look-ups of one key give the same storage.
            #[inline(always)]
            pub fn bpf_map_lookup_elem<'b, const MT: u32, K, V: $crate::utils::NoRef>(
                &self,
                map: &'static $crate::map::RexMapHandle<MT, K, V>,
                key: &'b K,
            ) -> Option<&'b mut V> {
                $crate::helpers::map_lookup_elem(map, key)
            }

            /// `flags`: `BPF_ANY`, `BPF_NOEXIST` or `BPF_EXIST`. Errors: a negative errno, or `22` when not loaded.
            #[inline(always)]
            pub fn bpf_map_update_elem<const MT: u32, K, V: $crate::utils::NoRef>(
                &self,
                map: &'static $crate::map::RexMapHandle<MT, K, V>,
                key: &K,
                value: &V,
                flags: u64,
            ) -> $crate::Result {
                $crate::helpers::map_update_elem(map, key, value, flags)
            }

            /// Errors: a negative errno, or `22` when not loaded.
            #[inline(always)]
            pub fn bpf_map_delete_elem<const MT: u32, K, V: $crate::utils::NoRef>(
                &self,
                map: &'static $crate::map::RexMapHandle<MT, K, V>,
                key: &K,
            ) -> $crate::Result {
                $crate::helpers::map_delete_elem(map, key)
            }

            /// Copies a `T` from any kernel address. On a fault `destination` is zeroed and the error is `-14` (EFAULT).
            #[inline(always)]
            pub fn bpf_probe_read_kernel<T: $crate::utils::NoRef>(
                &self,
                destination: &mut T,
                unsafe_ptr: *const (),
            ) -> $crate::Result {
                $crate::helpers::probe_read_kernel(destination, unsafe_ptr)
            }

            /// Timer ticks since boot.
            #[inline(always)]
            pub fn bpf_jiffies64(&self) -> u64 {
                $crate::helpers::jiffies64()
            }

            /// The NUMA node of the CPU the program runs on.
            #[inline(always)]
            pub fn bpf_get_numa_node_id(&self) -> i32 {
                $crate::helpers::numa_node_id()
            }

            /// CLOCK_MONOTONIC, in nanoseconds.
            #[inline(always)]
            pub fn bpf_ktime_get_ns(&self) -> u64 {
                $crate::helpers::ktime_get_ns()
            }

            /// CLOCK_BOOTTIME, in nanoseconds: time in suspend included.
            #[inline(always)]
            pub fn bpf_ktime_get_boot_ns(&self) -> u64 {
                $crate::helpers::ktime_get_boot_ns()
            }

            /// A number from the kernel's generator.
            #[inline(always)]
            pub fn bpf_get_prandom_u32(&self) -> u32 {
                $crate::helpers::get_prandom_u32()
            }
        }
    };
}
pub(crate) use base_helpers;
