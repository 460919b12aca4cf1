/** The kernel log, in Linux's format: `[    0.001234][    T1] text`. */
import type { Cpu } from '../cpu/cpu.ts';
import { now, type Kernel } from './kernel.ts';
import { formatTime } from './time.ts';

export interface LogRecord {
  /** guest time, ns */
  readonly time: bigint;
  /** the task that printed, or 0 */
  readonly pid: number;
  readonly text: string;
}

/** Records kept; the oldest go first. */
const LOG_CAPACITY = 16384;

/** One record a line. `cpu` is where it is printed, undefined during boot. */
export function printk(kernel: Kernel, cpu: Cpu | undefined, text: string): void {
  const time = cpu === undefined ? kernel.roundStart : now(kernel, cpu);
  const pid = cpu === undefined ? 0 : kernel.perCpu[cpu.index]!.current;
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const record = { time, pid, text: line };
    kernel.log.push(record);
    kernel.events.push({ type: 'log', text: formatLogRecord(record), time: Number(time) });
  }
  if (kernel.log.length > LOG_CAPACITY) kernel.log.splice(0, kernel.log.length - LOG_CAPACITY);
}

/** As `dmesg` shows it with CONFIG_PRINTK_TIME and CONFIG_PRINTK_CALLER. */
export function formatLogRecord({ time, pid, text }: LogRecord): string {
  return `[${formatTime(time)}][${`T${pid}`.padStart(6)}] ${text}`;
}
