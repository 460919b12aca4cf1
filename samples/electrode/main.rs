//! Parts of a Viewstamped Replication replica in front of the network stack: on reception a backup acknowledges Prepare
//! messages (feature `fast_reply`) and the leader drops acknowledgements it does not need (`fast_quorum_prune`); on the
//! way out one message becomes one for each replica.
#![no_std]
#![no_main]

mod broadcast;
mod maps;
mod message;
mod receive;

use rex::sched_cls::{__sk_buff, sched_cls};
use rex::xdp::{xdp, xdp_md};
use rex::{Result, rex_tc, rex_xdp};

#[rex_xdp]
fn fast_paxos_main(obj: &xdp, ctx: &mut xdp_md) -> Result {
    receive::handle(obj, ctx)
}

#[rex_tc]
fn fast_broad_cast_main(obj: &sched_cls, skb: &mut __sk_buff) -> Result {
    broadcast::handle(obj, skb)
}
