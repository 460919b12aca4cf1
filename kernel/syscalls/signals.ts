import { fail } from '../errno.ts';
import { exitProcess, signaledStatus } from '../exit.ts';
import type { Kernel } from '../kernel.ts';
import { now } from '../kernel.ts';
import { copyFromUser, copyToUser, readUserU64, writeUserU64 } from '../mm/user-memory.ts';
import {
  hasDeliverable,
  pendingSignals,
  removePending,
  returnFromSignal,
  sendProcessSignal,
  sendSignal,
  Signal,
  signalChannel,
} from '../signal.ts';
import { userRegisters } from '../process.ts';
import { readKernelU64 } from '../mm/kernel-memory.ts';
import { pt_regs } from '../layout/structures.ts';
import type { Task } from '../task.ts';
import { toInt } from './arguments.ts';
import { optionalTimespec, waitDeadline } from './timeouts.ts';
import { syscall, type SyscallHandler, type SyscallRow } from './types.ts';

const UNBLOCKABLE = (1n << BigInt(Signal.SIGKILL - 1)) | (1n << BigInt(Signal.SIGSTOP - 1));
const SIGSET_SIZE = 8n;
const SI_USER = 0;
const SI_TKILL = -6;
const HIGHEST_SIGNAL = 64;

/** struct kernel_sigaction: handler, flags, restorer, mask. */
const rt_sigaction: SyscallHandler = ({ kernel, task, args: [signal, action, old, size] }) => {
  const number = toInt(signal);
  if (size !== SIGSET_SIZE || number < 1 || number > HIGHEST_SIGNAL) fail('EINVAL');
  const { actions } = task.signals;
  const wanted = action === 0n ? undefined : new DataView(copyFromUser(kernel, task, action, 32).buffer);
  if (wanted !== undefined && (number === Signal.SIGKILL || number === Signal.SIGSTOP)) fail('EINVAL');
  if (old !== 0n) {
    const current = actions.get(number);
    const image = new DataView(new ArrayBuffer(32));
    [current?.handler, current?.flags, current?.restorer, current?.mask].forEach((value, n) =>
      image.setBigUint64(n * 8, value ?? 0n, true),
    );
    copyToUser(kernel, task, old, new Uint8Array(image.buffer));
  }
  if (wanted !== undefined) {
    const [handler, flags, restorer, mask] = [0, 8, 16, 24].map((offset) => wanted.getBigUint64(offset, true)) as [
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    if (handler === 0n) actions.delete(number);
    else actions.set(number, { handler, flags, restorer, mask });
  }
  return 0;
};

const SIG_BLOCK = 0;
const SIG_UNBLOCK = 1;
const SIG_SETMASK = 2;
const rt_sigprocmask: SyscallHandler = ({ kernel, task, args: [how, set, old, size] }) => {
  if (size !== SIGSET_SIZE) fail('EINVAL');
  const { signals } = task;
  const before = signals.blocked;
  if (set !== 0n) {
    const mask = readUserU64(kernel, task, set) & ~UNBLOCKABLE;
    if (old !== 0n) writeUserU64(kernel, task, old, before);
    if (toInt(how) === SIG_BLOCK) signals.blocked |= mask;
    else if (toInt(how) === SIG_UNBLOCK) signals.blocked &= ~mask;
    else if (toInt(how) === SIG_SETMASK) signals.blocked = mask;
    else fail('EINVAL');
  } else if (old !== 0n) writeUserU64(kernel, task, old, before);
  return 0;
};

function deliverTo(kernel: Kernel, sender: Task, target: Task, number: number, code: number): void {
  if (number < 0 || number > HIGHEST_SIGNAL) fail('EINVAL');
  if (number !== 0) sendSignal(kernel, target, { number, code, pid: sender.tgid, address: 0n });
}

/** The leaders of the processes that kill's first argument means. */
function killed(kernel: Kernel, task: Task, pid: number): Task[] {
  const isLeader = (other: Task): boolean => other.pid === other.tgid;
  const one = kernel.tasks.get(pid);
  if (pid > 0) return one !== undefined && isLeader(one) ? [one] : [];
  const leaders = [...kernel.tasks.values()].filter(isLeader);
  if (pid === -1) return leaders.filter((other) => other.pid !== 1 && other !== task);
  const group = pid === 0 ? task.processGroup : -pid;
  return leaders.filter(({ processGroup }) => processGroup === group);
}

const kill: SyscallHandler = ({ kernel, task, args }) => {
  const [pid, number] = [toInt(args[0]), toInt(args[1])];
  const targets = killed(kernel, task, pid);
  if (targets.length === 0) fail('ESRCH');
  if (number < 0 || number > HIGHEST_SIGNAL) fail('EINVAL');
  if (number === 0) return 0;
  for (const target of targets)
    sendProcessSignal(kernel, target, { number, code: SI_USER, pid: task.tgid, address: 0n });
  return 0;
};

function threadKill(kernel: Kernel, sender: Task, tgid: number | undefined, tid: number, number: number): number {
  const target = kernel.tasks.get(tid);
  if (tid <= 0 || (tgid !== undefined && tgid <= 0)) fail('EINVAL');
  if (target === undefined || (tgid !== undefined && target.tgid !== tgid)) return fail('ESRCH');
  deliverTo(kernel, sender, target, number, SI_TKILL);
  return 0;
}

const rt_sigreturn: SyscallHandler = ({ kernel, cpu, task }) => {
  if (!returnFromSignal(kernel, cpu, task)) {
    exitProcess(kernel, task, signaledStatus(Signal.SIGSEGV));
    return 0;
  }
  // do_syscall_64 stores the result in pt_regs.ax: it must be what the frame held
  return readKernelU64(kernel, userRegisters(task) + BigInt(pt_regs.fields.ax.offset))!;
};

const SS_DISABLE = 2;
const MINSIGSTKSZ = 2048n;
const sigaltstack: SyscallHandler = ({ kernel, task, args: [wanted, old] }) => {
  const { signals } = task;
  const next = wanted === 0n ? undefined : new DataView(copyFromUser(kernel, task, wanted, 24).buffer);
  if (old !== 0n) {
    const image = new DataView(new ArrayBuffer(24));
    image.setBigUint64(0, signals.alternateStack.pointer, true);
    image.setInt32(8, signals.alternateStack.flags, true);
    image.setBigUint64(16, signals.alternateStack.size, true);
    copyToUser(kernel, task, old, new Uint8Array(image.buffer));
  }
  if (next !== undefined) {
    const flags = next.getInt32(8, true);
    const size = next.getBigUint64(16, true);
    if ((flags & ~SS_DISABLE) !== 0) fail('EINVAL');
    if ((flags & SS_DISABLE) === 0 && size < MINSIGSTKSZ) fail('ENOMEM');
    signals.alternateStack =
      (flags & SS_DISABLE) !== 0
        ? { pointer: 0n, size: 0n, flags }
        : { pointer: next.getBigUint64(0, true), size, flags };
  }
  return 0;
};

const rt_sigsuspend: SyscallHandler = ({ kernel, task, args: [set, size] }) => {
  if (size !== SIGSET_SIZE) fail('EINVAL');
  const { signals } = task;
  if (signals.savedMask === undefined) {
    const mask = readUserU64(kernel, task, set) & ~UNBLOCKABLE;
    signals.savedMask = signals.blocked;
    signals.blocked = mask;
  }
  if (hasDeliverable(task)) fail('EINTR');
  return { wait: [signalChannel(task)] };
};

const pause: SyscallHandler = ({ task }) => (hasDeliverable(task) ? fail('EINTR') : { wait: [signalChannel(task)] });

/** Takes one of the signals of a set off the pending ones. */
const rt_sigtimedwait: SyscallHandler = (call) => {
  const { kernel, cpu, task } = call;
  const [set, info, timeout, size] = call.args;
  if (size !== SIGSET_SIZE) fail('EINVAL');
  const mask = readUserU64(kernel, task, set) & ~UNBLOCKABLE;
  const time = now(kernel, cpu);
  const deadline = waitDeadline(task, time, optionalTimespec(call, timeout));
  const signal = pendingSignals(task).find(({ number }) => (mask & (1n << BigInt(number - 1))) !== 0n);
  if (signal !== undefined) {
    if (info !== 0n) {
      const image = new DataView(new ArrayBuffer(128));
      image.setInt32(0, signal.number, true);
      image.setInt32(8, signal.code, true);
      image.setInt32(16, signal.pid, true);
      copyToUser(kernel, task, info, new Uint8Array(image.buffer));
    }
    removePending(task, signal);
    return signal.number;
  }
  if (time >= deadline) fail('EAGAIN');
  if (hasDeliverable(task)) fail('EINTR');
  return { wait: [signalChannel(task)], deadline };
};

export const signalSyscalls: readonly SyscallRow[] = [
  syscall(13, 'rt_sigaction', ['signal', 'pointer', 'pointer', 'unsigned'], rt_sigaction),
  syscall(14, 'rt_sigprocmask', ['int', 'pointer', 'pointer', 'unsigned'], rt_sigprocmask),
  syscall(15, 'rt_sigreturn', [], rt_sigreturn),
  syscall(34, 'pause', [], pause),
  syscall(62, 'kill', ['int', 'signal'], kill),
  syscall(127, 'rt_sigpending', ['pointer', 'unsigned'], ({ kernel, task, args }) => {
    const set = pendingSignals(task).reduce((sum, signal) => sum | (1n << BigInt(signal.number - 1)), 0n);
    writeUserU64(kernel, task, args[0], set & task.signals.blocked);
    return 0;
  }),
  syscall(128, 'rt_sigtimedwait', ['pointer', 'pointer', 'pointer', 'unsigned'], rt_sigtimedwait),
  syscall(130, 'rt_sigsuspend', ['pointer', 'unsigned'], rt_sigsuspend),
  syscall(131, 'sigaltstack', ['pointer', 'pointer'], sigaltstack),
  syscall(200, 'tkill', ['int', 'signal'], ({ kernel, task, args }) =>
    threadKill(kernel, task, undefined, toInt(args[0]), toInt(args[1])),
  ),
  syscall(234, 'tgkill', ['int', 'int', 'signal'], ({ kernel, task, args }) =>
    threadKill(kernel, task, toInt(args[0]), toInt(args[1]), toInt(args[2])),
  ),
];
