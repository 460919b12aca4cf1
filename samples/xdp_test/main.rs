//! Prints the addresses and the protocol of packets that come in and go out.
#![no_std]
#![no_main]

use core::net::Ipv4Addr;
use rex::sched_cls::{__sk_buff, TC_ACT_OK, sched_cls};
use rex::xdp::{IPPROTO_TCP, IPPROTO_UDP, XDP_PASS, iphdr, xdp, xdp_md};
use rex::{Result, rex_printk, rex_tc, rex_xdp};

/// The network's byte order read as the host's, as upstream prints it: 127.0.0.1 shows as 1.0.0.127.
fn print_addresses(header: &mut iphdr) -> Result {
    rex_printk!("IP saddr {}\n", Ipv4Addr::from(*header.saddr()))?;
    rex_printk!("IP daddr {}\n", Ipv4Addr::from(*header.daddr()))
}

#[rex_xdp]
fn xdp_rx_filter(obj: &xdp, ctx: &mut xdp_md) -> Result {
    let mut header = obj.ip_header(ctx);
    print_addresses(&mut header)?;
    match u32::from(header.protocol) {
        IPPROTO_TCP => rex_printk!("TCP packet!\n")?,
        IPPROTO_UDP => rex_printk!("UDP packet!\n")?,
        _ => 0,
    };
    Ok(XDP_PASS as i32)
}

#[rex_tc]
fn xdp_tx_filter(obj: &sched_cls, skb: &mut __sk_buff) -> Result {
    let mut header = obj.ip_header(skb);
    print_addresses(&mut header)?;
    if u32::from(header.protocol) == IPPROTO_UDP {
        rex_printk!("UDP packet!\n")?;
    }
    Ok(TC_ACT_OK as i32)
}
