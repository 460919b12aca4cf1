/** CPUID: exactly what the opcode tables implement. A test holds each feature's rows against iced-x86's list of it. */
import type { Cpu } from './cpu.ts';
import { XSAVE_SIZE, XSAVE_UPPER } from './fxsave.ts';
import { opcodeRows } from './opcodes/index.ts';
import type { Feature } from './opcodes/row.ts';
import { Slot } from './state.ts';

type Leaf = { readonly eax: bigint; readonly ebx: bigint; readonly ecx: bigint; readonly edx: bigint };

const bits = (...positions: number[]): bigint =>
  positions.reduce((sum, position) => sum | (1n << BigInt(position)), 0n);
/** Four bytes of text as a register holds them. */
const text = (characters: string): bigint =>
  [...characters].reduce((sum, character, n) => sum | (BigInt(character.charCodeAt(0)) << BigInt(8 * n)), 0n);
const zero: Leaf = { eax: 0n, ebx: 0n, ecx: 0n, edx: 0n };

/** The registers that features are told in: leaf 1, leaf 7 sub-leaf 0, leaf D sub-leaf 1 and leaf 8000_0001. */
export type FeatureWord = '1.ecx' | '1.edx' | '7.ebx' | '7.ecx' | 'D.1.eax' | '8000_0001.ecx' | '8000_0001.edx';

/** Where CPUID tells of a feature's instructions. */
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
  XSAVE: ['1.ecx', 26],
  AVX: ['1.ecx', 28],
  RDRAND: ['1.ecx', 30],
  FPU: ['1.edx', 0],
  TSC: ['1.edx', 4],
  MSR: ['1.edx', 5],
  CX8: ['1.edx', 8],
  CMOV: ['1.edx', 15],
  CLFSH: ['1.edx', 19],
  MMX: ['1.edx', 23],
  FXSR: ['1.edx', 24],
  SSE: ['1.edx', 25],
  SSE2: ['1.edx', 26],
  FSGSBASE: ['7.ebx', 0],
  BMI1: ['7.ebx', 3],
  AVX2: ['7.ebx', 5],
  BMI2: ['7.ebx', 8],
  RDSEED: ['7.ebx', 18],
  ADX: ['7.ebx', 19],
  SMAP: ['7.ebx', 20],
  CLFLUSHOPT: ['7.ebx', 23],
  CLWB: ['7.ebx', 24],
  SHA: ['7.ebx', 29],
  RDPID: ['7.ecx', 22],
  XSAVEOPT: ['D.1.eax', 0],
  XSAVEC: ['D.1.eax', 1],
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
  'D.1.eax': 0n,
  '8000_0001.ecx': 0n,
  '8000_0001.edx': bits(20, 29),
};

/** What the switch `Slot.avx` is for; D.1.eax: XGETBV with ECX = 1 */
export const switchable: ReadonlySet<Feature> = new Set<Feature>(['XSAVE', 'XSAVEOPT', 'XSAVEC', 'AVX', 'AVX2']);
const XGETBV1 = 1n << 2n;
const OSXSAVE = 1n << 27n;
const CR4_OSXSAVE = 1n << 18n;

const known: Readonly<Record<FeatureWord, bigint>>[] = [];

/** The bits of the features that have rows, with or without those of the switch, and of the machine. */
export function featureWords(avx = false): Readonly<Record<FeatureWord, bigint>> {
  return (known[Number(avx)] ??= computeWords(avx));
}
function computeWords(avx: boolean): Record<FeatureWord, bigint> {
  const implemented: ReadonlySet<Feature> = new Set(opcodeRows.map(({ feature }) => feature));
  const words: Record<FeatureWord, bigint> = { ...machine };
  for (const [name, [word, bit]] of Object.entries(featureBits)) {
    const feature = name as Feature;
    if (implemented.has(feature) && (avx || !switchable.has(feature))) words[word] |= 1n << BigInt(bit);
  }
  if (avx) words['D.1.eax'] |= XGETBV1;
  return words;
}
export const hasAvx = (cpu: Cpu): boolean => cpu.slots[Slot.avx] !== 0n;
const wordsOf = (cpu: Cpu): Readonly<Record<FeatureWord, bigint>> => featureWords(hasAvx(cpu));

