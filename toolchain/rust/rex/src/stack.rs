//! Stack safety of programs whose depth no tool can bound: recursion and calls through pointers.
//!
//! Program frames may use the upper half of the per-CPU Rex stack; helpers and the panic handler need the rest.

use crate::layout::REX_STACK_LIMIT;
use crate::{ffi, per_cpu};
use core::arch::asm;

/// Panics when the stack pointer is not above this CPU's `rex_stack_ptr` less `REX_STACK_LIMIT`. Stands before a call and is
/// expanded in place.
#[inline(always)]
pub fn __rex_check_stack() {
    let top = unsafe { per_cpu::read_u64(&raw const ffi::rex_stack_ptr) };
    let lowest = top.wrapping_sub(REX_STACK_LIMIT as u64);
    let rsp: u64;
    unsafe { asm!("mov {}, rsp", out(reg) rsp, options(nomem, nostack, preserves_flags)) };
    if rsp <= lowest {
        __rex_handle_stack_overflow();
    }
}

/// Ends the program with a panic.
#[cold]
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn __rex_handle_stack_overflow() -> ! {
    panic!("Stack overflow in Rex program")
}
