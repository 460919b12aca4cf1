//! Per-CPU variables of the kernel.
//!
//! The symbol's address is an offset: `gs:offset` is this CPU's copy, and `offset + this_cpu_off` its linear address. A
//! program never changes CPU while it runs.

use crate::ffi;
use core::arch::asm;

/// Reads 8 bytes of this CPU's copy.
///
/// # Safety
/// `symbol` is the address of an 8-byte per-CPU variable.
#[inline(always)]
pub unsafe fn read_u64<T>(symbol: *const T) -> u64 {
    let value: u64;
    unsafe {
        asm!("mov {value}, qword ptr gs:[{symbol}]", value = out(reg) value, symbol = in(reg) symbol,
            options(nostack, preserves_flags, readonly));
    }
    value
}

/// Reads 4 bytes of this CPU's copy.
///
/// # Safety
/// `symbol` is the address of a 4-byte per-CPU variable.
#[inline(always)]
pub unsafe fn read_i32(symbol: *const i32) -> i32 {
    let value: i32;
    unsafe {
        asm!("mov {value:e}, dword ptr gs:[{symbol}]", value = out(reg) value, symbol = in(reg) symbol,
            options(nostack, preserves_flags, readonly));
    }
    value
}

/// A plain pointer to this CPU's copy, valid while the program runs.
///
/// # Safety
/// `symbol` is the address of a per-CPU variable.
#[inline(always)]
pub unsafe fn pointer<T>(symbol: *const T) -> *mut T {
    let base = unsafe { read_u64(&raw const ffi::this_cpu_off) };
    (symbol as u64).wrapping_add(base) as *mut T
}
