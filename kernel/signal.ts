/** Sending signals, and delivering them on the way back to user mode. */
import type { Cpu } from '../cpu/cpu.ts';
import { initialFloatingSlots } from '../cpu/floating-state.ts';
import { Slot } from '../cpu/state.ts';
import { errno } from './errno.ts';
import { exitProcess, signaledStatus } from './exit.ts';
import type { Kernel } from './kernel.ts';
import { constants } from './layout/constants.ts';
import { pt_regs } from './layout/structures.ts';
import { readKernel, readKernelU64, writeKernel, writeKernelU64 } from './mm/kernel-memory.ts';
import { copyFromUser, copyToUser } from './mm/user-memory.ts';
import { userRegisters } from './process.ts';
import { makeRunnable } from './scheduler.ts';
import { floatingFrameSize, restoreFloating, saveFloating } from './signal-floating.ts';
import type { PendingSignal, SignalAction } from './signal-types.ts';
import type { Task } from './task.ts';
import { threadGroup } from './thread-groups.ts';

/** arch/x86/include/uapi/asm/signal.h */
export const Signal = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

const signalNames = new Map(Object.entries(Signal).map(([name, number]) => [number as number, name]));
/** `SIGSYS` for 31, `SIG40` for real-time ones. */
export const signalName = (number: number): string => signalNames.get(number) ?? `SIG${number}`;

const ignoredByDefault = new Set<number>([Signal.SIGCHLD, Signal.SIGURG, Signal.SIGWINCH, Signal.SIGCONT]);
const SA_NODEFER = 0x4000_0000n;
const SA_RESTORER = 0x0400_0000n;
const SA_RESTART = 0x1000_0000n;
const SA_RESETHAND = 0x8000_0000n;
const SA_ONSTACK = 0x0800_0000n;
const SS_DISABLE = 2;
const UNBLOCKABLE = (1n << 8n) | (1n << 18n);

const { ax } = pt_regs.fields;

const bitOf = (signal: number): bigint => 1n << BigInt(signal - 1);

function isIgnored(task: Task, number: number): boolean {
  const handler = task.signals.actions.get(number)?.handler ?? 0n;
  return handler === 1n || (handler === 0n && ignoredByDefault.has(number));
}

/** Channel on which a task waits for a signal, blocked ones included. */
export const signalChannel = (task: Task): string => `signal:${task.pid}`;

/** Makes `signal` pending for `task` and wakes it if it can be delivered. Ignored signals are dropped. */
export function sendSignal(kernel: Kernel, task: Task, signal: PendingSignal): void {
  if (task.state === 'zombie') return;
  const { signals } = task;
  const blocked = (signals.blocked & bitOf(signal.number)) !== 0n;
  if (isIgnored(task, signal.number) && !blocked) return;
  if (!signals.pending.some((other) => other.number === signal.number)) signals.pending.push(signal);
  kernel.events.push({ type: 'signal', pid: task.pid, signal: signal.number });
  if (task.state !== 'sleeping') return;
  if (hasDeliverable(task) || task.channels.includes(signalChannel(task))) makeRunnable(kernel, task);
}

const isUp = (task: Task): boolean =>
  task.state === 'sleeping' || task.state === 'runnable' || task.state === 'running';

/**
 * complete_signal: makes `signal` pending for `task`'s process. The thread that takes it is `task` if it does not block it,
 * else another one; when all block it, the first that opens to it or waits for it.
 */
export function sendProcessSignal(kernel: Kernel, task: Task, signal: PendingSignal): void {
  const threads = [task, ...threadGroup(kernel, task).filter((other) => other !== task)].filter(isUp);
  const [first] = threads;
  if (first === undefined) return;
  const bit = bitOf(signal.number) & ~UNBLOCKABLE;
  const open = threads.find((thread) => (thread.signals.blocked & bit) === 0n);
  const { shared } = first.signals;
  if (isIgnored(first, signal.number) && open === first) return;
  if (!shared.some((other) => other.number === signal.number)) shared.push(signal);
  kernel.events.push({ type: 'signal', pid: (open ?? first).pid, signal: signal.number });
  if (open?.state === 'sleeping') makeRunnable(kernel, open);
  for (const thread of threads) {
    if (thread.state === 'sleeping' && thread.channels.includes(signalChannel(thread))) makeRunnable(kernel, thread);
  }
}

/**
 * force_sig: a fault of the task's own. Blocked or ignored, it gets its default action, which ends the process.
 */
export function forceSignal(kernel: Kernel, task: Task, signal: PendingSignal): void {
  const { signals } = task;
  const handler = signals.actions.get(signal.number)?.handler ?? 0n;
  if ((signals.blocked & bitOf(signal.number)) !== 0n || handler === 1n) {
    signals.blocked &= ~bitOf(signal.number);
    signals.actions.delete(signal.number);
  }
  sendSignal(kernel, task, signal);
}

