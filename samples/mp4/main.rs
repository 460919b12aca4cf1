//! Error injection with one map for the process and one for the error, as the course asks for.
#![no_std]
#![no_main]

use rex::kprobe::kprobe;
use rex::map::RexArrayMap;
use rex::pt_regs::PtRegs;
use rex::{Result, rex_kprobe, rex_map};

/// Element 0 is the process to disturb.
#[allow(non_upper_case_globals)]
#[rex_map]
static target_pid: RexArrayMap<i32> = RexArrayMap::new(1, 0);

/// Element 0 is what its system call returns: a negative errno.
#[allow(non_upper_case_globals)]
#[rex_map]
static target_errno: RexArrayMap<u64> = RexArrayMap::new(1, 0);

#[rex_kprobe]
pub fn err_injector(obj: &kprobe, ctx: &mut PtRegs) -> Result {
    let pid = obj.bpf_get_current_task().ok_or(0)?.get_pid();
    if obj
        .bpf_map_lookup_elem(&target_pid, &0)
        .is_none_or(|target| *target != pid)
    {
        return Ok(0);
    }
    let errno = *obj.bpf_map_lookup_elem(&target_errno, &0).ok_or(0)?;
    Ok(obj.bpf_override_return(ctx, errno))
}
