//! Text for the kernel: this CPU's `rex_log_buf`, shared by `rex_printk!` and the panic handler.

use crate::layout::REX_LOG_BUF_SIZE;
use crate::linux::errno::E2BIG;
use crate::termination::termination_check;
use crate::{Result, ffi, per_cpu};
use core::fmt::{self, Write};

/// Writes NUL-terminated text from the start of the buffer; an error when it does not fit in 1023 bytes. The panic handler
/// writes with it, so it must not panic: the arithmetic stays within `REX_LOG_BUF_SIZE`.
pub(crate) struct LogBuf {
    start: *mut u8,
    length: usize,
}

impl LogBuf {
    pub(crate) fn new() -> Self {
        let start = unsafe { per_cpu::pointer(&raw const ffi::rex_log_buf) }.cast::<u8>();
        unsafe { start.write(0) };
        Self { start, length: 0 }
    }
}

impl Write for LogBuf {
    fn write_str(&mut self, fragment: &str) -> fmt::Result {
        if fragment.len() >= REX_LOG_BUF_SIZE.saturating_sub(self.length) {
            return Err(fmt::Error);
        }
        let end = self.length.wrapping_add(fragment.len());
        unsafe {
            self.start.add(self.length).copy_from_nonoverlapping(fragment.as_ptr(), fragment.len());
            self.start.add(end).write(0);
        }
        self.length = end;
        Ok(())
    }
}

/// Formats into `rex_log_buf` and emits it as a `bpf_trace_printk` event. `Err(-7)` (E2BIG) when the text is longer than
/// 1023 bytes; nothing is emitted then.
pub fn rex_trace_printk(arguments: fmt::Arguments<'_>) -> Result {
    if LogBuf::new().write_fmt(arguments).is_err() {
        return Err(-(E2BIG as i32));
    }
    termination_check!(ffi::rex_trace_printk());
    Ok(0)
}

/// The path of the function it stands in, as `crate::function`.
#[macro_export]
macro_rules! function_name {
    () => {{
        fn here() {}
        fn path<T>(_: T) -> &'static str {
            ::core::any::type_name::<T>()
        }
        let path = path(here);
        path.strip_suffix("::here").unwrap_or(path)
    }};
}

/// `print!` into the kernel's trace pipe, with `[crate::function] ` before the text. Evaluates to a [`Result`](crate::Result).
#[cfg(feature = "debug_printk")]
#[macro_export]
macro_rules! rex_printk {
    ($format:literal $($argument:tt)*) => {
        $crate::rex_trace_printk(::core::format_args!(
            "[{}] {}",
            $crate::function_name!(),
            ::core::format_args!($format $($argument)*)
        ))
    };
}

/// Nothing: the feature `debug_printk` is off, and the arguments are not evaluated. Evaluates to `Ok(0)`.
#[cfg(not(feature = "debug_printk"))]
#[macro_export]
macro_rules! rex_printk {
    ($format:literal $($argument:tt)*) => {
        $crate::Result::Ok(0)
    };
}
