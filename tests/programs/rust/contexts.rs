//! Programs of every type that write what they see of their context into a map.
#![no_std]
#![no_main]

use rex::kprobe::kprobe;
use rex::map::RexArrayMap;
use rex::perf_event::{bpf_perf_event_data, perf_event};
use rex::pt_regs::PtRegs;
use rex::sched_cls::{__sk_buff, TC_ACT_SHOT, sched_cls};
use rex::tracepoint::*;
use rex::xdp::{XDP_TX, ethhdr, iphdr, udphdr, xdp, xdp_md};
use rex::{Result, read_field, rex_kprobe, rex_map, rex_perf_event, rex_tc, rex_tracepoint, rex_uprobe, rex_xdp};

#[rex_map]
static SEEN: RexArrayMap<u64> = RexArrayMap::new(32, 0);

fn note(values: &[u64]) -> Result {
    for (index, value) in values.iter().enumerate() {
        SEEN.insert(&(index as u32), value)?;
    }
    Ok(0)
}

#[rex_kprobe(function = "just_return_func")]
fn on_kprobe(obj: &kprobe, ctx: &mut PtRegs) -> Result {
    note(&[
        ctx.r15(),
        ctx.r14(),
        ctx.r13(),
        ctx.r12(),
        ctx.rbp(),
        ctx.rbx(),
        ctx.r11(),
        ctx.r10(),
        ctx.r9(),
        ctx.r8(),
        ctx.rax(),
        ctx.rcx(),
        ctx.rdx(),
        ctx.rsi(),
        ctx.rdi(),
        ctx.orig_rax(),
        ctx.rip(),
        ctx.cs(),
        ctx.eflags(),
        ctx.rsp(),
        ctx.ss(),
    ])?;
    Ok(obj.bpf_override_return(ctx, 0x1234))
}

#[rex_uprobe(function = "/bin/true:main")]
fn on_uprobe(_obj: &kprobe, ctx: &mut PtRegs) -> Result {
    Ok(ctx.rdi() as i32)
}

#[rex_perf_event]
fn on_perf_event(_obj: &perf_event, ctx: &bpf_perf_event_data) -> Result {
    note(&[ctx.regs().rip(), ctx.sample_period(), ctx.addr()])
}

#[rex_xdp]
fn on_xdp(obj: &xdp, ctx: &mut xdp_md) -> Result {
    let protocol = read_field!(ctx.data_slice, size_of::<ethhdr>(), iphdr, protocol, u8);
    let destination = read_field!(ctx.data_slice, 34, udphdr, dest, u16);
    note(&[
        ctx.data_length() as u64,
        ctx.data_meta() as u64,
        u64::from(ctx.ingress_ifindex()),
        u64::from(ctx.rx_qeueu_index()),
        u64::from(ctx.egress_ifindex()),
        u64::from(protocol),
        u64::from(u16::from_be(destination)),
    ])?;
    let mut ethernet = obj.eth_header(ctx);
    (ethernet.h_source, ethernet.h_dest) = (ethernet.h_dest, ethernet.h_source);
    drop(ethernet);
    let mut ip = obj.ip_header(ctx);
    (ip.saddr, ip.daddr) = (ip.daddr, ip.saddr);
    drop(ip);
    let mut udp = obj.udp_header(ctx);
    udp.check = 0;
    Ok(XDP_TX as i32)
}

#[rex_tc]
fn on_tc(obj: &sched_cls, skb: &mut __sk_buff) -> Result {
    note(&[
        u64::from(skb.len()),
        u64::from(skb.data_len()),
        u64::from(u16::from(skb.protocol())),
        u64::from(skb.priority()),
        u64::from(skb.ifindex()),
        u64::from(skb.hash()),
        u64::from(skb.queue_mapping()),
        u64::from(skb.vlan_tci()),
        u64::from(u16::from(skb.vlan_proto())),
        skb.cb()[19] as u64,
        u64::from(skb.tc_index()),
        skb.data_slice.len() as u64,
        u64::from(skb.sk().skc_family),
        u64::from(skb.mark()),
        u64::from(u16::from_be(obj.tcp_header(skb).dest)),
    ])?;
    Ok(TC_ACT_SHOT as i32)
}

#[rex_tracepoint]
fn on_enter_open(_: &tracepoint<SyscallsEnterOpenCtx>, ctx: &'static SyscallsEnterOpenCtx) -> Result {
    note(&[ctx.syscall_nr, ctx.filename_ptr, ctx.flags, ctx.mode].map(i64::cast_unsigned))
}

#[rex_tracepoint]
fn on_enter_openat(_: &tracepoint<SyscallsEnterOpenatCtx>, ctx: &'static SyscallsEnterOpenatCtx) -> Result {
    note(&[ctx.syscall_nr, ctx.dfd, ctx.filename_ptr, ctx.flags, ctx.mode].map(i64::cast_unsigned))
}

#[rex_tracepoint]
fn on_exit_open(_: &tracepoint<SyscallsExitOpenCtx>, ctx: &'static SyscallsExitOpenCtx) -> Result {
    note(&[ctx.syscall_nr, ctx.ret].map(i64::cast_unsigned))
}

#[rex_tracepoint]
fn on_exit_openat(_: &tracepoint<SyscallsExitOpenatCtx>, ctx: &'static SyscallsExitOpenatCtx) -> Result {
    note(&[ctx.syscall_nr, ctx.ret].map(i64::cast_unsigned))
}

#[rex_tracepoint]
fn on_enter_dup(_: &tracepoint<SyscallsEnterDupCtx>, ctx: &'static SyscallsEnterDupCtx) -> Result {
    note(&[ctx.syscall_nr as u64, ctx.fildes])
}

#[rex_tracepoint]
fn on_raw_enter(_: &tracepoint<RawSyscallsEnterCtx>, ctx: &'static RawSyscallsEnterCtx) -> Result {
    note(&[ctx.id as u64, ctx.args[0], ctx.args[1], ctx.args[2], ctx.args[3], ctx.args[4], ctx.args[5]])
}

#[rex_tracepoint]
fn on_raw_exit(_: &tracepoint<RawSyscallsExitCtx>, ctx: &'static RawSyscallsExitCtx) -> Result {
    note(&[ctx.id, ctx.ret].map(i64::cast_unsigned))
}
