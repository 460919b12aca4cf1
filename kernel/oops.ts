import type { Cpu } from '../cpu/cpu.ts';
import type { Kernel } from './kernel.ts';
import { printk } from './printk.ts';

/** The kernel cannot go on (oops=panic): logs why, and no CPU executes anything more. */
export function oops(kernel: Kernel, cpu: Cpu, text: string): void {
  if (kernel.dead !== undefined) return;
  printk(kernel, cpu, text);
  printk(kernel, cpu, 'Kernel panic - not syncing: Fatal exception');
  kernel.dead = text.split('\n')[0]!;
  for (const other of kernel.cpus) other.leave = true;
}
