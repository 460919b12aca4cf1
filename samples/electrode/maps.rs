//! What the programs share with each other and with the replica's process.
#![allow(non_upper_case_globals, non_camel_case_types)]

use rex::map::{RexArrayMap, RexRingBuf};
use rex::rex_map;
use rex::spinlock::bpf_spin_lock;

pub const CLUSTER_SIZE: u32 = 3;
pub const FAST_REPLICA_MAX: u32 = 100;
pub const QUORUM_SIZE: u32 = 2;
pub const QUORUM_BITSET_ENTRY: u32 = 1024;
const RING_BUFFER_SIZE: u32 = 1 << 20;

/// `paxos_ctr_state::state` of a replica that takes part.
pub const STATE_NORMAL: i32 = 0;

/// Where a replica is; address and port in network order.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct paxos_configure {
    pub addr: u32,
    pub port: u16,
    pub eth: [u8; 6],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct paxos_ctr_state {
    pub state: i32,
    pub my_idx: u32,
    pub leader_idx: u32,
    pub batch_size: u32,
    pub view: u64,
    pub last_op: u64,
}

/// Which replicas have acknowledged an operation.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct paxos_quorum {
    pub view: u32,
    pub opnum: u32,
    pub bitset: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct paxos_batch {
    pub counter: u32,
    pub lock: bpf_spin_lock,
}

#[rex_map]
pub static map_configure: RexArrayMap<paxos_configure> = RexArrayMap::new(FAST_REPLICA_MAX, 0);

#[rex_map]
pub static map_ctr_state: RexArrayMap<paxos_ctr_state> = RexArrayMap::new(1, 0);

#[rex_map]
pub static map_msg_last_op: RexArrayMap<u64> = RexArrayMap::new(1, 0);

#[rex_map]
pub static map_quorum: RexArrayMap<paxos_quorum> = RexArrayMap::new(QUORUM_BITSET_ENTRY, 0);

/// The loader and the process know it; batches are made by the process.
#[rex_map]
pub static batch_context: RexArrayMap<paxos_batch> = RexArrayMap::new(1, 0);

/// The start of every Prepare message that a program acknowledged.
#[rex_map]
pub static map_prepare_buffer: RexRingBuf = RexRingBuf::new(RING_BUFFER_SIZE, 0);

#[rex_map]
pub static map_request_buffer: RexRingBuf = RexRingBuf::new(RING_BUFFER_SIZE, 0);
