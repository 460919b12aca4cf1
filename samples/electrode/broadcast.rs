//! What goes out: a message with the broadcast bit goes to every replica but its sender.
//!
//! The program handles one replica at a time. The first letter of the type, `s` in every message, counts: a copy of the
//! packet that is to go to replica n carries n there, and comes through this program again.

use crate::maps::{CLUSTER_SIZE, map_configure, map_ctr_state};
use crate::message::{
    BROADCAST_SIGN_BIT, FAST_PAXOS_PORT, Header, MAGIC, TYPE, TYPE_LENGTH, header,
};
use rex::sched_cls::{
    __sk_buff, IPPROTO_UDP, TC_ACT_OK, TC_ACT_SHOT, compute_ip_checksum, sched_cls,
};
use rex::{Result, rex_printk};

const OK: Result = Ok(TC_ACT_OK as i32);
const SHOT: Result = Ok(TC_ACT_SHOT as i32);
/// How every type begins.
const TYPE_START: &[u8] = b"sp";

pub fn handle(obj: &sched_cls, skb: &mut __sk_buff) -> Result {
    if skb.data_slice.len() < MAGIC
        || u32::from(obj.ip_header(skb).protocol) != IPPROTO_UDP
        || u16::from_be(obj.udp_header(skb).dest) != FAST_PAXOS_PORT
    {
        return OK;
    }
    match header(skb.data_slice) {
        Header::Message {
            type_length,
            broadcast: true,
        } if type_length >= TYPE_START.len() => broadcast(obj, skb),
        Header::Message {
            broadcast: false, ..
        }
        | Header::Foreign => OK,
        _ => {
            rex_printk!("too small type_len\n")?;
            SHOT
        }
    }
}

fn broadcast(obj: &sched_cls, skb: &mut __sk_buff) -> Result {
    let leader = map_ctr_state
        .get_mut(&0)
        .map_or(0, |state| state.leader_idx);
    let skip_leader = |replica: u32| replica + u32::from(replica == leader);
    let replica = match skb.data_slice[TYPE] {
        b's' => skip_leader(0),
        count => u32::from(count),
    };
    let next = skip_leader(replica + 1);
    if next < CLUSTER_SIZE {
        skb.data_slice[TYPE] = next as u8;
        obj.bpf_clone_redirect(skb, skb.ifindex(), 0)?;
    }
    address(obj, skb, replica)
}

/// Makes the packet an ordinary message to `replica`.
fn address(obj: &sched_cls, skb: &mut __sk_buff, replica: u32) -> Result {
    let Some(receiver) = map_configure.get_mut(&replica) else {
        return SHOT;
    };
    let packet = &mut *skb.data_slice;
    packet[TYPE..TYPE + TYPE_START.len()].copy_from_slice(TYPE_START);
    // bit 31 of the length
    packet[TYPE_LENGTH + 3] &= !(BROADCAST_SIGN_BIT >> 24) as u8;
    obj.eth_header(skb).h_dest = receiver.eth;
    let mut ip = obj.ip_header(skb);
    *ip.daddr() = receiver.addr;
    ip.check = compute_ip_checksum(&mut ip);
    drop(ip);
    let mut udp = obj.udp_header(skb);
    udp.dest = receiver.port;
    udp.check = 0;
    OK
}
