//! The C memory functions the compiler calls. One string instruction is one bulk step for the CPU. The direction flag
//! is clear whenever compiled code runs.

use core::arch::asm;

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(destination: *mut u8, source: *const u8, count: usize) -> *mut u8 {
    unsafe {
        asm!("rep movsb", inout("rcx") count => _, inout("rdi") destination => _, inout("rsi") source => _,
            options(nostack, preserves_flags));
    }
    destination
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(destination: *mut u8, source: *const u8, count: usize) -> *mut u8 {
    if (destination as usize).wrapping_sub(source as usize) >= count {
        return unsafe { memcpy(destination, source, count) };
    }
    let last = count.wrapping_sub(1);
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rcx") count => _, inout("rdi") destination.wrapping_add(last) => _,
            inout("rsi") source.wrapping_add(last) => _, options(nostack, preserves_flags));
    }
    destination
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(destination: *mut u8, byte: i32, count: usize) -> *mut u8 {
    unsafe {
        asm!("rep stosb", inout("rcx") count => _, inout("rdi") destination => _, in("al") byte as u8,
            options(nostack, preserves_flags));
    }
    destination
}

/// # Safety
/// As in C. The reads are volatile so that the loop does not become a call of `memcmp`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    for index in 0..count {
        let (a, b) = unsafe { (left.add(index).read_volatile(), right.add(index).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    unsafe { memcmp(left, right, count) }
}
