//! Programs that run when the kernel, or a process, reaches a function.

use crate::base_helpers::{base_helpers, task_helpers};
use crate::ffi;
use crate::program::program_type;
use crate::pt_regs::PtRegs;

program_type!(
    /// The program object of a kprobe or uprobe program: what `#[rex_kprobe]` places into a `rex/kprobe` section, and what the
    /// program calls helpers on. The kernel's context is a `struct pt_regs *`.
    kprobe, BPF_PROG_TYPE_KPROBE, __rex_entry_kprobe, |ctx| &mut *ctx.cast::<PtRegs>() => &mut PtRegs
);

base_helpers!([] kprobe);
task_helpers!([] kprobe);

impl kprobe {
    /// Makes the probed function return `rc` at once instead of running. Always 0.
    #[inline(always)]
    pub fn bpf_override_return(&self, regs: &mut PtRegs, rc: u64) -> i32 {
        regs.set_return(rc, ffi::just_return_func as *const () as u64);
        0
    }
}
