//! The maps, and how a key finds its entry.

use crate::UDP_PAYLOAD;
use rex::map::{RexArrayMap, RexPerCPUArrayMap};
use rex::rex_map;
use rex::spinlock::bpf_spin_lock;

pub const BMC_MAX_PACKET_LENGTH: usize = 1500;
pub const BMC_CACHE_ENTRY_COUNT: u32 = 3250000;
pub const BMC_MAX_KEY_LENGTH: usize = 230;
pub const BMC_MAX_VAL_LENGTH: usize = 1000;
/// `VALUE `, the separators and the numbers between the key and the value.
pub const BMC_MAX_ADDITIONAL_PAYLOAD_BYTES: usize = 53;
pub const BMC_MAX_CACHE_DATA_SIZE: usize =
    BMC_MAX_KEY_LENGTH + BMC_MAX_VAL_LENGTH + BMC_MAX_ADDITIONAL_PAYLOAD_BYTES;
pub const BMC_MAX_KEY_IN_PACKET: u32 = 30;

const FNV_OFFSET_BASIS_32: u32 = 2166136261;
const FNV_PRIME_32: u32 = 16777619;

const _: () = assert!(BMC_MAX_CACHE_DATA_SIZE + UDP_PAYLOAD <= BMC_MAX_PACKET_LENGTH);

#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct bmc_cache_entry {
    pub lock: bpf_spin_lock,
    pub cached: Cached,
}

/// `data` is a reply without its last line: `VALUE <key> <flags> <bytes>\r\n<value>\r\n`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Cached {
    pub len: u32,
    pub valid: u8,
    pub hash: u32,
    pub data: [u8; BMC_MAX_PACKET_LENGTH],
}

impl Cached {
    pub fn may_hold(&self, hash: u32) -> bool {
        self.valid == 1 && self.hash == hash
    }

    pub fn holds(&self, hash: u32, key: &[u8]) -> bool {
        let reply = &self.data[crate::transmit::VALUE.len()..];
        self.may_hold(hash) && reply.starts_with(key) && reply[key.len()] == b' '
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct memcached_key {
    pub hash: u32,
    pub data: [u8; BMC_MAX_KEY_LENGTH],
    pub len: u64,
}

/// The loader prints the counters in this order.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct bmc_stats {
    pub get_recv_count: u32,
    pub set_recv_count: u32,
    pub get_resp_count: u32,
    pub hit_misprediction: u32,
    pub hit_count: u32,
    pub miss_count: u32,
    pub update_count: u32,
    pub invalidation_count: u32,
    pub debug_count: u32,
}

#[allow(non_upper_case_globals)]
#[rex_map]
pub static map_kcache: RexArrayMap<bmc_cache_entry> = RexArrayMap::new(BMC_CACHE_ENTRY_COUNT, 0);

/// The keys of the request at hand that may be cached.
#[allow(non_upper_case_globals)]
#[rex_map]
pub static map_keys: RexPerCPUArrayMap<memcached_key> =
    RexPerCPUArrayMap::new(BMC_MAX_KEY_IN_PACKET, 0);

#[allow(non_upper_case_globals)]
#[rex_map]
pub static map_stats: RexPerCPUArrayMap<bmc_stats> = RexPerCPUArrayMap::new(1, 0);

/// FNV-1a.
pub fn hash_of<'a>(key: impl IntoIterator<Item = &'a u8>) -> u32 {
    key.into_iter().fold(FNV_OFFSET_BASIS_32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(FNV_PRIME_32)
    })
}

/// The index of the entry of a hash.
pub fn index_of(hash: u32) -> u32 {
    hash % BMC_CACHE_ENTRY_COUNT
}
