/** Tasks: the first one, fork and clone, and what exit and wait leave of them. */
import type { Cpu } from '../cpu/cpu.ts';
import { releaseTaskStruct } from './bpf/task-helpers.ts';
import { initialFloatingSlots } from '../cpu/floating-state.ts';
import { Slot } from '../cpu/state.ts';
import {
  copyFileTable,
  createFileTable,
  createStandardFileTable,
  releaseFileTable,
  shareFileTable,
} from './fs/files.ts';
import { holdInode, releaseInode } from './fs/inode-uses.ts';
import type { Kernel } from './kernel.ts';
import { constants } from './layout/constants.ts';
import { pt_regs, task_struct } from './layout/structures.ts';
import { copyAddressSpace, releaseAddressSpace } from './mm/address-space.ts';
import { kfree, kmalloc } from './mm/heap.ts';
import { kernelPhysical, readKernel, writeKernel, writeKernelU32, writeKernelU64 } from './mm/kernel-memory.ts';
import { chargeAnyway, unchargeObject } from './mm/objects.ts';
import { fail } from './errno.ts';
import { CONTEXT_LENGTH, contextIndex, makeRunnable, saveContext } from './scheduler.ts';
import { FIRST_KERNEL_THREAD } from './sleepers.ts';
import { dropFilters, holdFilters } from './seccomp/references.ts';
import { lookupName } from './symbols.ts';
import { chargeInherited, forgetTask, inheritEvents, unchargeInherited } from './perf/counting.ts';
import { traceFork } from './tracing/sched.ts';
import { setSyscallWork } from './tracing/syscall-work.ts';
import { ORPHAN, type Task } from './task.ts';
import { joinGroup, leaveGroup } from './thread-groups.ts';
import { vruntimeOfNew } from './run-queue.ts';

/** sysctl kernel.pid_max bounds numbers; this bounds live tasks. */
const MAX_TASKS = 4096;

const USER_REGISTERS = BigInt(constants.THREAD_SIZE - pt_regs.size);

/** Linear address of a task's user registers, which lie on one page: the top of its kernel stack. */
export function userRegisters(task: Task): bigint {
  return task.stack + USER_REGISTERS;
}

export function setComm(kernel: Kernel, task: Task, name: string): void {
  const bytes = new TextEncoder().encode(name).subarray(0, 15);
  task.comm = new TextDecoder().decode(bytes);
  const field = new Uint8Array(task_struct.fields.comm.size);
  field.set(bytes);
  writeKernel(kernel, task.address + BigInt(task_struct.fields.comm.offset), field);
}

function nextPid(kernel: Kernel): number {
  if (kernel.tasks.size >= MAX_TASKS) fail('EAGAIN');
  return kernel.nextPid++;
}

interface Origin {
  /** a kernel thread's own, and the CPU it stays on */
  readonly pid?: number;
  readonly boundCpu?: number;
  /** whom it takes after */
  readonly parent: Task | undefined;
  /** its `parent`, where that is not the tgid of the above */
  readonly parentId?: number;
  readonly tgid: number | undefined;
  readonly fileTable: number;
  readonly addressSpace: number | undefined;
  readonly signals: Task['signals'];
}

/** What `body` gives; when it fails, `undo` takes back what was done before. */
function orUndo<Result>(body: () => Result, undo: () => void): Result {
  try {
    return body();
  } catch (error) {
    undo();
    throw error;
  }
}

