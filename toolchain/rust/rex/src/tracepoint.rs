//! Programs that run at a tracepoint of the kernel.

use crate::base_helpers::{base_helpers, task_helpers};
use crate::helpers::NOT_LOADED;
use crate::layout::BPF_PROG_TYPE_TRACEPOINT;
use crate::map::RexPerfEventArray;
use crate::program::{check_object, define_prog_entry};
use crate::result::{flatten, from_status};
use crate::termination::termination_check;
use crate::utils::{NoRef, PerfEventMaskedCPU, PerfEventStreamer};
use crate::{Result, ffi};

mod contexts;
pub use contexts::*;

pub(crate) mod sealed {
    pub trait Context {}
}

/// The records of tracepoints, in the kernel's layout; the rows are in kernel/layout/tracing.ts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is the context of no known tracepoint",
    note = "a new one is a row in kernel/layout/tracing.ts"
)]
pub trait TracepointContext: sealed::Context + 'static {}

/// The program object of a tracepoint program. The kernel's context is the tracepoint's record, whose first 8 bytes
/// are the kernel's.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct tracepoint<C: TracepointContext> {
    rtti: u64,
    prog: fn(&Self, &'static C) -> Result,
    name: &'static str,
}

check_object!(tracepoint<RawSyscallsEnterCtx>);

impl<C: TracepointContext> tracepoint<C> {
    /// `#[rex_tracepoint]` calls it.
    pub const fn new(prog: fn(&Self, &'static C) -> Result, name: &'static str) -> Self {
        Self { rtti: BPF_PROG_TYPE_TRACEPOINT as u64, prog, name }
    }

    /// The object of a program whose attribute wrote the entry as well.
    #[doc(hidden)]
    pub const fn entered() -> Self {
        Self::new(|_, _| Ok(0), "")
    }

    /// The program's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

base_helpers!([C: TracepointContext] tracepoint<C>);
task_helpers!([C: TracepointContext] tracepoint<C>);

/// Calls `prog` with the kernel's context; the result is what the kernel receives.
///
/// # Safety
/// `ctx` is a record of `C`'s tracepoint.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn run<C: TracepointContext>(
    obj: &tracepoint<C>,
    ctx: *mut (),
    prog: impl FnOnce(&tracepoint<C>, &'static C) -> Result,
) -> u32 {
    flatten(prog(obj, unsafe { &*ctx.cast_const().cast() }))
}

/// Stands for every context: functions of thin references have one ABI.
type AnyTracepoint = tracepoint<RawSyscallsEnterCtx>;

unsafe extern "C" fn prog_run(obj: &AnyTracepoint, ctx: *mut ()) -> u32 {
    unsafe { run(obj, ctx, obj.prog) }
}

define_prog_entry!(__rex_entry_tracepoint, &AnyTracepoint, prog_run);

impl<C: TracepointContext> crate::utils::sealed::Streamer for tracepoint<C> {}

impl<C: TracepointContext> PerfEventStreamer for tracepoint<C> {
    type Context = C;

    fn output_event<V: NoRef>(
        &self,
        ctx: &C,
        map: &'static RexPerfEventArray<V>,
        data: &V,
        cpu: PerfEventMaskedCPU,
    ) -> Result {
        let Some(map) = map.kernel_map() else { return NOT_LOADED };
        let (ctx, data) = ((&raw const *ctx).cast(), (&raw const *data).cast());
        from_status(termination_check!(unsafe {
            ffi::bpf_perf_event_output_tp(ctx, map, cpu.masked_cpu(), data, size_of::<V>() as u64)
        }))
    }
}
