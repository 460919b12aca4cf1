/** System calls of a few families on a bare kernel, made by calling their handlers. */
import { currentTask } from '../../kernel/kernel.ts';
import { Errno } from '../../kernel/errno.ts';
import { isWait } from '../../kernel/native.ts';
import type { SyscallRow } from '../../kernel/syscalls/types.ts';
import type { BareKernel } from './bare-kernel.ts';

export type BareSyscall = (name: string, ...args: readonly (bigint | number)[]) => number | 'wait';

/** A function that makes the calls of `rows`: the result, -errno, or `wait`. */
export function bareSyscalls({ kernel }: BareKernel, rows: readonly SyscallRow[]): BareSyscall {
  const byName = new Map(rows.map((row) => [row.name, row]));
  return (name, ...values) => {
    const cpu = kernel.cpus[0]!;
    const args = Array.from({ length: 6 }, (_, n) => BigInt.asUintN(64, BigInt(values[n] ?? 0)));
    try {
      const result = byName.get(name)!.handler({ kernel, cpu, task: currentTask(kernel, cpu), args: args as never });
      return isWait(result) ? 'wait' : Number(result);
    } catch (error) {
      if (error instanceof Errno) return -error.number;
      throw error;
    }
  };
}
