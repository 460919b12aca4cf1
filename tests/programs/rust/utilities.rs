//! What the crate offers beside helpers, held against what it must give. A wrong value is a panic.
#![no_std]
#![no_main]

use core::fmt::Write;
use rex::kprobe::kprobe;
use rex::map::{RexHashMap, RexPerCPUArrayMap, RexPerfEventArray, RexRingBuf};
use rex::pt_regs::PtRegs;
use rex::task_struct::OwnedTaskStruct;
use rex::tracepoint::{SyscallsEnterDupCtx, tracepoint};
use rex::utils::{PerfEventMaskedCPU, convert_slice_to_struct, convert_slice_to_struct_mut, u16be};
use rex::xdp::{compute_ip_checksum, iphdr, tcphdr};
use rex::{Result, function_name, read_field, rex_kprobe, rex_map, rex_printk, rex_tracepoint, to_result};

#[repr(C)]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Pair {
    low: u32,
    high: u64,
}

#[rex_map]
static PAIRS: RexHashMap<u32, Pair> = RexHashMap::new(2, 0);

#[rex_map]
static RING: RexRingBuf = RexRingBuf::new(4096, 0);

#[rex_map]
static EVENTS: RexPerfEventArray<Pair> = RexPerfEventArray::new(4, 0);

#[rex_map]
static COUNTS: RexPerCPUArrayMap<u64> = RexPerCPUArrayMap::new(1, 0);

#[repr(C, align(8))]
struct Bytes([u8; 32]);

fn counting() -> Bytes {
    Bytes(core::array::from_fn(|index| index as u8))
}

#[rex_kprobe]
fn slices(_obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    let mut bytes = counting();
    for offset in [0, 1, 8, 13] {
        let pair = *convert_slice_to_struct::<Pair>(&bytes.0[offset..]);
        assert_eq!(pair.low, 0x03020100 + 0x01010101 * offset as u32, "at {offset}");
        assert_eq!(pair.high, 0x0f0e0d0c0b0a0908 + 0x0101010101010101 * offset as u64, "at {offset}");
        assert_eq!(read_field!(bytes.0, offset, Pair, high, u64), pair.high);
    }

    // unaligned: a copy, written back on drop
    let mut pair = convert_slice_to_struct_mut::<Pair>(&mut bytes.0[1..]);
    pair.low = 0xffff_ffff;
    assert_eq!(pair.low, 0xffff_ffff);
    drop(pair);
    assert_eq!(bytes.0[..6], [0, 0xff, 0xff, 0xff, 0xff, 5]);
    // aligned: the bytes themselves
    convert_slice_to_struct_mut::<Pair>(&mut bytes.0[8..]).high = 0;
    assert_eq!(bytes.0[15..25], [15, 0, 0, 0, 0, 0, 0, 0, 0, 24]);
    Ok(1)
}

#[rex_kprobe]
fn short_slice(_obj: &kprobe, ctx: &mut PtRegs) -> Result {
    let bytes = counting();
    let length = ctx.rdi() as usize;
    Ok(convert_slice_to_struct::<Pair>(&bytes.0[..length]).low as i32)
}

#[rex_kprobe]
fn numbers(_obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    assert_eq!(u16::from(u16be::from(0x1234)), 0x1234);
    assert_eq!(to_result!(-22i64), Err(-22));
    assert_eq!(to_result!(5i64), Ok(5));
    let mut header = iphdr {
        version_ihl: 0x45,
        tos: 0,
        tot_len: 0x73u16.to_be(),
        id: 0,
        frag_off: 0x4000u16.to_be(),
        ttl: 0x40,
        protocol: 0x11,
        check: 0xdead,
        saddr: 0xc0a8_0001u32.to_be(),
        daddr: 0xc0a8_00c7u32.to_be(),
    };
    // RFC 1071's sum over a header that is well known
    assert_eq!(compute_ip_checksum(&mut header).to_be(), 0xb861);
    assert_eq!((header.version(), header.ihl(), header.check), (4, 5, 0));
    *header.daddr() = 7;
    assert_eq!(header.daddr, 7);
    let tcp = tcphdr {
        source: 0,
        dest: 0,
        seq: 0,
        ack_seq: 0,
        doff_res: 0x50,
        tcp_flags: 0x12,
        window: 0,
        check: 0,
        urg_ptr: 0,
    };
    assert_eq!((tcp.doff(), tcp.syn(), tcp.ack(), tcp.fin(), tcp.rst()), (5, 1, 1, 0, 0));
    assert_eq!(function_name!(), "utilities::numbers");
    Ok(2)
}

