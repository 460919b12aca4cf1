//! What goes out: replies.

use crate::cache::{BMC_MAX_CACHE_DATA_SIZE, hash_of, index_of, map_kcache, map_stats};
use crate::{MEMCACHED_PORT, UDP_PAYLOAD};
use rex::Result;
use rex::sched_cls::{__sk_buff, IPPROTO_UDP, TC_ACT_OK, sched_cls};
use rex::spinlock::rex_spinlock_guard;

const OK: Result = Ok(TC_ACT_OK as i32);
pub const VALUE: &[u8] = b"VALUE ";

/// Puts the value of a reply into the cache.
pub fn update(obj: &sched_cls, skb: &mut __sk_buff) -> Result {
    if skb.data_slice.len() <= UDP_PAYLOAD || u32::from(obj.ip_header(skb).protocol) != IPPROTO_UDP
    {
        return OK;
    }
    let port = u16::from_be(obj.udp_header(skb).source);
    let payload = &skb.data_slice[UDP_PAYLOAD..];
    if port != MEMCACHED_PORT || !payload.starts_with(VALUE) {
        return OK;
    }
    let Some(stats) = obj.bpf_map_lookup_elem(&map_stats, &0) else {
        return OK;
    };
    stats.get_resp_count += 1;

    let Some(length) = payload[VALUE.len()..].iter().position(|byte| *byte == b' ') else {
        return OK;
    };
    let key = &payload[VALUE.len()..VALUE.len() + length];
    let hash = hash_of(key);
    let index = index_of(hash);
    let Some(entry) = obj.bpf_map_lookup_elem(&map_kcache, &index) else {
        return OK;
    };
    let _guard = rex_spinlock_guard::new(&mut entry.lock);
    let cached = &mut entry.cached;
    if cached.holds(hash, key) {
        return OK;
    }
    cached.valid = 0;
    let mut newlines = 0;
    let mut count = 0;
    for (to, from) in cached.data[..BMC_MAX_CACHE_DATA_SIZE]
        .iter_mut()
        .zip(payload)
    {
        *to = *from;
        count += 1;
        newlines += u32::from(*from == b'\n');
        if newlines == 2 {
            break;
        }
    }
    cached.len = count;
    if newlines == 2 {
        cached.valid = 1;
        cached.hash = hash;
        stats.update_count += 1;
    }
    OK
}
