/** The stacks of the kernel: whose a stack pointer is, and where it ends. */
import type { Kernel } from '../../kernel/kernel.ts';
import { constants } from '../../kernel/layout/constants.ts';
import { TASK_SIZE_MAX } from '../../kernel/layout/address-map.ts';
import { readKernelU64 } from '../../kernel/mm/kernel-memory.ts';
import { perCpuAddress, readPerCpu } from '../../kernel/per-cpu.ts';
import type { Task } from '../../kernel/task.ts';

export interface Stack {
  readonly kind: 'user' | 'kernel' | 'rex' | 'nmi' | 'double fault';
  /** the address behind its highest byte; 0n for a user stack, which is the program's own business */
  readonly end: bigint;
  /** bytes; 0 for a user stack */
  readonly size: number;
  /** the processor that it belongs to */
  readonly cpu: number | undefined;
  /** the task that it belongs to */
  readonly task: Task | undefined;
}

/** bytes of an interrupt stack: boot.ts */
const EXCEPTION_STACK = 16384;
/** offsets of the interrupt stack pointers in the TSS */
const IST: readonly (readonly [kind: Stack['kind'], offset: number])[] = [
  ['double fault', 36],
  ['nmi', 44],
];

const holds = (end: bigint, size: number, address: bigint): boolean => address >= end - BigInt(size) && address <= end;

/** The end of CPU `cpu`'s Rex stack; its top slot is 8 bytes below. */
export const rexStackEnd = (kernel: Kernel, cpu: number): bigint => readPerCpu(kernel, cpu, 'rex_stack_ptr') + 8n;

/** The stack that a stack pointer of `address` is on: an empty stack's pointer is its end. */
export function stackAt(kernel: Kernel, address: bigint): Stack | undefined {
  if (address < TASK_SIZE_MAX) return { kind: 'user', end: 0n, size: 0, cpu: undefined, task: undefined };
  for (const task of kernel.tasks.values()) {
    const end = task.stack + BigInt(constants.THREAD_SIZE);
    if (holds(end, constants.THREAD_SIZE, address)) {
      return { kind: 'kernel', end, size: constants.THREAD_SIZE, cpu: undefined, task };
    }
  }
  for (const { index } of kernel.cpus) {
    if (kernel.perCpu[index] === undefined) continue;
    const end = rexStackEnd(kernel, index);
    if (holds(end, constants.REX_STACK_SIZE, address)) {
      return { kind: 'rex', end, size: constants.REX_STACK_SIZE, cpu: index, task: undefined };
    }
    for (const [kind, offset] of IST) {
      const top = readKernelU64(kernel, perCpuAddress(kernel, index, 'cpu_tss_rw'), offset);
      if (top !== undefined && holds(top, EXCEPTION_STACK, address)) {
        return { kind, end: top, size: EXCEPTION_STACK, cpu: index, task: undefined };
      }
    }
  }
  return undefined;
}
