/** Names of code: of the kernel and of extensions by kallsyms, of programs by their files. */
import type { Kernel } from '../kernel/kernel.ts';
import { KERNEL_HALF, MODULES_VADDR } from '../kernel/layout/address-map.ts';
import { symbolAt } from '../kernel/symbols.ts';
import type { Task } from '../kernel/task.ts';
import { demangle } from '../toolchain/elf/index.ts';
import { createUserSymbols } from './user-symbols.ts';

export type Space = 'user' | 'kernel' | 'extension';

export function spaceOf(address: bigint): Space {
  if (address < KERNEL_HALF) return 'user';
  return address >= MODULES_VADDR ? 'extension' : 'kernel';
}

export interface Place {
  /** demangled */
  readonly symbol: string;
  readonly offset: bigint;
}

/** `main+0x12` */
export const describePlace = ({ symbol, offset }: Place): string =>
  offset === 0n ? symbol : `${symbol}+0x${offset.toString(16)}`;

/** The symbol that an address lies in; a program's is the task's. */
export type Symbolizer = (task: Task | undefined, address: bigint) => Place | undefined;

export function createSymbolizer(kernel: Kernel): Symbolizer {
  const userPlace = createUserSymbols(kernel);
  return (task, address) => {
    if (address < KERNEL_HALF) return task === undefined ? undefined : userPlace(task, address);
    const symbol = symbolAt(kernel.symbols, address);
    return symbol === undefined ? undefined : { symbol: demangle(symbol.name), offset: address - symbol.address };
  };
}
