/** The bodies behind perf_64.S and trace_64.S. What makes no sense is ignored: structures may have been overwritten. */
import type { Cpu } from '../../cpu/cpu.ts';
import { now, type Kernel } from '../kernel.ts';
import { readPtRegs } from '../kprobe/pt-regs.ts';
import { programAt } from '../bpf/programs.ts';
import type { BpfProgram } from '../bpf/types.ts';
import { perf_sample_data } from '../layout/structures.ts';
import { readStructure } from '../layout/read-structure.ts';
import { writeStructure } from '../layout/write-structure.ts';
import { readKernel, writeKernel } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { constants } from '../layout/constants.ts';
import { later } from '../time.ts';
import { countHit, counts, disablePmu, enablePmu } from './counting.ts';
import { eventAt, programOfCall, programsOfCall } from './events.ts';
import { isExcluded, outputSample } from './output.ts';

const RDX = 2;
const RSI = 6;
const RDI = 7;

/** rdi: the call, rsi: how many programs have run. rax <- the next one's bpf_prog or 0, rdx <- its function. */
const bpf_prog_array_next: NativeFunction = (kernel, { slots, words }) => {
  const program = programOfCall(kernel, slots[RDI]!, words[RSI * 2]! >>> 0);
  if (program === undefined) return 0n;
  program.runs++;
  slots[RDX] = program.function;
  return program.address;
};

const bpf_prog_inc_misses: NativeFunction = (kernel, { registers }) => {
  for (const program of programsOfCall(kernel, registers.rdi)) program.misses++;
  return undefined;
};

const sched_clock: NativeFunction = (kernel, cpu) => now(kernel, cpu);

/** rdi: struct bpf_prog *, rsi: sched_clock when it began. */
const update_prog_stats: NativeFunction = (kernel, cpu) => {
  const program = programAt(kernel, cpu.registers.rdi);
  if (program === undefined) return undefined;
  program.statistics.count++;
  program.statistics.nanoseconds += Number(later(now(kernel, cpu) - cpu.registers.rsi, 0n));
  return undefined;
};

const perf_pmu_disable: NativeFunction = (kernel, cpu) => {
  disablePmu(kernel, cpu);
  return undefined;
};

const perf_pmu_enable: NativeFunction = (kernel, cpu) => {
  enablePmu(kernel, cpu);
  return undefined;
};

/** rdi: where the sample's fields go, rsi: pt_regs. rax <- struct perf_event * or 0. */
const perf_event_next_overflow: NativeFunction = (kernel, cpu) => {
  const pending = kernel.perf.overflows[cpu.index]!;
  const regs = readPtRegs(kernel, cpu.registers.rsi);
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
    const event = kernel.bpf.events.get(next.event);
    if (event === undefined || !event.enabled || isExcluded(event, regs)) continue;
    const task = kernel.tasks.get(kernel.perCpu[cpu.index]!.current);
    const bytes = writeStructure(perf_sample_data, {
      period: next.period,
      type: event.attributes.sampleType,
      pid: task?.tgid ?? 0,
      tid: task?.pid ?? 0,
      time: now(kernel, cpu),
      id: event.id,
      cpu: cpu.index,
      ip: regs?.ip ?? 0n,
      addr: next.address,
    });
    writeKernel(kernel, cpu.registers.rdi, bytes);
    return event.address;
  }
  return 0n;
};

function programOfEvent(kernel: Kernel, address: bigint): BpfProgram | undefined {
  return kernel.bpf.programs.get(eventAt(kernel, address)?.program ?? 0);
}

/** rdi: struct perf_event *. rax <- its bpf_prog or 0, rdx <- the function. */
const perf_event_bpf_prog: NativeFunction = (kernel, { registers }) => {
  const program = programOfEvent(kernel, registers.rdi);
  if (program === undefined) return 0n;
  program.runs++;
  registers.rdx = program.function;
  return program.address;
};

const perf_event_inc_misses: NativeFunction = (kernel, { registers }) => {
  const program = programOfEvent(kernel, registers.rdi);
  if (program !== undefined) program.misses++;
  return undefined;
};

/** rdi: struct perf_event *, rsi: perf_sample_data *, rdx: pt_regs. */
const perf_event_output: NativeFunction = (kernel, cpu) => {
  const { rdi, rsi, rdx } = cpu.registers;
  const event = eventAt(kernel, rdi);
  const bytes = readKernel(kernel, rsi, perf_sample_data.size);
  if (event === undefined || bytes === undefined) return undefined;
  const data = readStructure(bytes, perf_sample_data);
  const sample = { period: Number(data.wide('period')), address: data.wide('addr'), raw: undefined };
  outputSample(kernel, cpu, event, { ...sample, regs: readPtRegs(kernel, rdx) });
  return undefined;
};

/** TRACE_FLAG_IRQS_OFF is not told: struct trace_entry of the current task. */
function writeHeader(kernel: Kernel, cpu: Cpu, record: Uint8Array, id: number): void {
  const view = new DataView(record.buffer);
  view.setUint32(0, id & 0xffff, true);
  view.setInt32(4, kernel.perCpu[cpu.index]!.current, true);
}

/** rdi: the record, rsi: struct trace_event_call *, rdx: pt_regs, ecx: bytes. Counts it, and writes it where it is sampled. */
const perf_tp_event: NativeFunction = (kernel, cpu) => {
  const { rdi, rsi, rdx, rcx } = cpu.registers;
  const pid = kernel.perCpu[cpu.index]!.current;
  for (const id of kernel.perf.calls.get(rsi) ?? []) {
    const event = kernel.bpf.events.get(id);
    if (event === undefined || !counts(event, cpu.index, pid)) continue;
    const regs = readPtRegs(kernel, rdx);
    if (isExcluded(event, regs) || !countHit(kernel, cpu, event, pid)) continue;
    const size = Math.min(Number(BigInt.asUintN(32, rcx)), constants.TRACE_RECORD_SIZE);
    const raw = readKernel(kernel, rdi, size);
    if (raw === undefined || raw.length < 8) continue;
    writeHeader(kernel, cpu, raw, Number(event.attributes.config));
    outputSample(kernel, cpu, event, { regs, period: event.period, address: 0n, raw });
  }
  return undefined;
};

export const perfNatives: Record<string, NativeFunction> = {
  bpf_prog_array_next,
  bpf_prog_inc_misses,
  sched_clock,
  update_prog_stats,
  perf_pmu_disable,
  perf_pmu_enable,
  perf_event_next_overflow,
  perf_event_bpf_prog,
  perf_event_inc_misses,
  perf_event_output,
  perf_tp_event,
};
