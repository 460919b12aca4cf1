/** An ELF file of the running kernel: its text and data, kallsyms, and debug information; what a vmlinux is to gdb. */
import type { Box } from '../../box/box.ts';
import { KERNEL_DATA, KERNEL_TEXT, MODULES_VADDR } from '../../kernel/layout/address-map.ts';
import type { KernelSymbol } from '../../kernel/symbols.ts';
import {
  ET_EXEC,
  PF_R,
  PF_W,
  PF_X,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHN_ABS,
  STB_GLOBAL,
  STT_FUNC,
  STT_OBJECT,
} from '../../toolchain/elf/constants.ts';
import { writeElf, type SymbolSource } from '../../toolchain/elf/index.ts';
import { kernelDebugSections } from './kernel-debug-info.ts';
import { kernelFrames } from './kernel-frames.ts';

/** Where a program's entry point would be: gdb's backtraces end in this function. */
const ENTRY = 'entry_SYSCALL_64';

const PAGE = 4096;
/** bytes between two sections at most: where kernel/entry/text.ts puts the next */
const LONGEST = 0x100_0000;

const sections = [
  { name: '.text', address: KERNEL_TEXT, flags: SHF_ALLOC | SHF_EXECINSTR, segment: PF_R | PF_X },
  { name: '.rodata', address: KERNEL_DATA, flags: SHF_ALLOC, segment: PF_R },
  { name: '.data', address: KERNEL_DATA + 0x10_0000n, flags: SHF_ALLOC | SHF_WRITE, segment: PF_R | PF_W },
  { name: '.bss', address: KERNEL_DATA + 0x20_0000n, flags: SHF_ALLOC | SHF_WRITE, segment: PF_R | PF_W },
];

/** The pages that are mapped from `address` on. */
function mappedBytes(box: Box, address: bigint): Uint8Array {
  const pages: Uint8Array[] = [];
  while (pages.length * PAGE < LONGEST) {
    const page = box.readMemory(address + BigInt(pages.length * PAGE), PAGE);
    if (page === undefined) break;
    pages.push(page);
  }
  const bytes = new Uint8Array(pages.length * PAGE);
  pages.forEach((page, n) => bytes.set(page, n * PAGE));
  return bytes;
}

/** kprobes lie in the text as int3: the file has what they replaced. */
function restoreProbed({ kernel }: Box, text: Uint8Array): void {
  for (const { address, original } of kernel.kprobes.probes.values()) {
    const at = Number(address - KERNEL_TEXT);
    if (at >= 0 && at < text.length) text.set(original.subarray(0, 1), at);
  }
}

function symbolSource({ name, address, size, kind }: KernelSymbol): SymbolSource {
  const section = sections.findLast((row) => address >= row.address && address < row.address + BigInt(LONGEST));
  return {
    name,
    value: address,
    size: BigInt(size),
    type: kind === 'T' ? STT_FUNC : STT_OBJECT,
    binding: STB_GLOBAL,
    section: kind === 'A' || section === undefined ? SHN_ABS : section.name,
  };
}

/** Of the kernel's own names: those of extensions are in their files. */
function ownSymbols({ kernel }: Box): KernelSymbol[] {
  return [...kernel.symbols.byName.values()].filter(({ address, kind }) => kind !== 't' && address < MODULES_VADDR);
}

export function kernelElf(box: Box): Uint8Array {
  const present = sections
    .map((row) => ({ ...row, data: mappedBytes(box, row.address) }))
    .filter(({ data }) => data.length > 0);
  const text = present.find(({ name }) => name === '.text');
  if (text !== undefined) restoreProbed(box, text.data);
  const symbols = ownSymbols(box).map(symbolSource);
  const names = new Set(present.map(({ name }) => name));
  const range = { low: KERNEL_TEXT, high: KERNEL_TEXT + BigInt(text?.data.length ?? 0) };
  const debug = {
    ...kernelDebugSections(box.kernel.listing, range),
    '.debug_frame': kernelFrames(box, range),
  };
  return writeElf({
    type: ET_EXEC,
    entry: box.symbols.lookup(ENTRY) ?? 0n,
    segments: present.map(({ segment, address, data }) => ({ flags: segment, address, data })),
    sections: [
      ...present.map(({ name, flags, address, data }) => ({
        name,
        flags,
        address,
        size: data.length,
        addralign: PAGE,
      })),
      ...Object.entries(debug).map(([name, data]) => ({ name, data })),
    ],
    symbols: symbols.map((symbol) =>
      typeof symbol.section === 'string' && !names.has(symbol.section) ? { ...symbol, section: SHN_ABS } : symbol,
    ),
  });
}
