//! Prints some of the system calls that pass a seccomp filter.
#![no_std]
#![no_main]

use rex::kprobe::kprobe;
use rex::linux::seccomp::seccomp_data;
use rex::linux::unistd::{__NR_getsid, __NR_getuid, __NR_mmap, __NR_read, __NR_write};
use rex::pt_regs::PtRegs;
use rex::{Result, rex_kprobe, rex_printk};

/// `__seccomp_filter(int this_syscall, const struct seccomp_data *sd, …)`
fn arguments(obj: &kprobe, ctx: &PtRegs) -> core::result::Result<[u64; 6], i32> {
    let mut data = seccomp_data {
        nr: 0,
        arch: 0,
        instruction_pointer: 0,
        args: [0; 6],
    };
    obj.bpf_probe_read_kernel(&mut data, ctx.rsi() as *const ())?;
    Ok(data.args)
}

#[allow(non_upper_case_globals)]
#[rex_kprobe(function = "__seccomp_filter")]
fn rex_prog1(obj: &kprobe, ctx: &mut PtRegs) -> Result {
    match ctx.rdi() as u32 {
        __NR_read => {
            let [fd, buf, size, ..] = arguments(obj, ctx)?;
            match size {
                129..=1024 => rex_printk!("read(fd={fd}, buf={buf:#x}, size={size})\n"),
                _ => Ok(0),
            }
        }
        __NR_write => {
            let [fd, buf, size, ..] = arguments(obj, ctx)?;
            match size {
                512 => rex_printk!("write(fd={fd}, buf={buf:#x}, size={size})\n"),
                _ => Ok(0),
            }
        }
        __NR_mmap => rex_printk!("mmap\n"),
        number @ __NR_getuid..=__NR_getsid => {
            rex_printk!("syscall={number} (one of get/set uid/pid/gid)\n")
        }
        _ => Ok(0),
    }
}
