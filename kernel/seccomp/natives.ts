/** __seccomp_filter: what a task's filters say of a system call, done. */
import { errno } from '../errno.ts';
import { exitProcess, exitTask, signaledStatus } from '../exit.ts';
import { currentTask } from '../kernel.ts';
import { pt_regs, seccomp_data } from '../layout/structures.ts';
import { readKernel, writeKernelU64 } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { userRegisters } from '../process.ts';
import { forceSignal, Signal } from '../signal.ts';
import { runFilter } from './filter.ts';

/** include/uapi/linux/seccomp.h: SECCOMP_RET_*, the strictest first when read as signed */
const Action = {
  killProcess: 0x8000_0000,
  killThread: 0,
  trap: 0x3_0000,
  errno: 0x5_0000,
  userNotification: 0x7fc0_0000,
  trace: 0x7ff0_0000,
  log: 0x7ffc_0000,
  allow: 0x7fff_0000,
} as const;
const ACTION = 0xffff_0000;
const DATA = 0xffff;
const MAX_ERRNO = 4095;
/** si_code of SIGSYS */
const SYS_SECCOMP = 1;
const SKIP = -1;

const AX = BigInt(pt_regs.fields.ax.offset);

/** rdi: number, rsi: struct seccomp_data *. 0: the call is made; -1: it is not, and the result stands in pt_regs. */
const __seccomp_filter: NativeFunction = (kernel, cpu) => {
  const task = currentTask(kernel, cpu);
  const data = readKernel(kernel, cpu.registers.rsi, seccomp_data.size);
  if (data === undefined) return SKIP;
  let verdict: number = Action.allow;
  for (const filter of task.seccomp ?? []) {
    const next = runFilter(filter.instructions, data) >>> 0;
    if (((next & ACTION) | 0) < ((verdict & ACTION) | 0)) verdict = next;
  }
  const setResult = (value: number): void => void writeKernelU64(kernel, userRegisters(task) + AX, BigInt(value));
  switch ((verdict & ACTION) >>> 0) {
    case Action.allow:
    case Action.log:
      return 0;
    case Action.errno:
      setResult(-Math.min(verdict & DATA, MAX_ERRNO));
      return SKIP;
    case Action.trap:
      forceSignal(kernel, task, { number: Signal.SIGSYS, code: SYS_SECCOMP, pid: 0, address: 0n });
      return SKIP;
    case Action.trace:
    case Action.userNotification:
      // nobody traces or listens
      setResult(-errno.ENOSYS);
      return SKIP;
    case Action.killThread:
      exitTask(kernel, task, signaledStatus(Signal.SIGSYS));
      return SKIP;
    default:
      exitProcess(kernel, task, signaledStatus(Signal.SIGSYS));
      return SKIP;
  }
};

export const seccompNatives: Record<string, NativeFunction> = { __seccomp_filter };
/** Functions of their own in kernel text. */
export const seccompStubs: readonly string[] = ['__seccomp_filter'];
