//! Stack safety of programs whose depth no tool can bound: recursion and calls through pointers.
//!
//! Program frames may use the upper half of the per-CPU Rex stack; helpers and the panic handler need the rest. The build
//! (toolchain/stack-safety) puts a call of [`__rex_check_stack`] before the functions of such a program; crates do not
//! call it. One frame more than the limit is possible: the build keeps frames below a page.

use crate::layout::{PAGE_SIZE, REX_STACK_LIMIT};
use crate::{ffi, termination};
use core::arch::naked_asm;

/// How far below the limit the panic handler and the Rust half of helpers may go: the formatting of a panic's message
/// can run functions of the program.
const PANIC_ROOM: usize = 2 * PAGE_SIZE;

/// Returns when the stack pointer is above this CPU's `rex_stack_ptr` less `REX_STACK_LIMIT`, and ends the program when
/// not. Changes nothing but r11 and the flags, which are free where a function begins.
///
/// Within the panic handler and helpers (`rex_termination_state` is not 0) the limit is `PANIC_ROOM` lower; below that the
/// frames of the panic handler are dropped, for there is no room to report from.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub extern "C" fn __rex_check_stack() {
    naked_asm!(
        "mov r11, qword ptr [rip + {top}@GOTPCREL]",
        "mov r11, qword ptr gs:[r11]",
        "sub r11, {limit}",
        "cmp rsp, r11",
        "jbe 2f",
        "ret",
        "2:",
        "push rax",
        "mov rax, qword ptr [rip + {state}@GOTPCREL]",
        "cmp byte ptr gs:[rax], 0",
        "pop rax",
        "je 3f",
        "sub r11, {room}",
        "cmp rsp, r11",
        "jbe 4f",
        "ret",
        // as if the function that is not entered had called the handler
        "3:",
        "add rsp, 8",
        "jmp 5f",
        // to where no frame of the program is, with a trace that goes on at the dispatcher
        "4:",
        "mov rax, qword ptr [rsp + 8]",
        "lea rsp, [r11 + {keep}]",
        "lea rbp, [r11 + {bottom}]",
        "push rax",
        "5:",
        "push rbp",
        "mov rbp, rsp",
        "and rsp, -16",
        "call {overflow}",
        "ud2",
        top = sym ffi::rex_stack_ptr,
        state = sym ffi::rex_termination_state,
        limit = const REX_STACK_LIMIT,
        room = const PANIC_ROOM,
        keep = const PANIC_ROOM - PAGE_SIZE,
        bottom = const REX_STACK_LIMIT + PANIC_ROOM,
        overflow = sym __rex_handle_stack_overflow,
    )
}

/// Ends the program with a panic. From here on the lower limit holds.
#[cold]
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn __rex_handle_stack_overflow() -> ! {
    termination::enter_kernel();
    panic!("Stack overflow in Rex program")
}

/// No code refers to it before the build does.
#[used]
#[unsafe(link_section = ".rex.handlers")]
static KEEP_STACK_CHECK: extern "C" fn() = __rex_check_stack;
