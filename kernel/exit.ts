/** do_exit, and waiting for children. */
import type { Cpu } from '../cpu/cpu.ts';
import { freeDyingPrograms } from './bpf/programs.ts';
import { releaseFileTable } from './fs/files.ts';
import { futexChannel, wakeFutex } from './futex.ts';
import type { Kernel } from './kernel.ts';
import { releaseAddressSpace } from './mm/address-space.ts';
import { writeUserU32 } from './mm/user-memory.ts';
import { reapTask } from './process.ts';
import { loadAddressSpace, wake } from './scheduler.ts';
import { sendProcessSignal, Signal } from './signal.ts';
import { endSleep } from './sleepers.ts';
import { traceExit } from './tracing/sched.ts';
import { ORPHAN, type Task } from './task.ts';
import { dequeue } from './run-queue.ts';
import { childrenOf, isDead, setParent, threadGroup } from './thread-groups.ts';

/** Channel on which a parent waits for its children. */
export const childChannel = (tgid: number): string => `child:${tgid}`;
/** Channel on which a vforking parent waits for its child's exec or exit. */
export const vforkChannel = (pid: number): string => `vfork:${pid}`;

/** Ends one task with wait status `status`; on its CPU it never runs again. */
export function exitTask(kernel: Kernel, task: Task, status: number): void {
  if (task.state === 'zombie') return;
  const last = isDead(kernel, task, task);
  if (task.clearChildTid !== 0n) {
    try {
      writeUserU32(kernel, task, task.clearChildTid, 0);
    } catch {
      // an address the program has unmapped: Linux ignores it too
    }
    wakeFutex(kernel, futexChannel(kernel, task, task.clearChildTid), 1);
  }
  traceExit(kernel, task);
  releaseFileTable(kernel, task.fileTable);
  freeDyingPrograms(kernel);
  const space = task.addressSpace;
  task.addressSpace = undefined;
  for (const cpu of kernel.cpus) {
    if (kernel.perCpu[cpu.index]!.current === task.pid) {
      loadAddressSpace(kernel, cpu, task);
      cpu.leave = true;
    }
  }
  if (space !== undefined) releaseAddressSpace(kernel, space);
  if (task.state === 'sleeping') endSleep(kernel, task);
  if (task.state === 'runnable') dequeue(kernel, task);
  task.state = 'zombie';
  task.exitStatus = status;
  kernel.events.push({ type: 'exit', pid: task.pid, comm: task.comm, status });
  wake(kernel, vforkChannel(task.pid));
  if (last) reparentChildren(kernel, task);
  if (task.pid !== task.tgid) {
    if (last) notifyParent(kernel, kernel.tasks.get(task.tgid) ?? task);
    releaseThread(kernel, task);
    return;
  }
  if (last) notifyParent(kernel, task);
}

/** A thread other than the leader leaves nothing to wait for; its stack is in use until its CPU has left it. */
function releaseThread(kernel: Kernel, task: Task): void {
  const onCpu = kernel.perCpu.some((state) => state.current === task.pid);
  if (!onCpu) reapTask(kernel, task);
}

function reparentChildren(kernel: Kernel, task: Task): void {
  for (const child of childrenOf(kernel, task)) {
    setParent(kernel, child, ORPHAN);
    reapOrphan(kernel, child);
  }
}

/** What init does: nobody waits for a process whose parent has gone. Its stack is in use until its CPU has left it. */
function reapOrphan(kernel: Kernel, leader: Task): void {
  if (leader.parent !== ORPHAN || leader.pid !== leader.tgid || !isWaitable(kernel, leader)) return;
  if (!kernel.perCpu.some((state) => state.current === leader.pid)) reapTask(kernel, leader);
}

function notifyParent(kernel: Kernel, leader: Task): void {
  if (leader.parent === ORPHAN) return reapOrphan(kernel, leader);
  const parent = kernel.tasks.get(leader.parent);
  if (parent === undefined || isDead(kernel, parent)) return;
  const action = parent.signals.actions.get(Signal.SIGCHLD);
  sendProcessSignal(kernel, parent, {
    number: Signal.SIGCHLD,
    code: leader.exitStatus & 0x7f ? 2 : 1,
    pid: leader.pid,
    address: 0n,
  });
  wake(kernel, childChannel(parent.tgid));
  if (action?.handler === 1n) reapTask(kernel, leader); // SIG_IGN: no zombies
}

/** exit_group: the whole process ends with `status`. */
export function exitProcess(kernel: Kernel, task: Task, status: number): void {
  const others = threadGroup(kernel, task).filter((other) => other !== task && other.pid !== task.tgid);
  for (const other of others) exitTask(kernel, other, status);
  const leader = kernel.tasks.get(task.tgid);
  if (leader !== undefined && leader !== task) {
    exitTask(kernel, leader, status);
    // it may have left before: what counts is the status of the group
    leader.exitStatus = status;
  }
  exitTask(kernel, task, status);
}

/** Wait status of an exit code and of a fatal signal. */
export const exitedStatus = (code: number): number => (code & 0xff) << 8;
export const signaledStatus = (signal: number): number => signal & 0x7f;

/** The children `pid` selects (wait4's first argument), in pid order. */
export function selectChildren(kernel: Kernel, task: Task, pid: number): Task[] {
  if (pid > 0) {
    const child = kernel.tasks.get(pid);
    return child !== undefined && child.parent === task.tgid && child.pid === child.tgid ? [child] : [];
  }
  const children = childrenOf(kernel, task);
  const group = pid === 0 ? task.processGroup : -pid;
  return pid === -1 ? children : children.filter(({ processGroup }) => processGroup === group);
}

/** A zombie all of whose threads are gone. */
export function isWaitable(kernel: Kernel, child: Task): boolean {
  return child.state === 'zombie' && isDead(kernel, child);
}

/** After a CPU has left a dead thread, or a process that nobody waits for: frees it. */
export function reapLeftThread(kernel: Kernel, cpu: Cpu, pid: number): void {
  const task = kernel.tasks.get(pid);
  if (task === undefined || task.state !== 'zombie' || kernel.perCpu[cpu.index]!.current === pid) return;
  if (task.pid === task.tgid) reapOrphan(kernel, task);
  else reapTask(kernel, task);
}
