//! A program of every section, which count their runs; those of dup tell user space more: records in ring buffers, and
//! samples in a perf event array.
#![no_std]
#![no_main]

use rex::kprobe::kprobe;
use rex::map::{RexArrayMap, RexHashMap, RexPerCPUArrayMap, RexPerfEventArray, RexRingBuf};
use rex::perf_event::{bpf_perf_event_data, perf_event};
use rex::pt_regs::PtRegs;
use rex::sched_cls::{__sk_buff, TC_ACT_OK, sched_cls};
use rex::tracepoint::*;
use rex::utils::{PerfEventMaskedCPU, PerfEventStreamer};
use rex::xdp::{XDP_PASS, xdp, xdp_md};
use rex::{Result, rex_kprobe, rex_map, rex_perf_event, rex_tc, rex_tracepoint, rex_xdp};

#[rex_map]
static RUNS: RexArrayMap<u64> = RexArrayMap::new(8, 0);
#[rex_map]
static PER_CPU: RexPerCPUArrayMap<u64> = RexPerCPUArrayMap::new(2, 0);
#[rex_map]
static NUMBERS: RexHashMap<u32, u64> = RexHashMap::new(4, 0);
#[rex_map]
static ODD: RexRingBuf = RexRingBuf::new(4096, 0);
#[rex_map]
static EVEN: RexRingBuf = RexRingBuf::new(4096, 0);
#[rex_map]
static SAMPLES: RexPerfEventArray<[u64; 3]> = RexPerfEventArray::new(8, 0);

fn count(index: u32) {
    if let Some(runs) = RUNS.get_mut(&index) {
        *runs += 1;
    }
}

/// A record of the descriptor and its complement; of 777 one that is thrown away.
#[rex_tracepoint]
fn to_rings(_: &tracepoint<SyscallsEnterDupCtx>, ctx: &'static SyscallsEnterDupCtx) -> Result {
    count(0);
    let ring = if ctx.fildes & 1 == 1 { &ODD } else { &EVEN };
    let Some(mut record) = ring.reserve(16) else { return Ok(0) };
    record[..8].copy_from_slice(&ctx.fildes.to_le_bytes());
    record[8..].copy_from_slice(&(!ctx.fildes).to_le_bytes());
    if ctx.fildes == 777 {
        record.discard(0);
    } else {
        record.submit(0);
    }
    Ok(0)
}

/// A sample of the descriptor for this CPU's event, or of dup(1000 + n) for the event of CPU n.
#[rex_tracepoint]
fn to_events(obj: &tracepoint<SyscallsEnterDupCtx>, ctx: &'static SyscallsEnterDupCtx) -> Result {
    let cpu = match ctx.fildes {
        1000..1100 => PerfEventMaskedCPU::any_cpu(ctx.fildes - 1000),
        _ => PerfEventMaskedCPU::current_cpu(),
    };
    let sample = [ctx.fildes, u64::from(obj.bpf_get_smp_processor_id().cast_unsigned()), 0x5eed];
    if obj.output_event(ctx, &SAMPLES, &sample, cpu).is_err() {
        count(1);
    }
    Ok(0)
}

#[rex_kprobe(function = "__x64_sys_getpid")]
fn on_getpid(obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    count(2);
    if let Some(runs) = obj.bpf_map_lookup_elem(&PER_CPU, &0) {
        *runs += 1;
    }
    Ok(1)
}

#[rex_kprobe]
fn on_anything(_obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    count(3);
    Ok(1)
}

#[rex_perf_event]
fn on_sample(_obj: &perf_event, _ctx: &bpf_perf_event_data) -> Result {
    count(4);
    Ok(0)
}

#[rex_xdp]
fn on_frame(_obj: &xdp, _ctx: &mut xdp_md) -> Result {
    count(5);
    Ok(XDP_PASS as i32)
}

#[rex_xdp]
fn on_frame_too(_obj: &xdp, _ctx: &mut xdp_md) -> Result {
    count(6);
    Ok(XDP_PASS as i32)
}

#[rex_tc]
fn on_packet(_obj: &sched_cls, _skb: &mut __sk_buff) -> Result {
    count(7);
    NUMBERS.insert(&1, &1)?;
    Ok(TC_ACT_OK as i32)
}
