/** CPUID: exactly what the opcode tables implement. */
import type { Cpu } from './cpu.ts';

type Leaf = { readonly eax: bigint; readonly ebx: bigint; readonly ecx: bigint; readonly edx: bigint };

const bits = (...positions: number[]): bigint =>
  positions.reduce((sum, position) => sum | (1n << BigInt(position)), 0n);
/** Four bytes of text as a register holds them. */
const text = (characters: string): bigint =>
  [...characters].reduce((sum, character, n) => sum | (BigInt(character.charCodeAt(0)) << BigInt(8 * n)), 0n);
const zero: Leaf = { eax: 0n, ebx: 0n, ecx: 0n, edx: 0n };

// leaf 1 ecx: CX16 13, POPCNT 23; edx: TSC 4, MSR 5, PAE 6, CX8 8, CMOV 15, SSE 25, SSE2 26
const features = { ecx: bits(13, 23), edx: bits(4, 5, 6, 8, 15, 25, 26) };
// leaf 7 ebx: FSGSBASE 0, SMEP 7, ERMS 9, SMAP 20
const structured = bits(0, 7, 9, 20);
// leaf 8000_0001 ecx: LAHF64 0; edx: SYSCALL 11, NX 20, RDTSCP 27, LM 29
const extended = { ecx: bits(0), edx: bits(11, 20, 27, 29) };

const brand = 'kernel-in-a-box x86-64'.padEnd(48, '\0');
const brandLeaf = (part: number): Leaf => {
  const at = (register: number): bigint => text(brand.slice(part * 16 + register * 4, part * 16 + register * 4 + 4));
  return { eax: at(0), ebx: at(1), ecx: at(2), edx: at(3) };
};

const VENDOR = 'KernelInABox';
const vendorLeaf = (highest: bigint): Leaf => ({
  eax: highest,
  ebx: text(VENDOR.slice(0, 4)),
  edx: text(VENDOR.slice(4, 8)),
  ecx: text(VENDOR.slice(8, 12)),
});

const leaves: Readonly<Record<number, (cpu: Cpu, subleaf: number) => Leaf>> = {
  0x0: () => vendorLeaf(7n),
  // family 6 model 0 stepping 0; CLFLUSH line size 8 x 8 bytes, APIC id
  0x1: (cpu) => ({ eax: 0x600n, ebx: 0x0800n | (BigInt(cpu.index) << 24n), ...features }),
  0x7: (_, subleaf) => (subleaf === 0 ? { ...zero, ebx: structured } : zero),
  0x8000_0000: () => vendorLeaf(0x8000_0008n),
  0x8000_0001: () => ({ ...zero, ...extended }),
  0x8000_0002: () => brandLeaf(0),
  0x8000_0003: () => brandLeaf(1),
  0x8000_0004: () => brandLeaf(2),
  // physical and linear address bits
  0x8000_0008: () => ({ ...zero, eax: 40n | (48n << 8n) }),
};

export function cpuidLeaf(cpu: Cpu, leaf: number, subleaf: number): Leaf {
  return leaves[leaf]?.(cpu, subleaf) ?? zero;
}