#[rex_kprobe]
fn maps(obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    let (one, two) = (Pair { low: 1, high: 2 }, Pair { low: 3, high: 4 });
    assert_eq!(PAIRS.update(&1, &one), Err(-2));
    assert_eq!(PAIRS.insert(&1, &one), Ok(0));
    assert_eq!(PAIRS.insert_new(&1, &two), Err(-17));
    assert_eq!(PAIRS.update(&1, &two), Ok(0));
    PAIRS.get_mut(&1).unwrap().high = 9;
    assert_eq!(obj.bpf_map_lookup_elem(&PAIRS, &1).copied(), Some(Pair { low: 3, high: 9 }));
    assert_eq!(PAIRS.insert(&2, &one), Ok(0));
    assert_eq!(PAIRS.insert(&3, &one), Err(-7));
    assert_eq!(PAIRS.delete(&1), Ok(0));
    assert_eq!(PAIRS.delete(&1), Err(-2));
    assert_eq!(PAIRS.delete(&2), Ok(0));
    Ok(3)
}

#[rex_kprobe]
fn records(_obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    assert_eq!((RING.size(), RING.available_bytes()), (Some(4096), Some(0)));
    let mut record = RING.reserve(12).unwrap();
    assert_eq!(record.len(), 12);
    assert!(write!(record, "{}-{}", "abc", 1234567).is_ok());
    assert_eq!(&record[..], b"abc-1234567\0");
    assert!(record.write_str("x").is_err());
    record.submit(0);
    drop(RING.reserve(8).unwrap());
    RING.reserve(8).unwrap().discard(0);
    // 8 bytes of header each, rounded up to 8
    assert_eq!((RING.available_bytes(), RING.consumer_position()), (Some(56), Some(0)));
    assert_eq!(RING.output(&[1, 2, 3], 0), Ok(0));
    assert_eq!(RING.producer_position(), Some(72));
    assert!(RING.reserve(4096).is_none());
    Ok(4)
}

#[rex_kprobe]
fn tasks(obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    let current = obj.bpf_get_current_task().unwrap();
    let owned = OwnedTaskStruct::from_pid(current.get_pid()).unwrap();
    assert_eq!(owned.get_tgid(), current.get_tgid());
    assert_eq!(owned.get_comm(), current.get_comm());
    assert!(OwnedTaskStruct::from_pid(0x7fff_fff0).is_none());
    Ok(5)
}

/// More references than there are entries to clean up: the last one is given back at once, the others by the panic.
#[rex_kprobe]
fn too_many(obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    let pid = obj.bpf_get_current_task().unwrap().get_pid();
    let held: [Option<OwnedTaskStruct>; 65] = core::array::from_fn(|_| OwnedTaskStruct::from_pid(pid));
    Ok(held.len() as i32)
}

#[rex_kprobe]
fn prints(obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    rex_printk!("cpu {}\n", obj.bpf_get_smp_processor_id())?;
    assert_eq!(rex_printk!("{:1100}", 1), Err(-7));
    let mut text = [0; 16];
    assert_eq!(obj.bpf_snprintf(&mut text, "%d-%llx\0", &[7, 0xabcdef]), Ok(9));
    assert_eq!(&text[..9], b"7-abcdef\0");
    assert_eq!(obj.bpf_snprintf(&mut text, "%d", &[7]), Err(-22));
    assert!(obj.bpf_ktime_get_ns() >= obj.bpf_ktime_get_coarse_ns());
    Ok(6)
}

/// Nobody has put events into the array.
#[rex_tracepoint]
fn streams(obj: &tracepoint<SyscallsEnterDupCtx>, ctx: &'static SyscallsEnterDupCtx) -> Result {
    let pair = Pair { low: 1, high: 2 };
    assert_eq!(EVENTS.output(obj, ctx, &pair, PerfEventMaskedCPU::current_cpu()), Err(-2));
    assert_eq!(EVENTS.output(obj, ctx, &pair, PerfEventMaskedCPU::any_cpu(0x1_0000_0004)), Err(-7));
    let count = obj.bpf_map_lookup_elem(&COUNTS, &0).unwrap();
    *count += 7;
    Ok(*count as i32)
}
