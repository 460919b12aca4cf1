//! Programs that do not end by themselves: the watchdog or the stack check ends them.
#![no_std]
#![no_main]

use core::fmt::{self, Display, Formatter};
use core::hint::black_box;
use rex::Result;
use rex::kprobe::kprobe;
use rex::map::{RexArrayMap, RexHashMap};
use rex::pt_regs::PtRegs;
use rex::spinlock::{bpf_spin_lock, rex_spinlock_guard};
use rex::tracepoint::{SyscallsEnterDupCtx, tracepoint};
use rex::{rex_kprobe, rex_map, rex_tracepoint};

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

/// The same for every program type: the methods of `$obj` are its own.
macro_rules! misbehave {
    ($obj:ident) => {{
        let Some(pid) = $obj.bpf_get_current_task().map(|task| task.get_pid()) else {
            return Ok(0);
        };
        let Some(request) = $obj.bpf_map_lookup_elem(&pid_to_action, &pid).copied() else {
            return Ok(0);
        };
        let held = (request >> 8) as usize;
        let keys: [u32; LOCKS] = core::array::from_fn(|n| n as u32);
        let _guards: [Option<rex_spinlock_guard>; LOCKS] = core::array::from_fn(|n| {
            if n >= held {
                return None;
            }
            let cell = $obj.bpf_map_lookup_elem(&cells, &keys[n])?;
            let guard = rex_spinlock_guard::new(&mut cell.lock);
            cell.owner = pid;
            Some(guard)
        });
        match request & 0xff {
            LOOP => loop {
                black_box(pid);
            },
            HELPER_LOOP => loop {
                black_box($obj.bpf_map_lookup_elem(&pid_to_action, &-1).is_none());
            },
            OVERFLOW => Ok(descend(u64::MAX) as i32),
            PANIC => panic!("pid {pid} holds {held} locks"),
            ENDLESS_MESSAGE => panic!("{}", Matryoshka(u64::MAX)),
            _ => Ok(0),
        }
    }};
}

#[rex_kprobe]
pub fn endless(obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    misbehave!(obj)
}

#[rex_tracepoint]
pub fn endless_trace(obj: &tracepoint<SyscallsEnterDupCtx>, _ctx: &'static SyscallsEnterDupCtx) -> Result {
    misbehave!(obj)
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
