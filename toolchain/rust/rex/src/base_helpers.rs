//! The helpers of every program type, as methods.
//!
//! A look-up's result lives as long as its key's borrow, as upstream has it: two look-ups of one key alias.

macro_rules! base_helpers {
    ([$($generics:tt)*] $program:ty) => {
        #[allow(clippy::mut_from_ref)]
        impl<$($generics)*> $program {
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

            /// Adds to a queue or a stack. `flags`: `BPF_ANY`, or `BPF_EXIST` to drop the oldest element of a full map.
            /// Errors: a negative errno, or `22` when not loaded.
            #[inline(always)]
            pub fn bpf_map_push_elem<const MT: u32, K, V: $crate::utils::NoRef>(
                &self,
                map: &'static $crate::map::RexMapHandle<MT, K, V>,
                value: &V,
                flags: u64,
            ) -> $crate::Result {
                $crate::helpers::map_push_elem(map, value, flags)
            }

            /// Takes the next element off a queue or a stack; `None` when it is empty.
            #[inline(always)]
            pub fn bpf_map_pop_elem<const MT: u32, K, V: $crate::utils::NoRef>(
                &self,
                map: &'static $crate::map::RexMapHandle<MT, K, V>,
            ) -> Option<V> {
                $crate::helpers::map_pop_elem(map)
            }

            /// The next element of a queue or a stack, which stays; `None` when it is empty.
            #[inline(always)]
            pub fn bpf_map_peek_elem<const MT: u32, K, V: $crate::utils::NoRef>(
                &self,
                map: &'static $crate::map::RexMapHandle<MT, K, V>,
            ) -> Option<V> {
                $crate::helpers::map_peek_elem(map)
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

            /// CLOCK_MONOTONIC at the last tick, in nanoseconds.
            #[inline(always)]
            pub fn bpf_ktime_get_coarse_ns(&self) -> u64 {
                $crate::helpers::ktime_get_coarse_ns()
            }

            /// Formats `data` by the kernel's `format`, which has to hold a NUL, into `buf`. The length with the NUL, or a
            /// negative errno: `-22` (EINVAL) without a NUL, for an unknown conversion or too few of `data`.
            #[inline(always)]
            pub fn bpf_snprintf<const N: usize, const M: usize>(
                &self,
                buf: &mut [u8; N],
                format: &str,
                data: &[u64; M],
            ) -> $crate::Result {
                $crate::helpers::snprintf(buf, format, data)
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

/// The helpers of program types that run in the context of a task.
macro_rules! task_helpers {
    ([$($generics:tt)*] $program:ty) => {
        impl<$($generics)*> $program {
            /// The task that triggered the event, `None` before the first task runs.
            #[inline(always)]
            pub fn bpf_get_current_task(&self) -> Option<$crate::task_struct::TaskStruct> {
                $crate::task_struct::TaskStruct::current()
            }
        }
    };
}
pub(crate) use task_helpers;
