//! Programs that run when the kernel reaches a function.

use crate::helpers::base_helpers;
use crate::layout::{BPF_PROG_TYPE_KPROBE, rex_program_object};
use crate::pt_regs::PtRegs;
use crate::result::flatten;
use crate::task_struct::TaskStruct;
use crate::{Result, ffi};
use core::arch::naked_asm;
use core::mem::offset_of;

/// The program object of a kprobe program: what `#[rex_kprobe]` places into a `rex/kprobe` section, and what the program
/// calls helpers on.
///
/// Entry insertion reads the program's type from `rtti`, its function from `prog` and its name from `name`.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct kprobe {
    rtti: u64,
    prog: fn(&Self, &mut PtRegs) -> Result,
    name: &'static str,
}

const _: () = assert!(size_of::<kprobe>() == size_of::<rex_program_object>());
const _: () = assert!(offset_of!(kprobe, rtti) == offset_of!(rex_program_object, rtti));
const _: () = assert!(offset_of!(kprobe, prog) == offset_of!(rex_program_object, prog));
const _: () = assert!(offset_of!(kprobe, name) == offset_of!(rex_program_object, name_pointer));

base_helpers!(kprobe);

impl kprobe {
    /// `#[rex_kprobe]` calls it.
    pub const fn new(prog: fn(&Self, &mut PtRegs) -> Result, name: &'static str) -> Self {
        Self { rtti: BPF_PROG_TYPE_KPROBE as u64, prog, name }
    }

    /// The program's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The task in whose context the function was reached, `None` before the first task runs.
    #[inline(always)]
    pub fn bpf_get_current_task(&self) -> Option<TaskStruct> {
        TaskStruct::current()
    }

    /// Makes the probed function return `rc` at once instead of running. Always 0.
    #[inline(always)]
    pub fn bpf_override_return(&self, regs: &mut PtRegs, rc: u64) -> i32 {
        regs.set_return(rc, ffi::just_return_func as *const () as u64);
        0
    }
}

/// Where the inserted entry of every kprobe program goes: `obj` is its program object, `ctx` the kernel's
/// `struct pt_regs *`; the result is what the kernel receives.
///
/// The kernel enters programs with a stack that is 8 bytes off the C convention, so the stack is aligned first.
///
/// # Safety
/// `ctx` points to a `struct pt_regs` that nobody else uses until the program returns.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __rex_entry_kprobe(obj: &kprobe, ctx: *mut ()) -> u32 {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "and rsp, -16",
        "call {prog_run}",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        prog_run = sym prog_run,
    )
}

unsafe extern "C" fn prog_run(obj: &kprobe, ctx: *mut ()) -> u32 {
    flatten((obj.prog)(obj, unsafe { &mut *ctx.cast::<PtRegs>() }))
}

/// Nothing calls the entry before entry insertion has run.
#[used]
#[unsafe(link_section = ".rex.entries")]
static KEEP_ENTRY: unsafe extern "C" fn(&kprobe, *mut ()) -> u32 = __rex_entry_kprobe;
