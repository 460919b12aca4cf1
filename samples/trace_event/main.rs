//! Counts the stacks that samples of a perf event hit.
#![no_std]
#![no_main]

use rex::linux::bpf::{BPF_F_FAST_STACK_CMP, BPF_F_USER_STACK};
use rex::linux::perf_event::PERF_MAX_STACK_DEPTH;
use rex::map::{RexHashMap, RexStackTrace};
use rex::perf_event::{bpf_perf_event_data, bpf_perf_event_value, perf_event};
use rex::{Result, rex_map, rex_perf_event, rex_printk};

const TASK_COMM_LEN: usize = 16;
/// The loader's events are slower; what is faster comes from the time before its settings took effect.
const SHORTEST_PERIOD: u64 = 10000;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct KeyT {
    comm: [u8; TASK_COMM_LEN],
    kernstack: u32,
    userstack: u32,
}

#[allow(non_upper_case_globals)]
#[rex_map]
static counts: RexHashMap<KeyT, u64> = RexHashMap::new(10000, 0);

#[allow(non_upper_case_globals)]
#[rex_map]
static stackmap: RexStackTrace<u32, [u64; PERF_MAX_STACK_DEPTH as usize]> =
    RexStackTrace::new(10000, 0);

fn comm_of(obj: &perf_event) -> Option<[u8; TASK_COMM_LEN]> {
    let task = obj.bpf_get_current_task()?;
    let name = task.get_comm().ok()?.to_bytes();
    let mut comm = [0; TASK_COMM_LEN];
    comm[..name.len()].copy_from_slice(name);
    Some(comm)
}

fn stacks(obj: &perf_event, ctx: &bpf_perf_event_data) -> core::result::Result<(u32, u32), i32> {
    let flags = u64::from(BPF_F_FAST_STACK_CMP);
    let kernel = obj.bpf_get_stackid_pe(ctx, &stackmap, flags)?;
    let user = obj.bpf_get_stackid_pe(ctx, &stackmap, flags | u64::from(BPF_F_USER_STACK))?;
    Ok((kernel as u32, user as u32))
}

#[rex_perf_event]
fn rex_prog1(obj: &perf_event, ctx: &bpf_perf_event_data) -> Result {
    if ctx.sample_period() < SHORTEST_PERIOD {
        return Ok(0);
    }
    let comm = comm_of(obj).ok_or(0)?;
    let Ok((kernstack, userstack)) = stacks(obj, ctx) else {
        let cpu = obj.bpf_get_smp_processor_id();
        return rex_printk!(
            "CPU-{cpu} period {} ip {:x}\n",
            ctx.sample_period(),
            ctx.regs().rip()
        );
    };

    let mut value = bpf_perf_event_value {
        counter: 0,
        enabled: 0,
        running: 0,
    };
    match obj.bpf_perf_prog_read_value(ctx, &mut value) {
        Ok(_) => rex_printk!(
            "Time Enabled: {}, Time Running: {}\n",
            value.enabled,
            value.running
        )?,
        Err(error) => rex_printk!("Get Time Failed, ErrCode: {error}\n")?,
    };
    if ctx.addr() != 0 {
        rex_printk!("Address recorded on event: {:x}\n", ctx.addr())?;
    }

    let key = KeyT {
        comm,
        kernstack,
        userstack,
    };
    if let Some(count) = obj.bpf_map_lookup_elem(&counts, &key) {
        *count += 1;
        return Ok(0);
    }
    obj.bpf_map_update_elem(&counts, &key, &1, 0)
}
