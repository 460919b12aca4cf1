/** Encodings of the opcode table's rows, for the tests: random prefixes, registers, addressing forms and immediates. */
import { compiledRows, type CompiledRow } from '../../cpu/decoder.ts';
import type { Random } from './random.ts';

export interface EncodingChoices {
  /** prefixes that change nothing, repeated prefixes and REX bits without meaning */
  readonly redundant: boolean;
  /** the displacement of a RIP-relative or absolute operand, given the address it should reach */
  readonly displacement: (kind: 'rip' | 'absolute' | 'base', random: Random) => number;
}

const littleEndian = (value: number, size: number): number[] =>
  Array.from({ length: size }, (_, n) => Math.floor(value / 2 ** (8 * n)) & 0xff);
const dword = (value: number): number[] => littleEndian(value >>> 0, 4);

/** VSIB: a SIB byte is there always. */
const isVectorIndexed = ({ operands }: CompiledRow): boolean => operands.some((spec) => spec[0] === 'T');

/** ModRM, SIB and displacement; `reg` and the upper bits of base and index are random. */
function operandBytes(row: CompiledRow, random: Random, choices: EncodingChoices): number[] {
  if (row.exactModrm !== undefined) return [row.exactModrm];
  const reg = row.extension ?? random.below(8);
  const register = row.form === 'reg' || row.ignoresMod || (row.form === undefined && random.chance(0.4));
  if (register) return [0xc0 | (reg << 3) | random.below(8)];
  const mod = random.below(3);
  const rm = isVectorIndexed(row) ? 4 : random.below(8);
  const modrm = (mod << 6) | (reg << 3) | rm;
  const sib = rm === 4 ? [random.below(256)] : [];
  const noBase = mod === 0 && (rm === 4 ? (sib[0]! & 7) === 5 : rm === 5);
  if (noBase) {
    const kind = rm === 5 ? 'rip' : ((sib[0]! >> 3) & 7) === 4 ? 'absolute' : 'base';
    return [modrm, ...sib, ...dword(choices.displacement(kind, random))];
  }
  if (mod === 0) return [modrm, ...sib];
  return [modrm, ...sib, ...(mod === 1 ? [random.below(256)] : dword(choices.displacement('base', random)))];
}

const interestingBytes = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff];
function immediate(size: number, random: Random): number[] {
  return Array.from({ length: size }, () => (random.chance(0.4) ? random.pick(interestingBytes) : random.below(256)));
}

/** Bytes of the immediates, branch displacements and absolute addresses of `row`. */
function trailingSizes(row: CompiledRow, operandSize: number, addressSize: boolean): number[] {
  return row.operands.flatMap((spec) => {
    if (spec[0] === 'O') return [addressSize ? 4 : 8];
    if (spec === 'Ib' || spec === 'Sb' || spec === 'Jb' || spec[0] === 'L') return [1];
    if (spec === 'Iw') return [2];
    if (spec === 'Id' || spec === 'Jz') return [4];
    if (spec === 'Iz') return [operandSize === 2 ? 2 : 4];
    if (spec === 'Iv') return [operandSize];
    return [];
  });
}

function opcodeAndRest(
  row: CompiledRow,
  random: Random,
  choices: EncodingChoices,
  operandSize: number,
  addressSize: boolean,
): number[] {
  return [
    row.opcode + (row.plusRegister ? random.below(8) : 0),
    ...(row.modrm ? operandBytes(row, random, choices) : []),
    ...trailingSizes(row, operandSize, addressSize).flatMap((size) => immediate(size, random)),
  ];
}

const ppOf: Readonly<Record<string, number>> = { NP: 0, '66': 1, F3: 2, F2: 3 };

/** C5 where it suffices, now and then. */
function vexBytes(row: CompiledRow, random: Random, rexBits: number, redundant: boolean): number[] {
  const named = row.operands.some((spec) => spec[0] === 'B' || spec[0] === 'H');
  const vvvv = named || (redundant && random.chance(0.05)) ? random.below(16) : 0;
  const low = ((~vvvv & 15) << 3) | ((row.l ?? random.below(2)) << 2) | ppOf[row.mandatory]!;
  if (row.map === 1 && (rexBits & 11) === 0 && random.chance(0.5)) return [0xc5, ((~rexBits & 4) << 5) | low];
  return [0xc4, ((~rexBits & 7) << 5) | row.map, ((rexBits & 8) << 4) | low];
}

/** The bytes of one instruction of `row`: prefixes and operands random. */
export function encodeRow(row: CompiledRow, random: Random, choices: EncodingChoices): number[] {
  // 66 before a near branch is ignored by Intel's processors and truncates rip on AMD's
  const takesSize = row.mandatory !== 'NP' && !row.vex && (choices.redundant || !row.f64);
  const operandSizePrefix = row.mandatory === '66' || (takesSize && random.chance(0.25));
  const addressSize = random.chance(0.08);
  const rexBits = (random.below(8) & (random.chance(0.5) ? 7 : 0)) | ((row.w ?? (random.chance(0.4) ? 1 : 0)) << 3);
  const prefixes: number[] = [];
  if (random.chance(0.08)) prefixes.push(random.pick([0x64, 0x65]));
  if (addressSize) prefixes.push(0x67);
  if (operandSizePrefix) prefixes.push(0x66);
  if (row.rep && random.chance(0.6)) prefixes.push(random.pick([0xf2, 0xf3]));
  if (row.mandatory === 'F3' || row.mandatory === 'F2') prefixes.push(Number.parseInt(row.mandatory, 16));
  if (row.lock && random.chance(0.2)) prefixes.push(0xf0);
  if (choices.redundant) {
    for (let n = random.below(3); n > 0; n--) {
      const extra = random.pick([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x48, 0x41]);
      prefixes.splice(random.below(prefixes.length + 1), 0, extra);
    }
  }
  if (row.vex) {
    const fields = prefixes.filter((value) => value !== Number.parseInt(row.mandatory, 16));
    return [
      ...fields,
      ...vexBytes(row, random, rexBits, choices.redundant),
      ...opcodeAndRest(row, random, choices, rexBits >= 8 ? 8 : 4, addressSize),
    ];
  }
  if (rexBits !== 0 || random.chance(0.1)) prefixes.push(0x40 | rexBits);
  const escape = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]][row.map]!;
  const operandSize = row.w8 ? 1 : rexBits >= 8 ? 8 : operandSizePrefix && row.mandatory !== '66' ? 2 : 4;
  return [...prefixes, ...escape, ...opcodeAndRest(row, random, choices, operandSize, addressSize)];
}

export { compiledRows };
