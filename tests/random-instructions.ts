/** Random instructions as AT&T text, made from the opcode rows: for the tests of the assembler. */
import type { Operand, Width } from '../cpu/instruction.ts';
import { formsOf, type Form, type Spec } from '../toolchain/assembler/forms.ts';
import { bitsOf } from '../toolchain/assembler/match.ts';

/** The next of a sequence of numbers in [0, bound). */
export type Random = (bound: number) => number;

/** Deterministic: mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}

export interface RandomInstruction {
  readonly text: string;
  readonly form: Form;
  readonly width: Width;
  /** in Intel's order */
  readonly operands: readonly Operand[];
}

const wide = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];
export function registerName(index: number, width: number, high = false): string {
  if (high) return `${'acdb'[index]}h`;
  if (index >= 8) return `r${index}${{ 8: 'b', 16: 'w', 32: 'd', 64: '' }[width]}`;
  const name = wide[index]!.slice(1);
  if (width === 8) return index < 4 ? `${name[0]}l` : `${name}l`;
  return { 16: name, 32: `e${name}`, 64: `r${name}` }[width]!;
}

const suffixes: Readonly<Record<number, string>> = { 8: 'b', 16: 'w', 32: 'l', 64: 'q' };
const pick = <T>(random: Random, items: readonly T[]): T => items[random(items.length)]!;

function randomValue(random: Random, bits: number): bigint {
  const edges = [
    0n,
    1n,
    -1n,
    127n,
    128n,
    -128n,
    -129n,
    0x7fffn,
    0x12345n,
    -0x12345n,
    0x7fffffffn,
    -0x80000000n,
    0x7eadbeefn,
  ];
  const value = random(2) === 0 ? pick(random, edges) : BigInt(random(0x10000)) - 0x8000n;
  if (bits === 64 && random(4) === 0)
    return BigInt.asIntN(64, (BigInt(random(0x1_0000_0000)) << 32n) | BigInt(random(0x1_0000_0000)));
  return BigInt.asIntN(bits, value);
}

interface Written {
  readonly text: string;
  readonly operand: Operand;
}

