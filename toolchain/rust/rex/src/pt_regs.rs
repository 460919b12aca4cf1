//! The registers at the probed instruction.

use crate::layout;

/// `struct pt_regs` of arch/x86, read through getters.
#[repr(transparent)]
pub struct PtRegs {
    regs: layout::pt_regs,
}

macro_rules! getters {
    ($($name:ident = $field:ident $(& $mask:literal)?, $what:literal;)*) => {
        impl PtRegs {
            $(
                #[doc = $what]
                #[inline(always)]
                pub fn $name(&self) -> u64 {
                    self.regs.$field $(& $mask)?
                }
            )*
        }
    };
}

getters! {
    r15 = r15, "r15";
    r14 = r14, "r14";
    r13 = r13, "r13";
    r12 = r12, "r12";
    rbp = bp, "rbp";
    rbx = bx, "rbx";
    r11 = r11, "r11";
    r10 = r10, "r10";
    r9 = r9, "r9";
    r8 = r8, "r8";
    rax = ax, "rax";
    rcx = cx, "rcx";
    rdx = dx, "rdx";
    rsi = si, "rsi";
    rdi = di, "rdi";
    orig_rax = orig_ax, "The system call's number at kernel entry, or an exception's error code.";
    rip = ip, "rip";
    cs = cs & 0xffff, "The 16-bit selector.";
    eflags = flags, "rflags";
    rsp = sp, "rsp";
    ss = ss & 0xffff, "The 16-bit selector.";
}

impl PtRegs {
    /// Makes the probed function return `rax` at once: execution goes on at `ip`.
    #[inline(always)]
    pub(crate) fn set_return(&mut self, rax: u64, ip: u64) {
        self.regs.ax = rax;
        self.regs.ip = ip;
    }
}