/** What is pending for a thread: its own signals, then its process's. */
export const pendingSignals = ({ signals }: Task): readonly PendingSignal[] => [...signals.pending, ...signals.shared];

/** Takes a pending signal off the list it is in. */
export function removePending({ signals }: Task, signal: PendingSignal): void {
  const list = signals.pending.includes(signal) ? signals.pending : signals.shared;
  list.splice(list.indexOf(signal), 1);
}

const hasPending = ({ signals }: Task): boolean => signals.pending.length > 0 || signals.shared.length > 0;

/** A pending signal that is not blocked. */
export function hasDeliverable(task: Task): boolean {
  if (!hasPending(task)) return false;
  return pendingSignals(task).some((signal) => (task.signals.blocked & bitOf(signal.number) & ~UNBLOCKABLE) === 0n);
}

function dequeue(task: Task): PendingSignal | undefined {
  if (!hasPending(task)) return undefined;
  const { blocked } = task.signals;
  const candidates = pendingSignals(task).filter((signal) => (blocked & bitOf(signal.number) & ~UNBLOCKABLE) === 0n);
  const first = candidates.toSorted((left, right) => left.number - right.number)[0];
  if (first !== undefined) removePending(task, first);
  return first;
}

function register(task: Task, name: keyof typeof pt_regs.fields): bigint {
  return userRegisters(task) + BigInt(pt_regs.fields[name].offset);
}

/** A system call that a signal interrupted: runs again, unless a handler without SA_RESTART makes it EINTR. */
function restartSyscall(kernel: Kernel, task: Task, action: SignalAction | undefined): void {
  if (task.syscall === undefined) return;
  const result = task.userRegistersAt + ax.offset;
  const { view } = kernel.memory;
  if (view.getInt32(result, true) !== -errno.ERESTARTSYS || view.getInt32(result + 4, true) !== -1) return;
  if (action !== undefined && (action.flags & SA_RESTART) === 0n) {
    writeKernelU64(kernel, register(task, 'ax'), BigInt(-errno.EINTR));
    return;
  }
  writeKernelU64(kernel, register(task, 'ax'), readKernelU64(kernel, register(task, 'orig_ax'))!);
  writeKernelU64(kernel, register(task, 'ip'), readKernelU64(kernel, register(task, 'ip'))! - 2n);
}

/**
 * On the way to user mode: acts on pending signals, one at a time, until there is none or a handler's frame is set up.
 * True when the task goes on.
 */
export function deliverSignals(kernel: Kernel, cpu: Cpu, task: Task): boolean {
  for (;;) {
    const signal = dequeue(task);
    if (signal === undefined) {
      restartSyscall(kernel, task, undefined);
      if (task.signals.savedMask !== undefined) {
        task.signals.blocked = task.signals.savedMask;
        task.signals.savedMask = undefined;
      }
      return true;
    }
    const action = task.signals.actions.get(signal.number);
    if (isIgnored(task, signal.number)) continue;
    if (action === undefined || action.handler === 0n) {
      exitProcess(kernel, task, signaledStatus(signal.number));
      return false;
    }
    restartSyscall(kernel, task, action);
    if (!setUpFrame(kernel, cpu, task, signal, action)) {
      exitProcess(kernel, task, signaledStatus(Signal.SIGSEGV));
      return false;
    }
    return true;
  }
}

/**
 * struct rt_sigframe: return address, ucontext (flags, link, stack, sigcontext, mask), siginfo; the FXSAVE image above it.
 * Offsets from the frame's start.
 */
const frame = { ucontext: 8, stackInfo: 24, sigcontext: 48, mask: 304, siginfo: 312, size: 440 } as const;
/** struct sigcontext, in order; each 8 bytes. */
const sigcontext: readonly (keyof typeof pt_regs.fields)[] = [
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
  'di',
  'si',
  'bp',
  'bx',
  'dx',
  'ax',
  'cx',
  'sp',
  'ip',
  'flags',
];
const fpstatePointer = frame.sigcontext + 23 * 8;
const RED_ZONE = 128n;
/** arch/x86/include/uapi/asm/ucontext.h: the floating-point state is an XSAVE area */
const UC_FP_XSTATE = 1n;

