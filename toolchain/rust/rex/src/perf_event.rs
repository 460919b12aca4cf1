//! Programs that run when a perf event counts over its period.

use crate::base_helpers::{base_helpers, task_helpers};
use crate::helpers::NOT_LOADED;
use crate::layout::{self, perf_sample_data};
use crate::map::RexStackTrace;
use crate::program::program_type;
use crate::pt_regs::PtRegs;
use crate::result::from_status;
use crate::termination::termination_check;
use crate::utils::NoRef;
use crate::{Result, ffi};

pub use crate::layout::bpf_perf_event_value;

program_type!(
    /// The program object of a perf event program. The kernel's context is a `struct bpf_perf_event_data_kern *`.
    perf_event, BPF_PROG_TYPE_PERF_EVENT, __rex_entry_perf_event,
    |ctx| &*ctx.cast::<bpf_perf_event_data>() => &bpf_perf_event_data
);

base_helpers!([] perf_event);
task_helpers!([] perf_event);

/// The event: where it hit and what was sampled.
#[repr(transparent)]
#[allow(non_camel_case_types)]
pub struct bpf_perf_event_data {
    kern: layout::bpf_perf_event_data_kern,
}

impl bpf_perf_event_data {
    fn sample(&self) -> *const perf_sample_data {
        self.kern.data.cast_const().cast()
    }

    /// The registers at the interrupted instruction.
    #[inline(always)]
    pub fn regs(&self) -> &PtRegs {
        unsafe { &*self.kern.regs.cast_const().cast() }
    }

    /// Events from one sample to the next.
    #[inline(always)]
    pub fn sample_period(&self) -> u64 {
        unsafe { (*self.sample()).period }
    }

    /// The address the event is about, or 0.
    #[inline(always)]
    pub fn addr(&self) -> u64 {
        unsafe { (*self.sample()).addr }
    }
}

impl perf_event {
    /// Reads the event's counter and the times, in nanoseconds, it was enabled and running. Errors: a negative errno.
    pub fn bpf_perf_prog_read_value(&self, ctx: &bpf_perf_event_data, buf: &mut bpf_perf_event_value) -> Result {
        let (ctx, size) = ((&raw const *ctx).cast(), size_of::<bpf_perf_event_value>() as u32);
        from_status(termination_check!(unsafe { ffi::bpf_perf_prog_read_value(ctx, buf, size) }))
    }

    /// The id of the interrupted stack in `map`. `flags`: frames to skip, `BPF_F_USER_STACK`, `BPF_F_FAST_STACK_CMP`.
    /// Errors: a negative errno, or `22` when the map is not loaded.
    pub fn bpf_get_stackid_pe<K, V: NoRef>(
        &self,
        ctx: &bpf_perf_event_data,
        map: &'static RexStackTrace<K, V>,
        flags: u64,
    ) -> Result {
        let Some(map) = map.kernel_map() else { return NOT_LOADED };
        let ctx = (&raw const *ctx).cast();
        from_status(termination_check!(unsafe { ffi::bpf_get_stackid_pe(ctx, map, flags) }))
    }
}
