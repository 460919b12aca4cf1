//! How a program that panics leaves: release, report, landing pad.

use crate::{cleanup, ffi, log::LogBuf, termination};
use core::fmt::Write;
use core::panic::PanicInfo;

/// The order matters: the watchdog is held off before anything is released, and the text must be complete before the
/// landing pad prints it. The landing pad resets the stack and the termination state and makes the program return 0.
#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    termination::enter_kernel();
    cleanup::cleanup_all();
    let mut log = LogBuf::new();
    if write!(log, "{info}").is_err() {
        let _ = LogBuf::new().write_str("unknown rust panic");
    }
    ffi::rex_landingpad()
}