function setUpFrame(kernel: Kernel, cpu: Cpu, task: Task, signal: PendingSignal, action: SignalAction): boolean {
  const regs = new DataView(readKernel(kernel, userRegisters(task), pt_regs.size)!.buffer);
  const get = (name: keyof typeof pt_regs.fields): bigint => regs.getBigUint64(pt_regs.fields[name].offset, true);
  const { signals } = task;
  const { alternateStack } = signals;
  const onAlternate = (sp: bigint): boolean =>
    sp > alternateStack.pointer && sp <= alternateStack.pointer + alternateStack.size;
  let sp = get('sp') - RED_ZONE;
  if ((action.flags & SA_ONSTACK) !== 0n && (alternateStack.flags & SS_DISABLE) === 0 && !onAlternate(get('sp'))) {
    sp = alternateStack.pointer + alternateStack.size;
  }
  const fpstate = (sp - BigInt(floatingFrameSize(cpu))) & ~63n;
  const base = ((fpstate - BigInt(frame.size)) & ~15n) - 8n;

  const image = new DataView(new ArrayBuffer(frame.size));
  const put = (offset: number, value: bigint): void => image.setBigUint64(offset, BigInt.asUintN(64, value), true);
  put(0, action.restorer);
  if (cpu.slots[Slot.avx] !== 0n) put(frame.ucontext, UC_FP_XSTATE);
  put(frame.stackInfo, alternateStack.pointer);
  image.setInt32(frame.stackInfo + 8, alternateStack.flags, true);
  put(frame.stackInfo + 16, alternateStack.size);
  sigcontext.forEach((name, n) => put(frame.sigcontext + n * 8, get(name)));
  image.setUint16(frame.sigcontext + 18 * 8, Number(get('cs')), true);
  image.setUint16(frame.sigcontext + 18 * 8 + 6, Number(get('ss')), true);
  put(frame.sigcontext + 21 * 8, signals.savedMask ?? signals.blocked);
  put(frame.sigcontext + 22 * 8, signal.address);
  put(fpstatePointer, fpstate);
  put(frame.mask, signals.savedMask ?? signals.blocked);
  image.setInt32(frame.siginfo, signal.number, true);
  image.setInt32(frame.siginfo + 8, signal.code, true);
  if (signal.address !== 0n) put(frame.siginfo + 16, signal.address);
  else image.setInt32(frame.siginfo + 16, signal.pid, true);

  if ((action.flags & SA_RESTORER) === 0n) return false;
  try {
    copyToUser(kernel, task, fpstate, saveFloating(cpu));
    copyToUser(kernel, task, base, new Uint8Array(image.buffer));
  } catch {
    return false;
  }
  // handlers start with fresh floating-point state: fpu__clear_user_states
  for (const [slot, value] of initialFloatingSlots) cpu.slots[slot] = value;
  regs.setBigUint64(pt_regs.fields.sp.offset, base, true);
  regs.setBigUint64(pt_regs.fields.ip.offset, action.handler, true);
  regs.setBigUint64(pt_regs.fields.di.offset, BigInt(signal.number), true);
  regs.setBigUint64(pt_regs.fields.si.offset, base + BigInt(frame.siginfo), true);
  regs.setBigUint64(pt_regs.fields.dx.offset, base + BigInt(frame.ucontext), true);
  regs.setBigUint64(pt_regs.fields.ax.offset, 0n, true);
  // DF, RF and TF are clear in a handler
  regs.setBigUint64(pt_regs.fields.flags.offset, get('flags') & ~0x10500n, true);
  writeKernel(kernel, userRegisters(task), new Uint8Array(regs.buffer));
  signals.savedMask = undefined;
  signals.blocked |= action.mask | ((action.flags & SA_NODEFER) === 0n ? bitOf(signal.number) : 0n);
  signals.blocked &= ~UNBLOCKABLE;
  if ((action.flags & SA_RESETHAND) !== 0n) signals.actions.delete(signal.number);
  return true;
}

/** Flags that a program may set through a frame: CF PF AF ZF SF TF DF OF RF AC. */
const USER_FLAGS = 0x50dd5n;

/** rt_sigreturn: restores what `setUpFrame` saved; false where the frame cannot be read. */
export function returnFromSignal(kernel: Kernel, cpu: Cpu, task: Task): boolean {
  const regs = new DataView(readKernel(kernel, userRegisters(task), pt_regs.size)!.buffer);
  const base = regs.getBigUint64(pt_regs.fields.sp.offset, true) - 8n;
  try {
    const image = new DataView(copyFromUser(kernel, task, base, frame.size).buffer);
    sigcontext.forEach((name, n) => {
      regs.setBigUint64(pt_regs.fields[name].offset, image.getBigUint64(frame.sigcontext + n * 8, true), true);
    });
    const flags = regs.getBigUint64(pt_regs.fields.flags.offset, true);
    regs.setBigUint64(pt_regs.fields.flags.offset, (flags & USER_FLAGS) | 0x202n, true);
    regs.setBigUint64(pt_regs.fields.cs.offset, BigInt(constants.USER_CS), true);
    regs.setBigUint64(pt_regs.fields.ss.offset, BigInt(constants.USER_DS), true);
    const fpstate = image.getBigUint64(fpstatePointer, true);
    if (fpstate !== 0n) {
      restoreFloating(cpu, (offset, size) => copyFromUser(kernel, task, fpstate + BigInt(offset), size));
    }
    task.signals.blocked = image.getBigUint64(frame.mask, true) & ~UNBLOCKABLE;
  } catch {
    return false;
  }
  writeKernel(kernel, userRegisters(task), new Uint8Array(regs.buffer));
  // no system call is being returned from any more
  task.syscall = undefined;
  return true;
}
