//! Counts how often files are opened and how often that returns.
#![no_std]
#![no_main]

use rex::map::RexArrayMap;
use rex::tracepoint::{
    SyscallsEnterOpenCtx, SyscallsEnterOpenatCtx, SyscallsExitOpenCtx, SyscallsExitOpenatCtx,
    TracepointContext, tracepoint,
};
use rex::{Result, rex_map, rex_tracepoint};

#[allow(non_upper_case_globals)]
#[rex_map]
static enter_open_map: RexArrayMap<u32> = RexArrayMap::new(1, 0);

#[allow(non_upper_case_globals)]
#[rex_map]
static exit_open_map: RexArrayMap<u32> = RexArrayMap::new(1, 0);

fn count<C: TracepointContext>(obj: &tracepoint<C>, map: &'static RexArrayMap<u32>) -> Result {
    match obj.bpf_map_lookup_elem(map, &0) {
        Some(value) => {
            *value = value.wrapping_add(1);
            Ok(0)
        }
        None => obj.bpf_map_update_elem(map, &0, &1, 0),
    }
}

#[rex_tracepoint]
pub fn trace_enter_open(
    obj: &tracepoint<SyscallsEnterOpenCtx>,
    _ctx: &'static SyscallsEnterOpenCtx,
) -> Result {
    count(obj, &enter_open_map)
}

#[rex_tracepoint]
pub fn trace_enter_open_at(
    obj: &tracepoint<SyscallsEnterOpenatCtx>,
    _ctx: &'static SyscallsEnterOpenatCtx,
) -> Result {
    count(obj, &enter_open_map)
}

#[rex_tracepoint]
pub fn trace_enter_exit(
    obj: &tracepoint<SyscallsExitOpenCtx>,
    _ctx: &'static SyscallsExitOpenCtx,
) -> Result {
    count(obj, &exit_open_map)
}

#[rex_tracepoint]
pub fn trace_enter_exit_at(
    obj: &tracepoint<SyscallsExitOpenatCtx>,
    _ctx: &'static SyscallsExitOpenatCtx,
) -> Result {
    count(obj, &exit_open_map)
}
