/** The table of supported instructions, read off the opcode rows: nothing here is written by hand. */
import { featureBits, switchable } from './cpuid.ts';
import { opcodeRows } from './opcodes/index.ts';
import type { Feature } from './opcodes/row.ts';

export interface InstructionSupport {
  /** Intel's, lower case */
  readonly mnemonic: string;
  readonly feature: Feature;
  /** rows of the opcode tables */
  readonly encodings: number;
  /** where CPUID tells of it, as `7.ebx[3]`; '' for what every x86-64 processor has */
  readonly cpuid: string;
  /** only where the box has been booted with `avx` */
  readonly switched: boolean;
}

/** One line a mnemonic and feature, by feature and name. */
export function instructionSupport(): readonly InstructionSupport[] {
  const lines = new Map<string, InstructionSupport>();
  for (const { mnemonic, feature } of opcodeRows) {
    const key = `${feature} ${mnemonic}`;
    const bit = featureBits[feature];
    const cpuid = bit === undefined ? '' : `${bit[0]}[${bit[1]}]`;
    const encodings = (lines.get(key)?.encodings ?? 0) + 1;
    lines.set(key, { mnemonic, feature, encodings, cpuid, switched: switchable.has(feature) });
  }
  return [...lines].toSorted(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)).map(([, line]) => line);
}
