/** gdb's threads: the tasks, and each processor that has none. */
import type { Box } from '../../box/box.ts';
import { pt_regs } from '../../kernel/layout/structures.ts';
import { userRegisters } from '../../kernel/process.ts';
import type { Task } from '../../kernel/task.ts';
import { printable } from '../../lib/printable.ts';
import type { Debugger, Rest } from '../types.ts';
import { Errno, PacketError } from './errors.ts';
import { ORIG_RAX, registerHex, registerRows, shownValue, valuesByName, type RegisterRow } from './registers.ts';
import { hexOfValue, xmlText } from './text.ts';

/** Thread numbers of idle processors: from here on; pids are below. */
const IDLE = 0x4000_0000;

export interface Thread {
  /** gdb's number: the pid, or IDLE and the processor's */
  readonly id: number;
  readonly task: Task | undefined;
  /** the processor that it is on */
  readonly cpu: number | undefined;
}

const cpuOf = ({ kernel }: Box, pid: number): number | undefined => {
  const index = kernel.perCpu.findIndex(({ current }) => current === pid);
  return index < 0 ? undefined : index;
};

export const threadOfRest = ({ pid, cpu }: Pick<Rest, 'pid' | 'cpu'>): number => (pid === 0 ? IDLE + cpu : pid);

/** Undefined for one that does not exist, or is dead. */
export function findThread(box: Box, id: number): Thread | undefined {
  const { kernel } = box;
  if (id >= IDLE) {
    const cpu = id - IDLE;
    return cpu < kernel.cpus.length ? { id, task: undefined, cpu } : undefined;
  }
  const task = kernel.tasks.get(id);
  return task === undefined ? undefined : { id, task, cpu: cpuOf(box, id) };
}

/** Those that live, in the order of their numbers; where execution rests is among them. */
export function allThreads({ box, rest }: Debugger): Thread[] {
  const { kernel } = box;
  const ids = [...kernel.tasks.values()].filter(({ state }) => state !== 'zombie').map(({ pid }) => pid);
  const idle = kernel.perCpu.flatMap(({ current }, cpu) => (current === 0 ? [IDLE + cpu] : []));
  const all = new Set([...ids, ...idle, threadOfRest(rest)]);
  return [...all].sort((left, right) => left - right).flatMap((id) => findThread(box, id) ?? []);
}

const stateTexts: Readonly<Record<Task['state'], string>> = {
  running: 'running',
  runnable: 'runnable',
  sleeping: 'sleeping',
  stopped: 'stopped',
  zombie: 'has exited',
};

export function threadName({ task, cpu }: Thread): string {
  return task === undefined ? `swapper/${cpu}` : printable(task.comm);
}

/** `userapp, CPU 0, in dup` */
export function threadText({ task, cpu }: Thread): string {
  if (task === undefined) return `CPU ${cpu} is idle`;
  const place = cpu === undefined ? stateTexts[task.state] : `on CPU ${cpu}`;
  return task.tgid === task.pid ? `process ${task.pid}, ${place}` : `thread ${task.pid} of ${task.tgid}, ${place}`;
}

/** The document of qXfer:threads:read. */
export function threadsDocument(threads: readonly Thread[]): string {
  const rows = threads.map((thread) => {
    const core = thread.cpu === undefined ? '' : ` core="${thread.cpu}"`;
    const name = xmlText(threadName(thread));
    return `<thread id="${thread.id.toString(16)}"${core} name="${name}">${xmlText(threadText(thread))}</thread>\n`;
  });
  return `<?xml version="1.0"?>\n<threads>\n${rows.join('')}</threads>\n`;
}

/** What the debugger calls it. */
export const whereOf = ({ task, cpu }: Thread): { readonly pid: number } | { readonly cpu: number } =>
  task === undefined ? { cpu: cpu! } : { pid: task.pid };

const noCall = 0xffff_ffff_ffff_ffffn;
const RPL = 3n;

/** orig_ax of its struct pt_regs while it is in the kernel. */
function systemCallNumber({ readMemory }: Debugger, task: Task | undefined, selector: bigint | undefined): bigint {
  if (task === undefined || selector === undefined || (selector & RPL) !== 0n) return noCall;
  const bytes = readMemory(userRegisters(task) + BigInt(pt_regs.fields.orig_ax.offset), 8);
  return bytes === undefined ? noCall : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

/** The values of all rows. */
export function threadValues(host: Debugger, thread: Thread): (row: RegisterRow) => bigint | undefined {
  const values = valuesByName(host.registers(whereOf(thread)));
  return (row) =>
    row.name === ORIG_RAX ? systemCallNumber(host, thread.task, values.get('cs')) : shownValue(row, values);
}

/** `g` */
export function allRegisters(host: Debugger, thread: Thread): string {
  const valueOf = threadValues(host, thread);
  return registerRows.map((row) => registerHex(row, valueOf(row))).join('');
}

const expedited = ['rip', 'rsp', 'rbp'];

/** The registers of a stop reply, which gdb needs in any case: `10:…;`. */
export function expeditedRegisters(host: Debugger, thread: Thread): string {
  const values = valuesByName(host.registers(whereOf(thread)));
  const rows = registerRows.flatMap((row, number) => (expedited.includes(row.name) ? [{ row, number }] : []));
  return rows
    .map(({ row, number }) => `${number.toString(16)}:${hexOfValue(values.get(row.name) ?? 0n, row.bits)};`)
    .join('');
}

/** @throws {PacketError} ESRCH */
export function requireThread(box: Box, id: number): Thread {
  const thread = findThread(box, id);
  if (thread !== undefined) return thread;
  throw new PacketError(Errno.ESRCH, `there is no thread ${id}`);
}