function createTask(kernel: Kernel, comm: string, origin: Origin): Task {
  const pid = origin.pid ?? nextPid(kernel);
  const { parent } = origin;
  const address = kmalloc(kernel, task_struct.size);
  const stack = orUndo(
    () => kmalloc(kernel, constants.THREAD_SIZE),
    () => kfree(kernel, address),
  );
  const task: Task = {
    pid,
    tgid: origin.tgid ?? pid,
    parent: origin.parentId ?? parent?.tgid ?? 0,
    processGroup: parent?.processGroup ?? pid,
    session: parent?.session ?? pid,
    comm: '',
    state: 'runnable',
    channels: [],
    deadline: undefined,
    context: new BigUint64Array(CONTEXT_LENGTH),
    address,
    stack,
    userRegistersAt: kernelPhysical(kernel, stack + USER_REGISTERS)!,
    addressSpace: origin.addressSpace,
    fileTable: origin.fileTable,
    workingDirectory: parent?.workingDirectory ?? kernel.fileSystem.root,
    umask: parent?.umask ?? 0o022,
    signals: origin.signals,
    exitStatus: 0,
    clearChildTid: 0n,
    futexWait: undefined,
    executable: parent?.executable ?? '',
    seccomp: parent?.seccomp,
    syscall: undefined,
    waitsUntil: undefined,
    syscallArgs: new BigUint64Array(6),
    cpuTime: 0,
    switchedInAt: 0n,
    vruntime: vruntimeOfNew(kernel, parent),
    boundCpu: origin.boundCpu,
  };
  const field = (name: keyof typeof task_struct.fields): bigint =>
    task.address + BigInt(task_struct.fields[name].offset);
  writeKernelU64(kernel, field('stack'), task.stack);
  writeKernelU32(kernel, field('pid'), task.pid);
  writeKernelU32(kernel, field('tgid'), task.tgid);
  writeKernelU64(kernel, field('real_parent'), parent?.address ?? 0n);
  setComm(kernel, task, comm);
  setSyscallWork(kernel, task);
  holdInode(kernel, task.workingDirectory);
  joinGroup(kernel, task);
  chargeAnyway(kernel, 'task');
  holdFilters(kernel, task.seccomp);
  // it starts in the entry code's last part, which pops the user registers
  task.context[contextIndex(Slot.rip)] = lookupName(kernel.symbols, 'ret_from_fork_asm');
  task.context[contextIndex(Slot.gpr + 4)] = userRegisters(task);
  task.context[contextIndex(Slot.rflags)] = 2n;
  task.context[contextIndex(Slot.selectors + 1)] = BigInt(constants.KERNEL_CS);
  task.context[contextIndex(Slot.selectors + 2)] = BigInt(constants.KERNEL_DS);
  for (const [slot, value] of initialFloatingSlots) task.context[contextIndex(slot)] = value;
  return task;
}

const noSignals = (): Task['signals'] => ({
  blocked: 0n,
  pending: [],
  shared: [],
  actions: new Map(),
  alternateStack: { pointer: 0n, size: 0n, flags: 2 },
  savedMask: undefined,
});

/** A process without a parent or a program: give it one with `execute`, then it runs. */
export function createProcess(kernel: Kernel, comm: string): Task {
  const fileTable = createStandardFileTable(kernel);
  const signals = noSignals();
  return createTask(kernel, comm, { parent: undefined, tgid: undefined, fileTable, addressSpace: undefined, signals });
}

/** kthread_create_on_cpu: a sleeping task without user memory, about to execute `entry`. ENOMEM. */
export function createKernelThread(kernel: Kernel, comm: string, entry: bigint, cpu: number): Task {
  const task = createTask(kernel, comm, {
    pid: FIRST_KERNEL_THREAD + cpu,
    boundCpu: cpu,
    parent: undefined,
    tgid: undefined,
    fileTable: createFileTable(kernel),
    addressSpace: undefined,
    signals: noSignals(),
  });
  task.context[contextIndex(Slot.rip)] = entry;
  return task;
}

export const CloneFlag = {
  vm: 0x100,
  files: 0x400,
  sighand: 0x800,
  vfork: 0x4000,
  parent: 0x8000,
  thread: 0x10000,
  settls: 0x80000,
  parentSettid: 0x100000,
  childCleartid: 0x200000,
  childSettid: 0x1000000,
} as const;

