//! The extension's half of termination safety.
//!
//! A watchdog may redirect a program that runs for too long to [`__rex_handle_timeout`], but never inside the kernel or
//! the panic handler. `rex_termination_state` tells it where the program is: 0 in the extension's own code (or idle),
//! 1 inside a helper or the panic handler, 2 termination was requested meanwhile.

use crate::{ffi, per_cpu};
use core::arch::naked_asm;

pub const IN_EXTENSION: u8 = 0;
pub const IN_KERNEL: u8 = 1;
pub const TERMINATION_REQUESTED: u8 = 2;

#[inline(always)]
fn flag() -> *mut u8 {
    unsafe { per_cpu::pointer(&raw const ffi::rex_termination_state) }
}

/// From here on the watchdog asks instead of redirecting.
#[inline(always)]
pub fn enter_kernel() {
    unsafe { flag().write_volatile(IN_KERNEL) };
}

/// Back in the extension, unless the watchdog has asked to end it.
#[inline(always)]
pub fn leave_kernel() {
    let flag = flag();
    if unsafe { flag.read_volatile() } == TERMINATION_REQUESTED {
        __rex_handle_timeout();
    }
    unsafe { flag.write_volatile(IN_EXTENSION) };
}

/// Runs a helper call with the watchdog held off and yields its result; if the watchdog asked meanwhile, ends the
/// program instead.
macro_rules! termination_check {
    ($call:expr) => {{
        $crate::termination::enter_kernel();
        let result = $call;
        $crate::termination::leave_kernel();
        result
    }};
}
pub(crate) use termination_check;

/// Ends the program with a panic. The watchdog enters it anywhere in the program, as if that had called it with the stack
/// wherever it was, so the stack is aligned first.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub extern "C" fn __rex_handle_timeout() -> ! {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "and rsp, -16",
        "call {timeout}",
        "ud2",
        timeout = sym timeout,
    )
}

extern "C" fn timeout() -> ! {
    panic!("Timeout in Rex program")
}

/// The loader hands the symbol's address to the kernel; no code has to refer to it.
#[used]
#[unsafe(link_section = ".rex.handlers")]
static KEEP_TIMEOUT_HANDLER: extern "C" fn() -> ! = __rex_handle_timeout;
