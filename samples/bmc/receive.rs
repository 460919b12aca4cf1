//! What comes in: requests.

use crate::cache::{
    BMC_MAX_KEY_LENGTH, bmc_stats, hash_of, index_of, map_kcache, map_keys, map_stats,
};
use crate::{MEMCACHED_PORT, TCP_PAYLOAD, UDP_PAYLOAD};
use rex::spinlock::rex_spinlock_guard;
use rex::xdp::{XDP_DROP, XDP_PASS, XDP_TX, compute_ip_checksum, xdp, xdp_md};
use rex::{Result, rex_printk};

const PASS: Result = Ok(XDP_PASS as i32);
const GET: &[u8] = b"get ";
const SET: &[u8] = b"set ";
const END: &[u8] = b"END\r\n";

/// An error is the verdict.
type Attempt<T> = core::result::Result<T, i32>;

fn stats(obj: &xdp) -> Attempt<&'static mut bmc_stats> {
    obj.bpf_map_lookup_elem(&map_stats, &0)
        .ok_or(XDP_PASS as i32)
}

/// Makes the entry of every key that a TCP segment sets invalid.
pub fn invalidate(obj: &xdp, ctx: &mut xdp_md) -> Result {
    let port = u16::from_be(obj.tcp_header(ctx).dest);
    let payload = ctx.data_slice.get(TCP_PAYLOAD..).unwrap_or(&[]);
    if port != MEMCACHED_PORT || payload.len() < SET.len() {
        return PASS;
    }
    let stats = stats(obj)?;
    let sets = payload
        .windows(SET.len())
        .enumerate()
        .filter(|(_, window)| *window == SET);
    for (offset, _) in sets {
        stats.set_recv_count += 1;
        let key = payload[offset + SET.len()..]
            .iter()
            .take_while(|byte| **byte != b' ');
        let hash = hash_of(key);
        let index = index_of(hash);
        let Some(entry) = obj.bpf_map_lookup_elem(&map_kcache, &index) else {
            continue;
        };
        let _guard = rex_spinlock_guard::new(&mut entry.lock);
        if entry.cached.valid != 0 {
            stats.invalidation_count += 1;
            entry.cached.valid = 0;
        }
    }
    PASS
}

/// Answers a GET whose key is cached.
pub fn get(obj: &xdp, ctx: &mut xdp_md) -> Result {
    let port = u16::from_be(obj.udp_header(ctx).dest);
    let payload = &ctx.data_slice[UDP_PAYLOAD..];
    if port != MEMCACHED_PORT || !payload.starts_with(GET) {
        return PASS;
    }
    let stats = stats(obj)?;
    stats.get_recv_count += 1;
    match find_cached(obj, payload, stats)? {
        0 => PASS,
        _ => {
            turn_around(obj, ctx);
            write_reply(obj, ctx, stats)
        }
    }
}

/// Puts the keys of the request that are probably cached into `map_keys` and counts them. A key that neither a space nor
/// a carriage return ends before the packet does is an index out of bounds: the program panics.
fn find_cached(obj: &xdp, payload: &[u8], stats: &mut bmc_stats) -> Attempt<u32> {
    let mut offset = GET.len();
    while payload[offset] == b' ' {
        offset += 1;
    }
    let mut found = 0;
    loop {
        let mut length = 0;
        while length <= BMC_MAX_KEY_LENGTH && !matches!(payload[offset + length], b' ' | b'\r') {
            length += 1;
        }
        if length == 0 || length > BMC_MAX_KEY_LENGTH {
            return Err(XDP_PASS as i32);
        }
        let bytes = &payload[offset..offset + length];
        let hash = hash_of(bytes);
        if is_candidate(obj, hash) {
            let key = obj
                .bpf_map_lookup_elem(&map_keys, &found)
                .ok_or(XDP_PASS as i32)?;
            key.hash = hash;
            key.len = length as u64;
            key.data[..length].copy_from_slice(bytes);
            found += 1;
        } else {
            stats.miss_count += 1;
        }
        if payload[offset + length] == b'\r' {
            return Ok(found);
        }
        offset += length + 1;
    }
}

fn is_candidate(obj: &xdp, hash: u32) -> bool {
    let index = index_of(hash);
    let Some(entry) = obj.bpf_map_lookup_elem(&map_kcache, &index) else {
        return false;
    };
    let _guard = rex_spinlock_guard::new(&mut entry.lock);
    entry.cached.may_hold(hash)
}

/// The packet goes back to where it came from.
fn turn_around(obj: &xdp, ctx: &mut xdp_md) {
    let mut ethernet = obj.eth_header(ctx);
    (ethernet.h_source, ethernet.h_dest) = (ethernet.h_dest, ethernet.h_source);
    drop(ethernet);
    let mut ip = obj.ip_header(ctx);
    (ip.saddr, ip.daddr) = (ip.daddr, ip.saddr);
    drop(ip);
    let mut udp = obj.udp_header(ctx);
    (udp.source, udp.dest) = (udp.dest, udp.source);
}

/// Replaces the request by the reply to its first candidate. When the entry is another key's after all, the request goes
/// back as it came, as upstream has it.
fn write_reply(obj: &xdp, ctx: &mut xdp_md, stats: &mut bmc_stats) -> Result {
    let Some(key) = obj.bpf_map_lookup_elem(&map_keys, &0) else {
        return PASS;
    };
    let bytes = &key.data[..key.len as usize];
    let index = index_of(key.hash);
    let Some(entry) = obj.bpf_map_lookup_elem(&map_kcache, &index) else {
        return PASS;
    };
    let _guard = rex_spinlock_guard::new(&mut entry.lock);
    let cached = &entry.cached;
    if !cached.holds(key.hash, bytes) {
        if cached.may_hold(key.hash) {
            stats.hit_misprediction += 1;
        }
        stats.miss_count += 1;
        return Ok(XDP_TX as i32);
    }
    stats.hit_count += 1;

    let length = cached.len as usize;
    let growth = (length + END.len()) as i32 - (ctx.data_length() - UDP_PAYLOAD) as i32;
    if let Err(error) = obj.bpf_xdp_adjust_tail(ctx, growth) {
        rex_printk!("adjust rx packet tail failed: {error}\n")?;
        return Ok(XDP_DROP as i32);
    }
    let mut ip = obj.ip_header(ctx);
    ip.tot_len = lengthen(ip.tot_len, growth);
    ip.check = compute_ip_checksum(&mut ip);
    drop(ip);
    let mut udp = obj.udp_header(ctx);
    udp.len = lengthen(udp.len, growth);
    udp.check = 0;
    drop(udp);
    let (reply, end) = ctx.data_slice[UDP_PAYLOAD..].split_at_mut(length);
    reply.copy_from_slice(&cached.data[..length]);
    end.copy_from_slice(END);
    Ok(XDP_TX as i32)
}

/// A length in network order.
fn lengthen(length: u16, growth: i32) -> u16 {
    ((i32::from(u16::from_be(length)) + growth) as u16).to_be()
}