/** The parent of a clone of `task`: of a thread, the process's own; with CLONE_PARENT the same as `task`'s. */
function parentOf(task: Task, isThread: boolean, isSibling: boolean): number {
  if (isThread) return task.parent;
  if (!isSibling) return task.tgid;
  return task.parent === 0 ? ORPHAN : task.parent;
}

/** kernel_clone: the child, runnable, with the parent's user registers but rax 0 and, unless 0, `stack`. EAGAIN, ENOMEM. */
export function cloneTask(kernel: Kernel, cpu: Cpu, parent: Task, flags: number, stack: bigint): Task {
  const events = chargeInherited(kernel, parent);
  const child = orUndo(
    () => copyTask(kernel, parent, flags),
    () => unchargeInherited(kernel, events),
  );
  copyRegisters(kernel, cpu, parent, child, stack);
  makeRunnable(kernel, child);
  inheritEvents(kernel, events, child);
  traceFork(kernel, cpu, parent, child);
  kernel.events.push({ type: 'fork', pid: parent.pid, child: child.pid });
  return child;
}

/** copy_process, but for the registers. */
function copyTask(kernel: Kernel, parent: Task, flags: number): Task {
  const shares = (flag: number): boolean => (flags & flag) !== 0;
  const parentSpace = kernel.addressSpaces.get(parent.addressSpace ?? -1) ?? fail('EINVAL');
  const space = shares(CloneFlag.vm) ? parentSpace : copyAddressSpace(kernel, parentSpace);
  if (space === parentSpace) space.references++;
  const dropSpace = (): void => releaseAddressSpace(kernel, space.id);
  const copyTable = shares(CloneFlag.files) ? shareFileTable : copyFileTable;
  const fileTable = orUndo(() => copyTable(kernel, parent.fileTable), dropSpace);
  const { signals } = parent;
  const origin: Origin = {
    parent,
    parentId: parentOf(parent, shares(CloneFlag.thread), shares(CloneFlag.parent)),
    tgid: shares(CloneFlag.thread) ? parent.tgid : undefined,
    fileTable,
    addressSpace: space.id,
    signals: {
      blocked: signals.blocked,
      pending: [],
      shared: shares(CloneFlag.thread) ? signals.shared : [],
      actions: shares(CloneFlag.sighand) ? signals.actions : new Map(signals.actions),
      alternateStack:
        shares(CloneFlag.vm) && !shares(CloneFlag.vfork) ? { pointer: 0n, size: 0n, flags: 2 } : signals.alternateStack,
      savedMask: undefined,
    },
  };
  return orUndo(
    () => createTask(kernel, parent.comm, origin),
    () => {
      releaseFileTable(kernel, fileTable);
      dropSpace();
    },
  );
}

/** The child returns from the same system call: user registers in memory, the rest from the CPU. */
function copyRegisters(kernel: Kernel, cpu: Cpu, parent: Task, child: Task, stack: bigint): void {
  const image = new Uint8Array(readKernel(kernel, userRegisters(parent), pt_regs.size)!);
  const view = new DataView(image.buffer);
  view.setBigUint64(pt_regs.fields.ax.offset, 0n, true);
  if (stack !== 0n) view.setBigUint64(pt_regs.fields.sp.offset, stack, true);
  writeKernel(kernel, userRegisters(child), image);
  const start = [Slot.rip, Slot.gpr + 4, Slot.rflags].map((slot) => child.context[contextIndex(slot)]!);
  saveContext(cpu, child.context);
  [Slot.rip, Slot.gpr + 4, Slot.rflags].forEach((slot, n) => {
    child.context[contextIndex(slot)] = start[n]!;
  });
}

/** Forgets a zombie: its numbers have been read. */
export function reapTask(kernel: Kernel, task: Task): void {
  forgetTask(kernel, task.pid);
  leaveGroup(kernel, task);
  unchargeObject(kernel, 'task');
  dropFilters(kernel, task.seccomp);
  releaseInode(kernel, task.workingDirectory);
  releaseTaskStruct(kernel, task.address);
  kfree(kernel, task.stack);
}
