//! A cache of memcached's values in front of the network stack: GETs over UDP are answered on reception, replies that
//! leave fill the cache, SETs over TCP invalidate it.
#![no_std]
#![no_main]

mod cache;
mod receive;
mod transmit;

use rex::sched_cls::{__sk_buff, sched_cls};
use rex::xdp::{IPPROTO_TCP, IPPROTO_UDP, XDP_PASS, ethhdr, iphdr, xdp, xdp_md};
use rex::{Result, read_field, rex_tc, rex_xdp};

pub const MEMCACHED_PORT: u16 = 11211;
/// Ethernet, IPv4, UDP and memcached's own header.
pub const UDP_PAYLOAD: usize = 14 + 20 + 8 + 8;
/// Ethernet, IPv4 and TCP, without options.
pub const TCP_PAYLOAD: usize = 14 + 20 + 20;

#[rex_xdp]
fn xdp_rx_filter(obj: &xdp, ctx: &mut xdp_md) -> Result {
    if ctx.data_length() < UDP_PAYLOAD {
        return Ok(XDP_PASS as i32);
    }
    match u32::from(read_field!(
        ctx.data_slice,
        size_of::<ethhdr>(),
        iphdr,
        protocol,
        u8
    )) {
        IPPROTO_TCP => receive::invalidate(obj, ctx),
        IPPROTO_UDP => receive::get(obj, ctx),
        _ => Ok(XDP_PASS as i32),
    }
}

#[rex_tc]
fn xdp_tx_filter(obj: &sched_cls, skb: &mut __sk_buff) -> Result {
    transmit::update(obj, skb)
}
