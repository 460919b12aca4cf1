//! Programs that do not end by themselves: the watchdog or the stack check ends them.
#![no_std]
#![no_main]

use core::fmt::{self, Display, Formatter};
use core::hint::black_box;
use rex::Result;
use rex::kprobe::kprobe;
use rex::map::{RexArrayMap, RexHashMap};
use rex::perf_event::{bpf_perf_event_data, perf_event};
use rex::pt_regs::PtRegs;
use rex::sched_cls::{__sk_buff, TC_ACT_OK, TC_ACT_SHOT, sched_cls};
use rex::spinlock::{bpf_spin_lock, rex_spinlock_guard};
use rex::tracepoint::{SyscallsEnterDupCtx, tracepoint};
use rex::xdp::{XDP_PASS, xdp, xdp_md};
use rex::{rex_kprobe, rex_map, rex_perf_event, rex_tc, rex_tracepoint, rex_xdp};

const LOOP: u64 = 1;
const HELPER_LOOP: u64 = 2;
const OVERFLOW: u64 = 3;
const PANIC: u64 = 4;
const ENDLESS_MESSAGE: u64 = 5;

/// One more than a program can hold resources.
const LOCKS: usize = 65;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct Cell {
    lock: bpf_spin_lock,
    owner: i32,
}

/// pid -> one of the numbers above, and from bit 8 on how many locks to hold meanwhile; other tasks are left alone.
#[allow(non_upper_case_globals)]
#[rex_map]
static pid_to_action: RexHashMap<i32, u64> = RexHashMap::new(64, 0);

#[allow(non_upper_case_globals)]
#[rex_map]
static cells: RexArrayMap<Cell> = RexArrayMap::new(LOCKS as u32, 0);

/// UDP port of packets that ask: behind the header is what `pid_to_action` has for a task.
const PORT: u16 = 4242;

/// The sender's port, and what it asks for.
fn request_of(packet: &[u8]) -> Option<(u16, u64)> {
    const UDP: u8 = 17;
    let ports = packet.get(34..38)?;
    if packet[23] != UDP || ports[2..] != PORT.to_be_bytes() {
        return None;
    }
    let request = packet.get(42..50)?.try_into().ok()?;
    Some((u16::from_be_bytes([ports[0], ports[1]]), u64::from_le_bytes(request)))
}

/// What the current task is to see.
macro_rules! misbehave_for_task {
    ($obj:ident) => {{
        let Some(pid) = $obj.bpf_get_current_task().map(|task| task.get_pid()) else {
            return Ok(0);
        };
        let Some(request) = $obj.bpf_map_lookup_elem(&pid_to_action, &pid).copied() else {
            return Ok(0);
        };
        misbehave!($obj, "pid", pid, request, 0)
    }};
}

/// The same for every program type: the methods of `$obj` are its own. `$done`: the result if it is not ended.
macro_rules! misbehave {
    ($obj:ident, $what:literal, $id:expr, $request:expr, $done:expr) => {{
        let (id, request): (i32, u64) = ($id, $request);
        let held = (request >> 8) as usize;
        let keys: [u32; LOCKS] = core::array::from_fn(|n| n as u32);
        let _guards: [Option<rex_spinlock_guard>; LOCKS] = core::array::from_fn(|n| {
            if n >= held {
                return None;
            }
            let cell = $obj.bpf_map_lookup_elem(&cells, &keys[n])?;
            let guard = rex_spinlock_guard::new(&mut cell.lock);
            cell.owner = id;
            Some(guard)
        });
        match request & 0xff {
            LOOP => loop {
                black_box(id);
            },
            HELPER_LOOP => loop {
                black_box($obj.bpf_map_lookup_elem(&pid_to_action, &-1).is_none());
            },
            OVERFLOW => Ok(descend(u64::MAX) as i32),
            PANIC => panic!("{} {id} holds {held} locks", $what),
            ENDLESS_MESSAGE => panic!("{}", Matryoshka(u64::MAX)),
            _ => Ok($done),
        }
    }};
}

#[rex_kprobe]
pub fn endless(obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    misbehave_for_task!(obj)
}

#[rex_tracepoint]
pub fn endless_trace(obj: &tracepoint<SyscallsEnterDupCtx>, _ctx: &'static SyscallsEnterDupCtx) -> Result {
    misbehave_for_task!(obj)
}

#[rex_perf_event]
pub fn endless_sample(obj: &perf_event, _ctx: &bpf_perf_event_data) -> Result {
    misbehave_for_task!(obj)
}

#[rex_xdp]
pub fn endless_xdp(obj: &xdp, ctx: &mut xdp_md) -> Result {
    match request_of(ctx.data_slice) {
        Some((port, request)) => misbehave!(obj, "port", i32::from(port), request, XDP_PASS as i32),
        None => Ok(XDP_PASS as i32),
    }
}

/// Drops what it is not ended for.
#[rex_tc]
pub fn endless_tc(obj: &sched_cls, skb: &mut __sk_buff) -> Result {
    match request_of(skb.data_slice) {
        Some((port, request)) => misbehave!(obj, "port", i32::from(port), request, TC_ACT_SHOT as i32),
        None => Ok(TC_ACT_OK as i32),
    }
}

/// Its text takes more stack than there is, and the panic handler is to write it.
struct Matryoshka(u64);

impl Display for Matryoshka {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            inner => write!(f, "({})", Matryoshka(inner - 1)),
        }
    }
}

/// Recurses as good as for ever; what follows the call keeps it from becoming a loop.
#[inline(never)]
fn descend(left: u64) -> u64 {
    let frame = black_box([left; 16]);
    if left == 0 { 0 } else { descend(left - 1) ^ frame[3] }
}
