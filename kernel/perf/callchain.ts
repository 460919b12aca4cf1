/** The stacks of a sample: the kernel's frames by stack-trace.ts, the program's by its frame pointers. */
import type { Cpu } from '../../cpu/cpu.ts';
import type { Kernel } from '../kernel.ts';
import { isUserMode, readPtRegs, type PtRegs } from '../kprobe/pt-regs.ts';
import { peekUser } from '../mm/peek-user.ts';
import { userRegisters } from '../process.ts';
import { stackTrace } from '../stack-trace.ts';

const FRAME = 16;

/** Instruction addresses, newest first, at most `depth`; from `regs` on, which are of kernel mode. */
export function kernelCallchain(kernel: Kernel, cpu: Cpu, regs: PtRegs | undefined, depth: number): bigint[] {
  if (regs !== undefined && isUserMode(regs.cs)) return [];
  const start = regs && { ip: regs.ip, bp: regs.bp, sp: regs.sp };
  return stackTrace(kernel, cpu, start)
    .filter(({ text }) => text.startsWith(' '))
    .map(({ address }) => address)
    .slice(0, depth);
}

/** The user registers of the task on `cpu`; undefined while it idles or for a task without a program. */
function currentUserRegisters(kernel: Kernel, cpu: Cpu): PtRegs | undefined {
  const task = kernel.tasks.get(kernel.perCpu[cpu.index]!.current);
  const regs = task?.addressSpace === undefined ? undefined : readPtRegs(kernel, userRegisters(task));
  return regs !== undefined && isUserMode(regs.cs) ? regs : undefined;
}

/** Instruction addresses of the program, newest first, at most `depth`. Pages that are not there end it. */
export function userCallchain(kernel: Kernel, cpu: Cpu, regs: PtRegs | undefined, depth: number): bigint[] {
  const task = kernel.tasks.get(kernel.perCpu[cpu.index]!.current);
  const user = regs !== undefined && isUserMode(regs.cs) ? regs : currentUserRegisters(kernel, cpu);
  if (task === undefined || user === undefined) return [];
  const chain = [user.ip];
  let { bp } = user;
  while (chain.length < depth && (bp & 7n) === 0n) {
    const bytes = peekUser(kernel, task, bp, FRAME);
    if (bytes.length < FRAME) break;
    const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME);
    const next = view.getBigUint64(0, true);
    const returnTo = view.getBigUint64(8, true);
    if (returnTo === 0n) break;
    chain.push(returnTo);
    // frames go up
    if (next <= bp) break;
    bp = next;
  }
  return chain.slice(0, depth);
}
