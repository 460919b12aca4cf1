/** Bodies of the entry code: the borders of a system call, the way back to user mode, the timer. */
import type { Cpu } from '../../cpu/cpu.ts';
import { currentTask, type Kernel } from '../kernel.ts';
import { pt_regs } from '../layout/structures.ts';
import { PREEMPTED, YIELD, type NativeFunction } from '../native.ts';
import { checkSlice } from '../run-queue.ts';
import { deliverSignals, hasDeliverable } from '../signal.ts';
import { describeArguments, describeCall } from '../syscalls/strace.ts';
import { syscallByNumber } from '../syscalls/index.ts';
import type { SyscallRow } from '../syscalls/types.ts';
import type { Task } from '../task.ts';

const RSI = 6;
const { di, si, dx, r10, r8, r9 } = pt_regs.fields;

/** The arguments of a system call as the entry code has pushed them. */
function argumentsOf(kernel: Kernel, task: Task): BigUint64Array {
  const { userRegistersAt: at, syscallArgs: args } = task;
  const { view } = kernel.memory;
  args[0] = view.getBigUint64(at + di.offset, true);
  args[1] = view.getBigUint64(at + si.offset, true);
  args[2] = view.getBigUint64(at + dx.offset, true);
  args[3] = view.getBigUint64(at + r10.offset, true);
  args[4] = view.getBigUint64(at + r8.offset, true);
  args[5] = view.getBigUint64(at + r9.offset, true);
  return args;
}

const NO_TEXTS: readonly string[] = [];

/** Notes which call the task is in; the number is in rsi, the registers in rdi. */
function syscall_enter_from_user_mode(kernel: Kernel, cpu: Cpu): undefined {
  const task = currentTask(kernel, cpu);
  const args = argumentsOf(kernel, task);
  const number = cpu.words[RSI * 2]!;
  const row = syscallByNumber.get(number);
  const texts = kernel.record.syscalls && row !== undefined ? describeArguments(kernel, task, row, args) : NO_TEXTS;
  task.waitsUntil = undefined;
  task.syscall = { number, args, overridden: false, texts };
  if (row === undefined) kernel.events.push({ type: 'unknown-syscall', pid: task.pid, number });
  else if (!row.returns) report(kernel, task, row, undefined);
}

/** Tells observers of the call the task is in; one that does not return has no result. */
function report(kernel: Kernel, task: Task, row: SyscallRow | undefined, result: bigint | undefined): void {
  const { syscall } = task;
  if (syscall === undefined || !kernel.record.syscalls) return;
  kernel.events.push({
    type: 'syscall',
    pid: task.pid,
    comm: task.comm,
    name: row?.name ?? `syscall_${syscall.number}`,
    args: [...syscall.args],
    result,
    injected: syscall.overridden,
    text: describeCall(kernel, task, row, syscall, result),
  });
}

/** The call is over: its result is in the user's registers. */
function syscall_exit_work(kernel: Kernel, cpu: Cpu): undefined {
  if (!kernel.record.syscalls) return;
  const task = currentTask(kernel, cpu);
  const result = kernel.memory.view.getBigInt64(task.userRegistersAt + pt_regs.fields.ax.offset, true);
  report(kernel, task, task.syscall && syscallByNumber.get(task.syscall.number), result);
}

/** Signals and the scheduler have their say before every return to user mode. */
const exit_to_user_mode_loop: NativeFunction = (kernel, cpu) => {
  const task = currentTask(kernel, cpu);
  const state = kernel.perCpu[cpu.index]!;
  if (state.needResched) {
    state.needResched = false;
    return PREEMPTED;
  }
  deliverSignals(kernel, cpu, task);
  if (task.state === 'running' && hasDeliverable(task)) return YIELD;
  task.syscall = undefined;
  return undefined;
};

/** scheduler_tick */
const sysvec_apic_timer_interrupt: NativeFunction = (kernel, cpu) => {
  checkSlice(kernel, cpu);
  return undefined;
};

export const entryNatives: Record<string, NativeFunction> = {
  syscall_enter_from_user_mode,
  syscall_exit_work,
  exit_to_user_mode_loop,
  sysvec_apic_timer_interrupt,
};
/** Of those, the ones that are functions of their own in kernel text. */
export const entryStubs: readonly string[] = ['sysvec_apic_timer_interrupt'];
