/** The frame that the kernel leaves for a signal's handler: see struct rt_sigframe in kernel/signal.ts. */
import type { Kernel } from '../../kernel/kernel.ts';
import type { Task } from '../../kernel/task.ts';
import { peek } from '../source/code-bytes.ts';
import { KERNEL_HALF } from '../source/index.ts';
import type { FrameRegisters } from './registers.ts';

/** `mov $15, %rax; syscall` in its two lengths: what calls rt_sigreturn, by which debuggers know such a frame */
const restorers: readonly (readonly number[])[] = [
  [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05],
  [0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05],
];
/** bytes of `syscall` */
const SYSCALL = 2;

/** Whether a restorer's code is around `ip`, which is `offset(length)` bytes into it. */
function isRestorer(kernel: Kernel, task: Task, ip: bigint, offset: (length: number) => number): boolean {
  return restorers.some((bytes) => {
    const code = peek(kernel, task, ip - BigInt(offset(bytes.length)), bytes.length);
    return bytes.every((byte, n) => byte === code[n]);
  });
}

/** Whether `ip` is at an instruction of a restorer, or behind its system call. */
const insideRestorer = (kernel: Kernel, task: Task, ip: bigint): boolean =>
  [0, SYSCALL].some((rest) => isRestorer(kernel, task, ip, (length) => length - rest)) ||
  isRestorer(kernel, task, ip, () => 0);

/** struct sigcontext, from its place behind the return address; 8 bytes each */
const SIGCONTEXT = 40;
const fields = { r8: 0, r9: 1, r10: 2, di: 8, si: 9, bp: 10, dx: 12, ax: 13, cx: 14, sp: 15, ip: 16 } as const;

/**
 * The interrupted registers, when `ip` is a restorer and its frame's return address lies below `end`. `executing`: it is
 * no return address, and `end` the stack pointer.
 */
export function signalContext(
  kernel: Kernel,
  task: Task | undefined,
  ip: bigint,
  end: bigint,
  executing = false,
): FrameRegisters | undefined {
  if (ip >= KERNEL_HALF || task === undefined) return undefined;
  if (!(executing ? insideRestorer(kernel, task, ip) : isRestorer(kernel, task, ip, () => 0))) return undefined;
  const bytes = peek(kernel, task, end + BigInt(SIGCONTEXT), 17 * 8);
  if (bytes.length < 17 * 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const read = (field: keyof typeof fields): bigint => view.getBigUint64(fields[field] * 8, true);
  const names = ['ax', 'cx', 'dx', 'si', 'di', 'r8', 'r9', 'r10'] as const;
  const others = Object.fromEntries(names.map((name) => [name, read(name)]));
  return { ip: read('ip'), sp: read('sp'), bp: read('bp'), others: others as NonNullable<FrameRegisters['others']> };
}
