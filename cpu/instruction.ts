import type { Semantics } from './algebra.ts';

/** Operand size in bits. */
export type Width = 8 | 16 | 32 | 64;

/** Literal numbers, not strings: the interpreter switches on them for every operand it reads. */
export const OperandKind = {
  register: 0,
  memory: 1,
  immediate: 2,
  xmm: 3,
  segment: 4,
  control: 5,
  debug: 6,
  x87: 7,
  mmx: 8,
} as const;

/** A general-purpose register; `high` is ah, ch, dh or bh, with `index` that of ax, cx, dx or bx. */
export interface RegisterOperand {
  readonly kind: 0;
  readonly index: number;
  readonly width: Width;
  readonly high: boolean;
}

/** `base` and `index` are register numbers, or -1. RIP-relative operands have `ripRelative` and no base. */
export interface MemoryOperand {
  readonly kind: 1;
  /** bits accessed; 128 and 256 for whole vectors, 80 for extended and decimal numbers, 0 where the instruction has a size of its own (lea, lgdt, fxsave) */
  readonly width: Width | 80 | 128 | 256 | 0;
  readonly base: number;
  readonly index: number;
  readonly scale: 1 | 2 | 4 | 8;
  /** sign-extended, then taken modulo 2^64 */
  readonly displacement: bigint;
  readonly ripRelative: boolean;
  /** the segment that counts in 64-bit mode: FS 4, GS 5, else -1 */
  readonly segment: number;
  readonly addressWidth: 32 | 64;
  /** VSIB: the vector register whose lanes are indices, and its bits; `index` is -1 then, and `scale` that of the lanes */
  readonly vector?: { readonly index: number; readonly width: 128 | 256 };
}

/** An immediate, sign- or zero-extended as its instruction says, taken modulo 2^64; branch targets are relative to the next rip. */
export interface ImmediateOperand {
  readonly kind: 2;
  readonly value: bigint;
  /** operand bits that the value was extended to */
  readonly width: Width;
}

/** An XMM or YMM register; `width` is how many of its low bits the instruction means, 256 for a YMM register. */
export interface XmmOperand {
  readonly kind: 3;
  readonly index: number;
  readonly width: 32 | 64 | 128 | 256;
}

/** A segment, control or debug register. */
export interface SystemOperand {
  readonly kind: 4 | 5 | 6;
  readonly index: number;
  readonly width: Width;
}

/** st(index) */
export interface X87Operand {
  readonly kind: 7;
  readonly index: number;
  readonly width: 80;
}

/** An MMX register: the significand of the physical x87 register of that number. */
export interface MmxOperand {
  readonly kind: 8;
  readonly index: number;
  readonly width: 32 | 64;
}

export type Operand =
  RegisterOperand | MemoryOperand | ImmediateOperand | XmmOperand | SystemOperand | X87Operand | MmxOperand;

export type Repeat = '' | 'rep' | 'repne';

/** What the decoder makes of the bytes at one address. Immutable. */
export interface Instruction {
  /** Intel's mnemonic, lower case */
  readonly mnemonic: string;
  readonly operands: readonly Operand[];
  /** the effective operand size */
  readonly width: Width;
  readonly addressWidth: 32 | 64;
  /** F3 or F2 where it is a prefix and not part of the opcode */
  readonly repeat: Repeat;
  readonly lock: boolean;
  /** 4 for FS, 5 for GS, else -1 */
  readonly segment: number;
  /** of an x87 instruction what FOP notes: bits 0-2 of the opcode, and ModRM; else 0 */
  readonly fop: number;
  /** bytes */
  readonly length: number;
  readonly semantics: Semantics;
}
