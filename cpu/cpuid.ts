/** CPUID: exactly what the opcode tables implement. A test holds each feature's rows against iced-x86's list of it. */
import type { Cpu } from './cpu.ts';
import { opcodeRows } from './opcodes/index.ts';
import type { Feature } from './opcodes/row.ts';

type Leaf = { readonly eax: bigint; readonly ebx: bigint; readonly ecx: bigint; readonly edx: bigint };

const bits = (...positions: number[]): bigint =>
  positions.reduce((sum, position) => sum | (1n << BigInt(position)), 0n);
/** Four bytes of text as a register holds them. */
const text = (characters: string): bigint =>
  [...characters].reduce((sum, character, n) => sum | (BigInt(character.charCodeAt(0)) << BigInt(8 * n)), 0n);
const zero: Leaf = { eax: 0n, ebx: 0n, ecx: 0n, edx: 0n };

/** The registers that features are told in: leaf 1, leaf 7 sub-leaf 0 and leaf 8000_0001. */
export type FeatureWord = '1.ecx' | '1.edx' | '7.ebx' | '7.ecx' | '8000_0001.ecx' | '8000_0001.edx';

/** Where CPUID tells of a feature's instructions. XSAVE is left out: of its instructions there is XGETBV alone. */
export const featureBits: Readonly<Partial<Record<Feature, readonly [word: FeatureWord, bit: number]>>> = {
  SSE3: ['1.ecx', 0],
  PCLMULQDQ: ['1.ecx', 1],
  SSSE3: ['1.ecx', 9],
  CX16: ['1.ecx', 13],
  'SSE4.1': ['1.ecx', 19],
  'SSE4.2': ['1.ecx', 20],
  MOVBE: ['1.ecx', 22],
  POPCNT: ['1.ecx', 23],
  AES: ['1.ecx', 25],
  RDRAND: ['1.ecx', 30],
  FPU: ['1.edx', 0],
  TSC: ['1.edx', 4],
  MSR: ['1.edx', 5],
  CX8: ['1.edx', 8],
  CMOV: ['1.edx', 15],
  CLFSH: ['1.edx', 19],
  FXSR: ['1.edx', 24],
  SSE: ['1.edx', 25],
  SSE2: ['1.edx', 26],
  FSGSBASE: ['7.ebx', 0],
  BMI1: ['7.ebx', 3],
  BMI2: ['7.ebx', 8],
  RDSEED: ['7.ebx', 18],
  ADX: ['7.ebx', 19],
  SMAP: ['7.ebx', 20],
  CLFLUSHOPT: ['7.ebx', 23],
  CLWB: ['7.ebx', 24],
  SHA: ['7.ebx', 29],
  RDPID: ['7.ecx', 22],
  LAHF64: ['8000_0001.ecx', 0],
  LZCNT: ['8000_0001.ecx', 5],
  PREFETCHW: ['8000_0001.ecx', 8],
  SYSCALL: ['8000_0001.edx', 11],
  RDTSCP: ['8000_0001.edx', 27],
};

/** What is no instruction. edx: DE 2, PAE 6; ebx: SMEP 7, ERMS 9; edx: NX 20, LM 29 */
const machine: Readonly<Record<FeatureWord, bigint>> = {
  '1.ecx': 0n,
  '1.edx': bits(2, 6),
  '7.ebx': bits(7, 9),
  '7.ecx': 0n,
  '8000_0001.ecx': 0n,
  '8000_0001.edx': bits(20, 29),
};

let known: Readonly<Record<FeatureWord, bigint>> | undefined;

/** The bits of the features that have rows, and of the machine. */
export function featureWords(): Readonly<Record<FeatureWord, bigint>> {
  if (known !== undefined) return known;
  const implemented: ReadonlySet<Feature> = new Set(opcodeRows.map(({ feature }) => feature));
  const words: Record<FeatureWord, bigint> = { ...machine };
  for (const [feature, [word, bit]] of Object.entries(featureBits)) {
    if (implemented.has(feature as Feature)) words[word] |= 1n << BigInt(bit);
  }
  return (known = words);
}

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
  0x1: (cpu) => ({
    eax: 0x600n,
    ebx: 0x0800n | (BigInt(cpu.index) << 24n),
    ecx: featureWords()['1.ecx'],
    edx: featureWords()['1.edx'],
  }),
  0x7: (_, subleaf) => (subleaf === 0 ? { ...zero, ebx: featureWords()['7.ebx'], ecx: featureWords()['7.ecx'] } : zero),
  0x8000_0000: () => vendorLeaf(0x8000_0008n),
  0x8000_0001: () => ({ ...zero, ecx: featureWords()['8000_0001.ecx'], edx: featureWords()['8000_0001.edx'] }),
  0x8000_0002: () => brandLeaf(0),
  0x8000_0003: () => brandLeaf(1),
  0x8000_0004: () => brandLeaf(2),
  // physical and linear address bits
  0x8000_0008: () => ({ ...zero, eax: 40n | (48n << 8n) }),
};

export function cpuidLeaf(cpu: Cpu, leaf: number, subleaf: number): Leaf {
  return leaves[leaf]?.(cpu, subleaf) ?? zero;
}
