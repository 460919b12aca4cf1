/** rex_trace_printk: this CPU's rex_log_buf as an entry of the trace buffer. */
import type { Cpu } from '../../cpu/cpu.ts';
import { Flag } from '../../cpu/state.ts';
import { now, type Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { kernelString } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { perCpuAddress } from '../per-cpu.ts';
import { wake } from '../scheduler.ts';
import { formatTime } from '../time.ts';
import type { HelperRow } from './helper.ts';

/** Most entries kept, and how many of the oldest go at a time: a page of the ring buffer, as in kernel/trace/ring_buffer.c. */
const CAPACITY = 16384;
const ENTRIES_OF_PAGE = 64;

/** `comm-pid [cpu] flags seconds.micros: bpf_trace_printk: text`, kernel/trace/trace_output.c */
function formatEntry(kernel: Kernel, cpu: Cpu, text: string): string {
  const task = kernel.tasks.get(kernel.perCpu[cpu.index]!.current);
  const who = `${(task?.comm ?? '<idle>').padStart(16)}-${(task?.pid ?? 0).toString().padEnd(7)}`;
  // interrupts off, no reschedule, task context, preemption count, migration disabled
  const flags = `${(cpu.registers.rflags & Flag.IF) === 0n ? 'd' : '.'}...1`;
  const time = formatTime(now(kernel, cpu));
  return `${who} [${cpu.index.toString().padStart(3, '0')}] ${flags} ${time}: bpf_trace_printk: ${text}`;
}

/** trace_bpf_trace_printk: an entry of the trace buffer; who reads trace_pipe is woken. */
export function addTraceEntry(kernel: Kernel, cpu: Cpu, text: string): void {
  const { trace } = kernel.bpf;
  trace.push(formatEntry(kernel, cpu, text));
  if (trace.length > CAPACITY) trace.splice(0, ENTRIES_OF_PAGE);
  wake(kernel, 'trace');
}

const rexTracePrintk: NativeFunction = (kernel, cpu) => {
  const buffer = perCpuAddress(kernel, cpu.index, 'rex_log_buf');
  addTraceEntry(kernel, cpu, kernelString(kernel, buffer, constants.REX_LOG_BUF_SIZE - 1) ?? '');
  return undefined;
};

export const tracePrintkHelpers: readonly HelperRow[] = [
  {
    name: 'rex_trace_printk',
    prototype: 'void rex_trace_printk(void)',
    support: 'full',
    note: '',
    native: rexTracePrintk,
  },
];