function randomMemory(random: Random, width: number): Written {
  const kind = random(10);
  const displacement = random(3) === 0 ? 0n : BigInt.asIntN(32, randomValue(random, 32));
  const segment = random(8) === 0 ? 4 + random(2) : -1;
  const prefix = segment === -1 ? '' : `%${segment === 4 ? 'fs' : 'gs'}:`;
  const plain = { kind: 1, width: width as 64, scale: 1, segment, ripRelative: false } as const;
  const shown = displacement === 0n && random(2) === 0 ? '' : `${displacement}`;
  const complete = (base: number, index: number, scale: 1 | 2 | 4 | 8, addressWidth: 32 | 64): Written => {
    const baseText = base === -1 ? '' : `%${registerName(base, addressWidth)}`;
    const indexText = index === -1 ? '' : `,%${registerName(index, addressWidth)},${scale}`;
    return {
      text: `${prefix}${shown}(${baseText}${indexText})`,
      operand: { ...plain, base, index, scale, addressWidth, displacement: BigInt.asUintN(64, displacement) },
    };
  };
  if (kind === 0) {
    return {
      text: `${prefix}${displacement}(%rip)`,
      operand: {
        ...plain,
        base: -1,
        index: -1,
        ripRelative: true,
        addressWidth: 64,
        displacement: BigInt.asUintN(64, displacement),
      },
    };
  }
  if (kind === 1) {
    return {
      text: `${prefix}${displacement}`,
      operand: { ...plain, base: -1, index: -1, addressWidth: 64, displacement: BigInt.asUintN(64, displacement) },
    };
  }
  const addressWidth = random(12) === 0 ? 32 : 64;
  const index = random(2) === 0 ? -1 : pick(random, [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  const base = index !== -1 && random(5) === 0 ? -1 : random(16);
  return complete(base, index, index === -1 ? 1 : pick(random, [1, 2, 4, 8] as const), addressWidth);
}

const fixedOperands: Readonly<Record<string, Operand>> = {
  cl: { kind: 0, index: 1, width: 8, high: false },
  dx: { kind: 0, index: 2, width: 16, high: false },
};

function randomOperand(random: Random, spec: Spec, form: Form, width: Width): Written | undefined {
  const bits = bitsOf(spec.size, width);
  const general = (index: number): Written => {
    const high = bits === 8 && index < 4 && random(6) === 0;
    return { text: `%${registerName(index, bits, high)}`, operand: { kind: 0, index, width: bits as Width, high } };
  };
  switch (spec.slot) {
    case 'E':
      return form.row.form === 'mem' || (form.row.form !== 'reg' && random(2) === 0)
        ? randomMemory(random, bits)
        : general(random(16));
    case 'M':
      return randomMemory(random, bits);
    case 'G':
    case 'R':
    case 'Z':
      return general(random(16));
    case 'A':
      return { text: `%${registerName(0, bits)}`, operand: { kind: 0, index: 0, width: bits as Width, high: false } };
    case 'fixed':
      return { text: `%${spec.text}`, operand: fixedOperands[spec.text]! };
    case 'one':
      return { text: '$1', operand: { kind: 2, value: 1n, width: 8 } };
    case 'I': {
      const value = randomValue(random, bits);
      return { text: `$${value}`, operand: { kind: 2, value, width } };
    }
    case 'S': {
      const value = BigInt(random(256)) - 128n;
      return { text: `$${value}`, operand: { kind: 2, value, width } };
    }
    case 'V':
    case 'U': {
      const index = random(16);
      return { text: `%xmm${index}`, operand: { kind: 3, index, width: 128 } };
    }
    case 'W': {
      if (form.row.form === 'mem' || (form.row.form !== 'reg' && random(2) === 0)) return randomMemory(random, bits);
      const index = random(16);
      return { text: `%xmm${index}`, operand: { kind: 3, index, width: 128 } };
    }
    case 'st0':
    case 'sti': {
      // of st, st there are two encodings
      const index = spec.slot === 'st0' ? 0 : 1 + random(7);
      return { text: index === 0 ? '%st' : `%st(${index})`, operand: { kind: 7, index, width: 80 } };
    }
    default:
      return undefined;
  }
}

/** Mnemonics of AT&T that are not Intel's with a suffix. */
const extensions: Readonly<Record<string, string>> = { movzx: 'movz', movsx: 'movs', movsxd: 'movs' };
const conversions: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  cbw: { 16: 'cbtw', 32: 'cwtl', 64: 'cltq' },
  cwd: { 16: 'cwtd', 32: 'cltd', 64: 'cqto' },
};

const exchanged: Readonly<Record<string, string>> = { fsub: 'fsubr', fsubr: 'fsub', fdiv: 'fdivr', fdivr: 'fdiv' };
/** x87: AT&T's names of subtractions and divisions to st(i), and suffixes of memory operands. */
function x87MnemonicOf(form: Form): string {
  const { mnemonic } = form.row.row;
  const popping = mnemonic.endsWith('p') ? 'p' : '';
  if (form.specs[0]?.slot === 'sti')
    return (exchanged[mnemonic.slice(0, mnemonic.length - popping.length)] ?? mnemonic.replace(/p$/, '')) + popping;
  const [memory] = form.specs;
  if (memory?.slot !== 'M' || !/^f(i?(add|mul|subr?|divr?|com|comp|ld|st|stp)|isttp)$/.test(mnemonic)) return mnemonic;
  const suffix = mnemonic.startsWith('fi') ? { w: 's', d: 'l', q: 'll' } : { d: 's', q: 'l', t: 't' };
  return mnemonic + (suffix as Readonly<Record<string, string>>)[memory.size];
}

function mnemonicOf(form: Form, width: Width): string {
  const { mnemonic } = form.row.row;
  if (form.row.map === 0 && form.row.opcode >= 0xd8 && form.row.opcode <= 0xdf) return x87MnemonicOf(form);
  const conversion = conversions[mnemonic]?.[width];
  if (conversion !== undefined) return conversion;
  const extension = extensions[mnemonic];
  if (extension !== undefined) return `${extension}${suffixes[bitsOf(form.specs[1]!.size, width)]}${suffixes[width]}`;
  if (form.specs.length === 0) return form.sized ? mnemonic + suffixes[width] : mnemonic;
  const general = form.specs.filter(({ slot }) => 'EGZA'.includes(slot));
  const vector = form.specs.some(({ slot }) => 'VWU'.includes(slot));
  if (vector) return mnemonic.startsWith('cvtsi2') ? mnemonic + suffixes[width] : mnemonic;
  if (general.length === 0) return form.sized && form.row.d64 ? mnemonic + suffixes[width] : mnemonic;
  const bits = bitsOf(general[0]!.size, width);
  return bits !== 0 && general.every(({ size }) => bitsOf(size, width) === bits) ? mnemonic + suffixes[bits] : mnemonic;
}

/** Their suffixes, where they have any, speak of the source alone. */
const oneSided = /^(crc32|lar|lsl)$/;

/** Every form that a random instruction can be made of: no branches, system registers or absolute addresses. */
export function randomForms(mnemonics: Iterable<string>): Form[] {
  const forms = [...new Set([...mnemonics].flatMap((name) => formsOf(name)))];
  return forms.filter(
    ({ row, specs }) => !oneSided.test(row.row.mnemonic) && specs.every(({ slot }) => !'JOsCD'.includes(slot)),
  );
}

/** GAS leaves their first operand out. */
const impliesTop = /^f(u?comp?|xch)$/;

/** One instruction of this form; undefined where the operands drawn cannot stand together. */
export function randomInstruction(random: Random, form: Form): RandomInstruction | undefined {
  const width = pick(random, form.widths);
  if (form.row.row.mnemonic in extensions && bitsOf(form.specs[1]!.size, width) >= width) return undefined;
  const written: Written[] = [];
  for (const spec of form.specs) {
    const one = randomOperand(random, spec, form, width);
    if (one === undefined) return undefined;
    written.push(one);
  }
  const operands = written.map(({ operand }) => operand);
  const high = operands.some((operand) => operand.kind === 0 && operand.high);
  const rex =
    (form.sized && width === 64) ||
    form.row.w === 1 ||
    operands.some(
      (o) =>
        (o.kind === 0 && (o.index >= 8 || (o.width === 8 && !o.high && o.index >= 4))) ||
        (o.kind === 1 && (o.base >= 8 || o.index >= 8)),
    );
  if (high && rex) return undefined;
  const indirect = form.row.row.mnemonic === 'call' || form.row.row.mnemonic === 'jmp' ? '*' : '';
  const shown = impliesTop.test(form.row.row.mnemonic) ? written.slice(-1) : written;
  const texts = shown.map(({ text }) => indirect + text).toReversed();
  return { text: `${mnemonicOf(form, width)} ${texts.join(', ')}`.trimEnd(), form, width, operands };
}
