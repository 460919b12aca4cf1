/** Records of the scheduler's tracepoints: include/trace/events/sched.h. They wait for irq_work; see sched_64.S. */
import type { Cpu } from '../../cpu/cpu.ts';
import { IRQ_WORK_VECTOR } from '../entry/vectors.ts';
import { latin1Bytes } from '../fs/bytes.ts';
import { currentTask, type Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { writeKernel } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { lookupName } from '../symbols.ts';
import type { Task } from '../task.ts';
import { HEADER } from './events.ts';

/** every task's: MAX_PRIO - 20 */
const PRIORITY = 120;
const COMM = 16;
/** records that wait on one CPU; more are lost */
const MAX_PENDING = 64;
/** prev_state: TASK_RUNNING, TASK_INTERRUPTIBLE, EXIT_DEAD */
const States: Readonly<Partial<Record<Task['state'], number>>> = {
  runnable: 0,
  running: 0,
  sleeping: 1,
  stopped: 4,
  zombie: 16,
};

type Value = { readonly text: string; readonly size: number } | { readonly number: number; readonly size: 4 | 8 };

const comm = (text: string): Value => ({ text, size: COMM });
const int = (number: number): Value => ({ number, size: 4 });
const long = (number: number): Value => ({ number, size: 8 });

/** The fields behind an empty header, each naturally aligned, as `events.ts` places them. */
function recordOf(values: readonly Value[]): Uint8Array {
  const bytes = new Uint8Array(constants.TRACE_RECORD_SIZE);
  const view = new DataView(bytes.buffer);
  let end = HEADER;
  for (const value of values) {
    if ('text' in value) {
      bytes.set(latin1Bytes(value.text).subarray(0, value.size - 1), end);
      end += value.size;
      continue;
    }
    end = Math.ceil(end / value.size) * value.size;
    if (value.size === 4) view.setInt32(end, value.number, true);
    else view.setBigInt64(end, BigInt(value.number), true);
    end += value.size;
  }
  return bytes.slice(0, Math.ceil(end / 8) * 8);
}

const callOf = (kernel: Kernel, name: string): bigint => lookupName(kernel.symbols, `event_${name}`);

/** Whether somebody has opened the tracepoint. */
function isOpen(kernel: Kernel, name: string): boolean {
  return kernel.perf.calls.size > 0 && kernel.perf.calls.has(callOf(kernel, name));
}

/** irq_work_queue: the handler runs as soon as CPU `index` takes interrupts. */
function queue(kernel: Kernel, index: number, name: string, bytes: Uint8Array): void {
  const records = kernel.perf.records[index]!;
  if (records.length >= MAX_PENDING) return;
  records.push({ call: callOf(kernel, name), bytes });
  const { pendingInterrupts } = kernel.cpus[index]!;
  if (!pendingInterrupts.includes(IRQ_WORK_VECTOR)) pendingInterrupts.push(IRQ_WORK_VECTOR);
}

/** `task` has left `cpu`: what the next switch calls prev. */
export function noteSwitchOut(kernel: Kernel, cpu: Cpu, task: Task): void {
  if (!isOpen(kernel, 'sched_switch')) return;
  kernel.perf.left[cpu.index] = { pid: task.pid, comm: task.comm, state: States[task.state] ?? 0 };
}

type Side = { readonly pid: number; readonly comm: string; readonly state: number };

const idle = (cpu: Cpu): Side => ({ pid: 0, comm: `swapper/${cpu.index}`, state: 0 });

function queueSwitch(kernel: Kernel, cpu: Cpu, prev: Side, next: Omit<Side, 'state'>): void {
  const before = [comm(prev.comm), int(prev.pid), int(PRIORITY), long(prev.state)];
  const bytes = recordOf([...before, comm(next.comm), int(next.pid), int(PRIORITY)]);
  queue(kernel, cpu.index, 'sched_switch', bytes);
}

/** `task` has come onto `cpu`, from another task or from idling. */
export function traceSwitch(kernel: Kernel, cpu: Cpu, task: Task): void {
  if (!isOpen(kernel, 'sched_switch')) return;
  const prev = kernel.perf.left[cpu.index] ?? idle(cpu);
  kernel.perf.left[cpu.index] = undefined;
  if (prev.pid !== task.pid) queueSwitch(kernel, cpu, prev, task);
}

/** Nobody comes after the task that has left `cpu`. */
export function traceIdle(kernel: Kernel, cpu: Cpu): void {
  const prev = kernel.perf.left[cpu.index];
  if (prev === undefined) return;
  kernel.perf.left[cpu.index] = undefined;
  if (isOpen(kernel, 'sched_switch')) queueSwitch(kernel, cpu, prev, idle(cpu));
}

export function traceFork(kernel: Kernel, cpu: Cpu, parent: Task, child: Task): void {
  if (!isOpen(kernel, 'sched_process_fork')) return;
  const bytes = recordOf([comm(parent.comm), int(parent.pid), comm(child.comm), int(child.pid)]);
  queue(kernel, cpu.index, 'sched_process_fork', bytes);
}

/** header, __data_loc, pid, old_pid */
const FILENAME = 20;

export function traceExec(kernel: Kernel, cpu: Cpu, task: Task, path: string): void {
  if (!isOpen(kernel, 'sched_process_exec')) return;
  const name = latin1Bytes(path).subarray(0, constants.TRACE_RECORD_SIZE - FILENAME - 8);
  const location = ((name.length + 1) << 16) | FILENAME;
  const fixed = recordOf([int(location), int(task.pid), int(task.pid)]);
  const bytes = new Uint8Array(Math.ceil((FILENAME + name.length + 1) / 8) * 8);
  bytes.set(fixed.subarray(0, FILENAME));
  bytes.set(name, FILENAME);
  queue(kernel, cpu.index, 'sched_process_exec', bytes);
}

/** A sleeping task has become runnable; on which CPU it will run is not known yet: the one it woke on is told. */
export function traceWakeup(kernel: Kernel, task: Task): void {
  if (!isOpen(kernel, 'sched_wakeup')) return;
  const bytes = recordOf([comm(task.comm), int(task.pid), int(PRIORITY), int(kernel.turn.cpu)]);
  queue(kernel, kernel.turn.cpu, 'sched_wakeup', bytes);
}

const exitRecord = (task: Task): Uint8Array => recordOf([comm(task.comm), int(task.pid), int(PRIORITY)]);

/** A task ends: one that has called exit has shown it itself. */
export function traceExit(kernel: Kernel, task: Task): void {
  if (kernel.perf.exiting.delete(task.pid) || !isOpen(kernel, 'sched_process_exit')) return;
  queue(kernel, kernel.turn.cpu, 'sched_process_exit', exitRecord(task));
}

/** rdi: where the record goes. */
const sched_process_exit_record: NativeFunction = (kernel, cpu) => {
  const task = currentTask(kernel, cpu);
  kernel.perf.exiting.set(task.pid, true);
  writeKernel(kernel, cpu.registers.rdi, exitRecord(task));
  return undefined;
};

/** rdi: where the record goes. rax <- its call, or 0 when there is none left; rcx <- its size. */
const irq_work_next_record: NativeFunction = (kernel, cpu) => {
  const record = kernel.perf.records[cpu.index]!.shift();
  if (record === undefined) return 0n;
  writeKernel(kernel, cpu.registers.rdi, record.bytes);
  cpu.registers.rcx = BigInt(record.bytes.length);
  return record.call;
};

export const schedNatives: Record<string, NativeFunction> = { sched_process_exit_record, irq_work_next_record };
