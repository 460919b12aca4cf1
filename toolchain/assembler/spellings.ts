/**
 * Where AT&T's spelling differs from Intel's mnemonic, which is the one in the opcode rows. The size suffixes b, w, l and q
 * are added by `forms.ts`.
 */
import type { Width } from '../../cpu/instruction.ts';

/** One reading of a mnemonic as written. */
export interface Spelling {
  /** Intel's */
  readonly mnemonic: string;
  /** operand size in bits; of all general operands, or of each in Intel's order */
  readonly width?: Width;
  readonly operandWidths?: readonly (Width | undefined)[];
  /** an immediate that the spelling implies, the last operand in Intel's order */
  readonly implied?: bigint;
  /** movabs: only the rows with 64-bit addresses or immediates */
  readonly absolute?: true;
  /** as if the address size were this */
  readonly addressWidth?: 32;
  readonly operandCount?: number;
  /** only the rows whose memory operand has so many bits */
  readonly memoryBits?: number;
  /** only the rows whose destination is `sti`, or only the others */
  readonly toStackRegister?: boolean;
  /** numbers of x87 registers that the spelling implies, before and after the operands written, in Intel's order */
  readonly stackBefore?: readonly number[];
  readonly stackAfter?: readonly number[];
  /** FWAIT comes first */
  readonly waits?: true;
}

const named = (mnemonic: string, width?: Width): Spelling => (width === undefined ? { mnemonic } : { mnemonic, width });
const extended = (mnemonic: string, from: Width, to?: Width): Spelling => ({ mnemonic, operandWidths: [to, from] });

const suffixed: readonly (readonly [string, Width])[] = [
  ['b', 8],
  ['w', 16],
  ['l', 32],
  ['q', 64],
];
export const sizeSuffixes: ReadonlyMap<string, Width> = new Map(suffixed);

/** Other names of conditions. */
// prettier-ignore
const conditionAliases: readonly (readonly [alias: string, name: string])[] = [
  ['c', 'b'], ['nae', 'b'], ['nc', 'ae'], ['nb', 'ae'], ['z', 'e'], ['nz', 'ne'], ['na', 'be'], ['nbe', 'a'],
  ['pe', 'p'], ['po', 'np'], ['nge', 'l'], ['nl', 'ge'], ['ng', 'le'], ['nle', 'g'],
];

/** Aliases take size suffixes as the mnemonics they stand for. */
export const aliases: ReadonlyMap<string, string> = new Map([
  ...conditionAliases.flatMap(([alias, name]) =>
    ['j', 'set', 'cmov'].map((verb): [string, string] => [verb + alias, verb + name]),
  ),
  ['sal', 'shl'],
  ['loopz', 'loope'],
  ['loopnz', 'loopne'],
  ['ud2a', 'ud2'],
]);

/** These stand instead of what row mnemonics and suffixes would give. */
// prettier-ignore
export const replacements: Readonly<Record<string, readonly Spelling[]>> = {
  cbw:  [named('cbw', 16)], cbtw: [named('cbw', 16)],
  cwde: [named('cbw', 32)], cwtl: [named('cbw', 32)],
  cdqe: [named('cbw', 64)], cltq: [named('cbw', 64)],
  cwd:  [named('cwd', 16)], cwtd: [named('cwd', 16)],
  cdq:  [named('cwd', 32)], cltd: [named('cwd', 32)],
  cqo:  [named('cwd', 64)], cqto: [named('cwd', 64)],
  // without a suffix these do not say their size
  movs: [], cmps: [], stos: [], lods: [], scas: [],
};

/** These are read beside what row mnemonics and suffixes give. */
// prettier-ignore
export const additions: Readonly<Record<string, readonly Spelling[]>> = {
  movabs: [{ mnemonic: 'mov', absolute: true }],
  ...Object.fromEntries(suffixed.map(([suffix, width]) => [`movabs${suffix}`, [{ mnemonic: 'mov', absolute: true, width }]])),
  movzb: [extended('movzx', 8)], movzbw: [extended('movzx', 8, 16)], movzbl: [extended('movzx', 8, 32)], movzbq: [extended('movzx', 8, 64)],
  movzw: [extended('movzx', 16)], movzwl: [extended('movzx', 16, 32)], movzwq: [extended('movzx', 16, 64)],
  movsb: [extended('movsx', 8)], movsbw: [extended('movsx', 8, 16)], movsbl: [extended('movsx', 8, 32)], movsbq: [extended('movsx', 8, 64)],
  movsw: [extended('movsx', 16)], movswl: [extended('movsx', 16, 32)], movswq: [extended('movsx', 16, 64)],
  movsl: [extended('movsxd', 32)], movslq: [extended('movsxd', 32, 64)],
  crc32b: [extended('crc32', 8)],
  crc32l: [extended('crc32', 32)],
  crc32q: [extended('crc32', 64, 64)],
  movsd: [{ mnemonic: 'movs', width: 32, operandCount: 0 }],
  cmpsd: [{ mnemonic: 'cmps', width: 32, operandCount: 0 }],
  stosd: [named('stos', 32)], lodsd: [named('lods', 32)], scasd: [named('scas', 32)],
  jecxz: [{ mnemonic: 'jrcxz', addressWidth: 32 }],
};

/** Shifts by one may leave the 1 out. */
export const impliedOne: readonly string[] = ['rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', 'sar'];

/** cmpeqsd and its like: cmpsd with the predicate in the name. */
const predicates = ['eq', 'lt', 'le', 'unord', 'neq', 'nlt', 'nle', 'ord'];
export const impliedPredicates: readonly (readonly [string, Spelling])[] = predicates.flatMap((name, value) =>
  ['ps', 'pd', 'ss', 'sd'].map((type): [string, Spelling] => [
    `cmp${name}${type}`,
    { mnemonic: `cmp${type}`, implied: BigInt(value) },
  ]),
);

/** Rows without operands whose meaning still depends on the operand size. */
// prettier-ignore
export const sizedWithoutOperands: ReadonlySet<string> = new Set([
  'movs', 'cmps', 'stos', 'lods', 'scas', 'pushf', 'popf', 'leave', 'ret', 'cbw', 'cwd',
]);

/** The two operands may be exchanged: GAS takes both orders for the one encoding there is. */
export const symmetric: ReadonlySet<string> = new Set(['test', 'xchg']);

/** Ours: `native 7` means `native $7`. */
export const bareImmediates: ReadonlySet<string> = new Set(['native']);

/** Prefixes written as instructions. `lock` and the repeats belong to the instruction that follows in the statement. */
// prettier-ignore
export const prefixBytes: ReadonlyMap<string, number> = new Map([
  ['lock', 0xf0], ['rep', 0xf3], ['repe', 0xf3], ['repz', 0xf3], ['repne', 0xf2], ['repnz', 0xf2],
  ['data16', 0x66], ['addr32', 0x67], ['notrack', 0x3e],
  ['es', 0x26], ['cs', 0x2e], ['ss', 0x36], ['ds', 0x3e], ['fs', 0x64], ['gs', 0x65],
]);
