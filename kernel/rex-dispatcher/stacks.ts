/** The per-CPU stacks that extension programs run on: arch/x86/net/rex.c. */
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { vmalloc } from '../mm/vmalloc.ts';
import { writePerCpu } from '../per-cpu.ts';
import { printk } from '../printk.ts';

/** At boot: maps a stack between unmapped pages for every CPU; `rex_stack_ptr` is its top slot. ENOMEM. */
export function initRexStacks(kernel: Kernel): void {
  for (const cpu of kernel.cpus) {
    const end = vmalloc(kernel, 'vmalloc', constants.REX_STACK_SIZE) + BigInt(constants.REX_STACK_SIZE);
    writePerCpu(kernel, cpu.index, 'rex_stack_ptr', end - 8n);
    printk(kernel, undefined, `rex: Initialize rex_stack on CPU ${cpu.index} at 0x${end.toString(16)}`);
  }
}

/** Whether `sp` lies on CPU `cpu`'s Rex stack, whose top slot is `top`: arch_on_rex_stack. */
export function onRexStack(top: bigint, sp: bigint): boolean {
  const end = top + 8n;
  return sp >= end - BigInt(constants.REX_STACK_SIZE) && sp < end;
}
