//! Every kernel symbol the crate can name. The ones an image uses become its `R_X86_64_GLOB_DAT` relocations.

use crate::layout::{
    REX_CLEANUP_ENTRIES, REX_LOG_BUF_SIZE, bpf_perf_event_value, rex_cleanup_entry, sk_buff, task_struct, xdp_buff,
};
use core::ffi::c_char;

// Per-CPU variables: the address of a symbol is its offset in every CPU's area (see `per_cpu`).
unsafe extern "C" {
    pub static this_cpu_off: u64;
    pub static current_task: *const task_struct;
    pub static cpu_number: i32;
    pub static numa_node: i32;
    pub static rex_stack_ptr: u64;
    pub static rex_termination_state: u8;
    pub static rex_cleanup_entries: [rex_cleanup_entry; REX_CLEANUP_ENTRIES];
    pub static rex_log_buf: [u8; REX_LOG_BUF_SIZE];
}

// One for all CPUs.
unsafe extern "C" {
    pub static jiffies: u64;
}

unsafe extern "C" {
    pub fn bpf_map_lookup_elem(map: *mut (), key: *const ()) -> *mut ();
    pub fn bpf_map_update_elem(map: *mut (), key: *const (), value: *const (), flags: u64) -> i64;
    pub fn bpf_map_delete_elem(map: *mut (), key: *const ()) -> i64;
    pub fn bpf_map_push_elem(map: *mut (), value: *const (), flags: u64) -> i64;
    pub fn bpf_map_pop_elem(map: *mut (), value: *mut ()) -> i64;
    pub fn bpf_map_peek_elem(map: *mut (), value: *mut ()) -> i64;
    pub fn bpf_ringbuf_reserve(map: *mut (), size: u64, flags: u64) -> *mut u8;
    pub fn bpf_ringbuf_output(map: *mut (), data: *const u8, size: u64, flags: u64) -> i64;
    pub fn bpf_ringbuf_submit(record: *mut u8, flags: u64);
    pub fn bpf_ringbuf_discard(record: *mut u8, flags: u64);
    pub fn bpf_ringbuf_query(map: *mut (), flags: u64) -> u64;
    pub fn bpf_perf_event_output_tp(record: *const (), map: *mut (), flags: u64, data: *const (), size: u64) -> i64;
    pub fn bpf_perf_prog_read_value(context: *const (), value: *mut bpf_perf_event_value, size: u32) -> i64;
    pub fn bpf_get_stackid_pe(context: *const (), map: *mut (), flags: u64) -> i64;
    pub fn bpf_xdp_adjust_tail(buff: *mut xdp_buff, offset: i32) -> i32;
    pub fn bpf_clone_redirect(skb: *mut sk_buff, ifindex: u32, flags: u64) -> i32;
    pub fn bpf_snprintf(text: *mut u8, size: u32, format: *const c_char, data: *const u64, bytes: u32) -> i64;
    pub fn bpf_probe_read_kernel(destination: *mut (), size: u32, source: *const ()) -> i64;
    pub fn bpf_spin_lock(lock: *mut u32) -> i64;
    pub fn bpf_spin_unlock(lock: *mut u32) -> i64;
    pub fn bpf_task_release(task: *mut task_struct);

    pub safe fn bpf_task_from_pid(pid: i32) -> *mut task_struct;
    pub safe fn bpf_ktime_get_ns() -> u64;
    pub safe fn bpf_ktime_get_boot_ns() -> u64;
    pub safe fn bpf_ktime_get_coarse_ns() -> u64;
    pub safe fn get_random_u32() -> u32;
    pub safe fn rex_trace_printk();
    pub safe fn rex_landingpad() -> !;
    /// A bare `ret`; only its address is used.
    pub safe fn just_return_func();
}
