/** Records of samples, as perf_event_open(2) lays them out, and the body of read(2). */
import type { Cpu } from '../../cpu/cpu.ts';
import { now, type Kernel } from '../kernel.ts';
import { isUserMode, type PtRegs } from '../kprobe/pt-regs.ts';
import { constants } from '../layout/constants.ts';
import { kernelCallchain, userCallchain } from './callchain.ts';
import { AttributeFlag, CallchainContext, CpuMode, PerfRecord, ReadFormat, SampleType } from './constants.ts';
import { readCounter } from './counting.ts';
import { writeRecord } from './ring-buffer.ts';
import type { PerfEvent } from './types.ts';

const HEADER = 8;
/** a record's size is a u16 */
const LONGEST_RECORD = 0xffff;

/** What a sample is of. */
export interface Sample {
  /** the interrupted code; undefined where there is none */
  readonly regs: PtRegs | undefined;
  readonly period: number;
  readonly address: bigint;
  readonly raw: Uint8Array | undefined;
}

/** The values of read(2), and of PERF_SAMPLE_READ: in the order of read_format. */
export function readValues(kernel: Kernel, event: PerfEvent): bigint[] {
  const { readFormat } = event.attributes;
  const { count, enabled, running } = readCounter(kernel, event);
  const has = (bit: number): boolean => (readFormat & bit) !== 0;
  const times = [...(has(ReadFormat.timeEnabled) ? [enabled] : []), ...(has(ReadFormat.timeRunning) ? [running] : [])];
  const value = [count];
  const rest = [
    ...(has(ReadFormat.id) ? [BigInt(event.id)] : []),
    ...(has(ReadFormat.lost) ? [BigInt(event.lost)] : []),
  ];
  // PERF_FORMAT_GROUP: the event is its own group's only one
  return has(ReadFormat.group) ? [1n, ...times, ...value, ...rest] : [...value, ...times, ...rest];
}

function callchain(kernel: Kernel, cpu: Cpu, { attributes: { flags } }: PerfEvent, regs: PtRegs | undefined): bigint[] {
  const depth = constants.PERF_MAX_STACK_DEPTH;
  const kernelFrames =
    (flags & AttributeFlag.excludeCallchainKernel) === 0n ? kernelCallchain(kernel, cpu, regs, depth) : [];
  const userFrames = (flags & AttributeFlag.excludeCallchainUser) === 0n ? userCallchain(kernel, cpu, regs, depth) : [];
  return [
    ...(kernelFrames.length > 0 ? [CallchainContext.kernel, ...kernelFrames] : []),
    ...(userFrames.length > 0 ? [CallchainContext.user, ...userFrames] : []),
  ];
}

/** Two 32-bit numbers in 8 bytes. */
const pair = (low: number, high: number): bigint => BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);

function sampleWords(kernel: Kernel, cpu: Cpu, event: PerfEvent, sample: Sample): bigint[] {
  const { sampleType } = event.attributes;
  const { regs } = sample;
  const task = kernel.tasks.get(kernel.perCpu[cpu.index]!.current);
  const rows: readonly (readonly [bit: number, words: () => readonly bigint[]])[] = [
    [SampleType.identifier, () => [BigInt(event.id)]],
    [SampleType.ip, () => [regs?.ip ?? 0n]],
    [SampleType.tid, () => [pair(task?.tgid ?? 0, task?.pid ?? 0)]],
    [SampleType.time, () => [now(kernel, cpu)]],
    [SampleType.address, () => [sample.address]],
    [SampleType.id, () => [BigInt(event.id)]],
    [SampleType.streamId, () => [BigInt(event.id)]],
    [SampleType.cpu, () => [pair(cpu.index, 0)]],
    [SampleType.period, () => [BigInt(sample.period)]],
    [SampleType.read, () => readValues(kernel, event)],
    [
      SampleType.callchain,
      () => {
        const frames = callchain(kernel, cpu, event, regs);
        return [BigInt(frames.length), ...frames];
      },
    ],
  ];
  return rows.flatMap(([bit, words]) => ((sampleType & bit) === 0 ? [] : words()));
}

/** PERF_SAMPLE_RAW: a length, the bytes, and padding that the length counts. */
function rawField(raw: Uint8Array): Uint8Array {
  const total = Math.ceil((raw.length + 4) / 8) * 8;
  const field = new Uint8Array(total);
  new DataView(field.buffer).setUint32(0, total - 4, true);
  field.set(raw, 4);
  return field;
}

/** perf_event_output: one PERF_RECORD_SAMPLE. False when it is too long or has no room. */
export function outputSample(kernel: Kernel, cpu: Cpu, event: PerfEvent, sample: Sample): boolean {
  if (event.ring === undefined) return false;
  const words = sampleWords(kernel, cpu, event, sample);
  const wantsRaw = (event.attributes.sampleType & SampleType.raw) !== 0;
  const raw = wantsRaw ? rawField(sample.raw ?? new Uint8Array(0)) : new Uint8Array(0);
  const size = HEADER + words.length * 8 + raw.length;
  if (size > LONGEST_RECORD) return false;
  const record = new Uint8Array(size);
  const view = new DataView(record.buffer);
  view.setUint32(0, PerfRecord.sample, true);
  const user = sample.regs !== undefined && isUserMode(sample.regs.cs);
  view.setUint16(4, user ? CpuMode.user : CpuMode.kernel, true);
  view.setUint16(6, size, true);
  words.forEach((word, n) => view.setBigUint64(HEADER + n * 8, BigInt.asUintN(64, word), true));
  record.set(raw, HEADER + words.length * 8);
  return writeRecord(kernel, event, record);
}

/** perf_exclude_event: whether the event does not want samples of the mode that `regs` are of. */
export function isExcluded({ attributes: { flags } }: PerfEvent, regs: PtRegs | undefined): boolean {
  const user = regs !== undefined && isUserMode(regs.cs);
  return (flags & (user ? AttributeFlag.excludeUser : AttributeFlag.excludeKernel)) !== 0n;
}
