//! What comes in.

use crate::maps::{
    QUORUM_BITSET_ENTRY, QUORUM_SIZE, STATE_NORMAL, map_configure, map_ctr_state, map_msg_last_op,
    map_prepare_buffer, map_quorum, paxos_ctr_state,
};
use crate::message::{
    FAST_PAXOS_DATA_LEN, FAST_PAXOS_PORT, Header, Kind, MAGIC, NONFRAG_MAGIC, TYPE, TYPE_LENGTH,
    fast_data, header, kind,
};
use rex::xdp::{
    IPPROTO_UDP, XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, compute_ip_checksum, xdp, xdp_md,
};
use rex::{Result, rex_printk};

const ABORTED: Result = Err(XDP_ABORTED as i32);
const DROP: Result = Ok(XDP_DROP as i32);
const PASS: Result = Ok(XDP_PASS as i32);
/// Bytes of a message that the process gets.
const MAX_DATA_LEN: usize = 64;
const MY_PREPARE_OK: &[u8] = b"specpaxos.vr.MyPrepareOK";

pub fn handle(obj: &xdp, ctx: &mut xdp_md) -> Result {
    if ctx.data_length() < MAGIC
        || u32::from(obj.ip_header(ctx).protocol) != IPPROTO_UDP
        || u16::from_be(obj.udp_header(ctx).dest) != FAST_PAXOS_PORT
    {
        return PASS;
    }
    let Header::Message { type_length, .. } = header(ctx.data_slice) else {
        return PASS;
    };
    rex_printk!("type_len: {type_length}\n")?;
    match kind(&ctx.data_slice[TYPE..TYPE + type_length]) {
        Kind::Prepare if cfg!(feature = "fast_reply") => prepare(obj, ctx, type_length),
        Kind::PrepareOk | Kind::MyPrepareOk if cfg!(feature = "fast_quorum_prune") => {
            prepare_ok(ctx, type_length)
        }
        _ => PASS,
    }
}

/// A backup's part: what follows the last operation is acknowledged here and handed to the process.
fn prepare(obj: &xdp, ctx: &mut xdp_md, type_length: usize) -> Result {
    let [view, operation, batch_start] = fast_data(ctx.data_slice, type_length);
    let Some(state) = map_ctr_state.get_mut(&0) else {
        return ABORTED;
    };
    if state.state != STATE_NORMAL || u64::from(view) < state.view {
        return DROP;
    }
    if u64::from(view) > state.view {
        return PASS;
    }
    if u64::from(operation) > state.last_op {
        if u64::from(batch_start) > state.last_op + 1 {
            return PASS;
        }
        hand_over(ctx, type_length)?;
        state.last_op = u64::from(operation);
        map_msg_last_op.insert(&0, &state.last_op)?;
    }
    acknowledge(obj, ctx, view, operation, state)
}

/// Copies the message's start, from the fast data on, into the ring buffer.
fn hand_over(ctx: &xdp_md, type_length: usize) -> Result {
    let Some(mut record) = map_prepare_buffer.reserve(MAX_DATA_LEN) else {
        return ABORTED;
    };
    record.fill(0);
    for (to, from) in record.iter_mut().zip(&ctx.data_slice[TYPE + type_length..]) {
        *to = *from;
    }
    record.submit(0);
    Ok(0)
}

/// Turns the packet into a reply to the leader.
fn acknowledge(
    obj: &xdp,
    ctx: &mut xdp_md,
    view: u32,
    operation: u32,
    state: &paxos_ctr_state,
) -> Result {
    let (my_idx, leader_idx) = (state.my_idx, state.leader_idx);
    let Some(leader) = map_configure.get_mut(&leader_idx) else {
        return ABORTED;
    };

    let length = TYPE + MY_PREPARE_OK.len() + FAST_PAXOS_DATA_LEN;
    obj.bpf_xdp_adjust_tail(ctx, length as i32 - ctx.data_length() as i32)
        .or(ABORTED)?;
    let numbers = [view, operation, my_idx].map(u32::to_le_bytes);
    let packet = &mut *ctx.data_slice;
    packet[MAGIC..TYPE_LENGTH].copy_from_slice(&NONFRAG_MAGIC);
    packet[TYPE_LENGTH..TYPE].copy_from_slice(&(MY_PREPARE_OK.len() as u64).to_le_bytes());
    packet[TYPE..TYPE + MY_PREPARE_OK.len()].copy_from_slice(MY_PREPARE_OK);
    packet[TYPE + MY_PREPARE_OK.len()..].copy_from_slice(numbers.as_flattened());

    let mut ethernet = obj.eth_header(ctx);
    (ethernet.h_source, ethernet.h_dest) = (ethernet.h_dest, leader.eth);
    drop(ethernet);
    let mut ip = obj.ip_header(ctx);
    (ip.saddr, ip.daddr) = (ip.daddr, leader.addr);
    ip.tot_len = ((length - 14) as u16).to_be();
    ip.check = compute_ip_checksum(&mut ip);
    drop(ip);
    let mut udp = obj.udp_header(ctx);
    (udp.source, udp.dest) = (udp.dest, leader.port);
    udp.len = ((length - 34) as u16).to_be();
    udp.check = 0;
    Ok(XDP_TX as i32)
}

/// The leader's part: only the acknowledgement that completes a quorum reaches the process.
fn prepare_ok(ctx: &xdp_md, type_length: usize) -> Result {
    let [view, operation, replica] = fast_data(ctx.data_slice, type_length);
    let index = operation & (QUORUM_BITSET_ENTRY - 1);
    let Some(quorum) = map_quorum.get_mut(&index) else {
        return PASS;
    };
    if quorum.view != view || quorum.opnum != operation || replica >= u32::BITS {
        return PASS;
    }
    quorum.bitset |= 1 << replica;
    // the leader itself is the one that is missing
    if quorum.bitset.count_ones() == QUORUM_SIZE - 1 {
        PASS
    } else {
        DROP
    }
}