/** Leaf D: the parts of the XSAVE area, and its size with those that XCR0 turns on. */
function xsaveLeaf(cpu: Cpu, subleaf: number): Leaf {
  if (!hasAvx(cpu)) return zero;
  const size = BigInt((cpu.slots[Slot.xcr0]! & 4n) === 0n ? XSAVE_UPPER : XSAVE_SIZE);
  if (subleaf === 0) return { ...zero, eax: 7n, ebx: size, ecx: BigInt(XSAVE_SIZE) };
  if (subleaf === 1) return { ...zero, eax: wordsOf(cpu)['D.1.eax'], ebx: size };
  return subleaf === 2 ? { ...zero, eax: BigInt(XSAVE_SIZE - XSAVE_UPPER), ebx: BigInt(XSAVE_UPPER) } : zero;
}

const brand = 'kernel-in-a-box x86-64'.padEnd(48, '\0');
const brandLeaf = (part: number): Leaf => {
  const at = (register: number): bigint => text(brand.slice(part * 16 + register * 4, part * 16 + register * 4 + 4));
  return { eax: at(0), ebx: at(1), ecx: at(2), edx: at(3) };
};

/** Twelve letters. Libraries look for AVX on processors of vendors that they know, and at nothing of others: glibc's init_cpu_features. */
export const vendorOf = (cpu: Cpu): string => (hasAvx(cpu) ? 'AuthenticAMD' : 'KernelInABox');
/** Family and model: with AVX the first of AMD's with all that there is here, but for FMA and F16C. */
export const modelOf = (cpu: Cpu): { readonly family: number; readonly model: number } =>
  hasAvx(cpu) ? { family: 0x17, model: 1 } : { family: 6, model: 0 };

const vendorLeaf = (cpu: Cpu, highest: bigint): Leaf => ({
  eax: highest,
  ebx: text(vendorOf(cpu).slice(0, 4)),
  edx: text(vendorOf(cpu).slice(4, 8)),
  ecx: text(vendorOf(cpu).slice(8, 12)),
});
/** Stepping 0; families above 15 are told in two parts. */
function signature(cpu: Cpu): bigint {
  const { family, model } = modelOf(cpu);
  return BigInt((Math.max(family - 15, 0) << 20) | (Math.min(family, 15) << 8) | (model << 4));
}

/** Lines of 64 bytes, eight ways: L1 of 32 KiB, L2 of 512 KiB, L3 of 8 MiB. Sizes that libraries of AMD's processors ask for; no cache exists. */
const cachesOne: Leaf = { ...zero, ecx: 0x2008_0140n, edx: 0x2008_0140n };
const cachesTwo: Leaf = { ...zero, ecx: 0x0200_6140n, edx: 0x0040_6140n };

const leaves: Readonly<Record<number, (cpu: Cpu, subleaf: number) => Leaf>> = {
  0x0: (cpu) => vendorLeaf(cpu, hasAvx(cpu) ? 0xdn : 7n),
  // CLFLUSH line size 8 x 8 bytes, APIC id
  0x1: (cpu) => ({
    eax: signature(cpu),
    ebx: 0x0800n | (BigInt(cpu.index) << 24n),
    ecx: wordsOf(cpu)['1.ecx'] | ((cpu.slots[Slot.cr4]! & CR4_OSXSAVE) === 0n ? 0n : OSXSAVE),
    edx: wordsOf(cpu)['1.edx'],
  }),
  0x7: (cpu, subleaf) => (subleaf === 0 ? { ...zero, ebx: wordsOf(cpu)['7.ebx'], ecx: wordsOf(cpu)['7.ecx'] } : zero),
  0xd: xsaveLeaf,
  0x8000_0000: (cpu) => vendorLeaf(cpu, 0x8000_0008n),
  0x8000_0001: () => ({ ...zero, ecx: featureWords()['8000_0001.ecx'], edx: featureWords()['8000_0001.edx'] }),
  0x8000_0002: () => brandLeaf(0),
  0x8000_0003: () => brandLeaf(1),
  0x8000_0004: () => brandLeaf(2),
  0x8000_0005: (cpu) => (hasAvx(cpu) ? cachesOne : zero),
  0x8000_0006: (cpu) => (hasAvx(cpu) ? cachesTwo : zero),
  // physical and linear address bits
  0x8000_0008: () => ({ ...zero, eax: 40n | (48n << 8n) }),
};

export function cpuidLeaf(cpu: Cpu, leaf: number, subleaf: number): Leaf {
  return leaves[leaf]?.(cpu, subleaf) ?? zero;
}
