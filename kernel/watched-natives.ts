/** Native functions write without the processor: bytes that somebody watches are compared before and after one. */
import type { Cpu } from '../cpu/cpu.ts';
import type { Stops, Watch } from '../cpu/stops.ts';
import type { Kernel } from './kernel.ts';
import { KERNEL_HALF } from './layout/address-map.ts';
import { readKernel } from './mm/kernel-memory.ts';
import { peekUser } from './mm/peek-user.ts';

export interface TaskWatch extends Watch {
  /** of whom a user address is; without it, of whoever runs */
  readonly pid?: number;
}

/** The watched bytes as they are now; undefined where they are not mapped. */
function bytesOf(kernel: Kernel, { address, length, pid }: TaskWatch, current: number): Uint8Array | undefined {
  if (address >= KERNEL_HALF) return readKernel(kernel, address, length);
  const task = kernel.tasks.get(pid ?? current);
  const bytes = task === undefined ? undefined : peekUser(kernel, task, address, length);
  return bytes?.length === length ? bytes : undefined;
}

const differ = (before: Uint8Array | undefined, after: Uint8Array | undefined): boolean =>
  before !== undefined && after !== undefined && before.some((byte, n) => byte !== after[n]);

/** What `native` returns; the run ends after it where it has changed watched bytes. */
export function callWatched<Result>(kernel: Kernel, cpu: Cpu, stops: Stops, native: () => Result): Result {
  const watches: readonly TaskWatch[] = stops.watches.filter(({ access }) => access !== 'read');
  const { current } = kernel.perCpu[cpu.index]!;
  const before = watches.map((watch) => bytesOf(kernel, watch, current));
  const result = native();
  const watch = watches.find((candidate, n) => differ(before[n], bytesOf(kernel, candidate, current)));
  if (watch !== undefined) {
    stops.hit ??= { kind: 'memory', cpu, watch, access: 'write', pid: current };
    cpu.leave = true;
  }
  return result;
}
