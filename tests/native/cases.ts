/** Random cases that reach their operands: each row of the opcode table that user mode may try, with edge values. */
import { decode, type CompiledRow } from '../../cpu/decoder.ts';
import type { Instruction, MemoryOperand } from '../../cpu/instruction.ts';
import { registerNames } from '../../cpu/state.ts';
import { compiledRows, encodeRow } from './encode.ts';
import { createRandom, type Random } from './random.ts';
import { fillMemory, Layout, stateOf, type Case } from './state.ts';

/** Their results are the environment's: the kernel's, this processor model's, its descriptor tables'. */
const excluded = new Set(
  [
    'syscall int iret iretq native cpuid rdtsc rdtscp xgetbv',
    'rdfsbase rdgsbase wrfsbase wrgsbase',
    'xsetbv xsave xsave64 xsaveopt xsaveopt64 xsavec xsavec64 xrstor xrstor64',
    'rdrand rdseed rdpid rcpps rcpss rsqrtps rsqrtss vrcpps vrcpss vrsqrtps vrsqrtss',
    // its trap is behind it on processors, in front of it on this one's hypervisor
    'int1',
    'sgdt sidt sldt str smsw lar lsl verr verw retf',
  ].flatMap((line) => line.split(' ')),
);
/** Selectors, and what FS holds, are the harness's; far pointers need selectors. */
const namesSegment = ({ row, operands }: CompiledRow): boolean =>
  operands.includes('s') ||
  (row.mnemonic === 'pop' && /[fg]s/.test(row.operands)) ||
  /^FF \/[35] mem/.test(row.pattern);
/** Of these one unit in the last place may differ: x87.test.ts allows for it. */
const approximate = /^(fsin|fcos|fsincos|fptan|fpatan|f2xm1|fyl2x|fyl2xp1)$/;
export const isX87 = ({ row, map, opcode }: CompiledRow): boolean =>
  map === 0 && ((opcode >= 0xd8 && opcode <= 0xdf) || row.pattern === '9B');

export const comparableRows: readonly CompiledRow[] = compiledRows.filter(
  (row) => !excluded.has(row.row.mnemonic) && !namesSegment(row) && !approximate.test(row.row.mnemonic),
);

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const RSP = 4;
const RBP = 5;
const RSI = 6;
const RDI = 7;
const nameOf = (index: number): string => registerNames[index]!;

/** An offset into the data page: aligned, anywhere, or where an access may cross its end or its start. */
function dataOffset(random: Random): number {
  const where = random.below(10);
  if (where < 5) return random.below(Layout.page / 16) * 16;
  if (where < 8) return 64 + random.below(Layout.page - 128);
  return where === 8 ? Layout.page - random.below(18) : random.below(20) - 10;
}

const asUnsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

/** Values for base (or index) that make the operand's linear address `target`, where they exist. */
function aim(
  operand: MemoryOperand,
  target: bigint,
  gpr: readonly bigint[],
  set: Map<string, bigint>,
  random: Random,
): void {
  const { base, index, scale, displacement } = operand;
  const segment = operand.segment === 5 ? BigInt(Layout.gsBase) : 0n;
  const at = target - displacement - segment;
  // above 32 bits an address-size prefix ignores everything
  const garbage = operand.addressWidth === 32 && random.chance(0.5) ? random.wide() & ~0xffff_ffffn : 0n;
  const put = (register: number, value: bigint): void => {
    const wrapped = operand.addressWidth === 32 ? BigInt.asUintN(32, value) | garbage : asUnsigned(value);
    set.set(nameOf(register), wrapped);
    (gpr as bigint[])[register] = wrapped;
  };
  if (base >= 0 && base !== index) put(base, at - (index < 0 ? 0n : gpr[index]! * BigInt(scale)));
  else if (base < 0 && index >= 0) put(index, asUnsigned(at) / BigInt(scale));
}

/** Displacements that reach the data page from the end of an instruction of `length` bytes. */
function displacements(length: number) {
  return (kind: 'rip' | 'absolute' | 'base', random: Random): number => {
    if (kind === 'base') return random.chance(0.5) ? random.below(4096) - 2048 : random.next();
    const target = Layout.dataBase + dataOffset(random);
    return kind === 'absolute' ? target : target - (Layout.codeStart + length);
  };
}

/** Branches go forward or far back: never into themselves, which could loop. */
function straighten(code: number[], row: CompiledRow): void {
  const size = row.operands.includes('Jb') ? 1 : row.operands.includes('Jz') ? 4 : 0;
  if (size === 0) return;
  const sign = code.length - 1;
  if (code[sign]! >= 0xe8) code[sign] = code[sign]! & 0x7f;
}

function encode(
  row: CompiledRow,
  seed: number,
): { readonly code: number[]; readonly instruction: Instruction } | undefined {
  const once = (length: number): number[] =>
    encodeRow(row, createRandom(seed ^ 0x5bd1e995), { redundant: false, displacement: displacements(length) });
  const code = once(once(0).length);
  straighten(code, row);
  if (row.operands.some((spec) => spec[0] === 'O')) {
    const random = createRandom(seed + 1);
    const size = code.includes(0x67) ? 4 : 8;
    const target = BigInt(Layout.dataBase + dataOffset(random));
    for (let n = 0; n < size; n++) code[code.length - size + n] = Number((target >> BigInt(8 * n)) & 0xffn);
  }
  const padded = Uint8Array.from([...code, ...Array.from({ length: 16 }, () => 0xcc)]);
  const instruction = decode(padded, 0, padded.length);
  if (typeof instruction !== 'object' || instruction.length !== code.length) return undefined;
  // FS holds the harness's own thread data
  if (instruction.segment === 4) return undefined;
  return { code, instruction };
}

type Settings = Map<string, bigint>;
type Preparation = (random: Random, set: Settings, gpr: bigint[], i: Instruction) => void;

const pointTo =
  (...registers: number[]): Preparation =>
  (random, set) => {
    for (const register of registers) {
      if (random.chance(0.9)) set.set(nameOf(register), BigInt(Layout.dataBase + dataOffset(random)));
    }
  };
// at most one bad pointer: which of two faults comes first is the processor's own choice
const strings: Preparation = (random, set, _gpr, i) => {
  const segment = i.segment === 5 ? Layout.gsBase : 0;
  const inside = (): number => Layout.dataBase + 1024 + random.below(2048);
  const bad = random.chance(0.3) ? random.pick([RSI, RDI]) : -1;
  for (const register of [RSI, RDI]) {
    const address = register === bad ? Layout.dataBase + dataOffset(random) : inside();
    set.set(nameOf(register), BigInt(address - (register === RSI ? segment : 0)));
  }
  if (random.chance(0.9)) set.set('rcx', BigInt(random.below(6)));
};
const division: Preparation = (random, set) => {
  const choice = random.below(4);
  if (choice > 0) set.set('rdx', choice === 1 ? 0n : choice === 2 ? asUnsigned(-1n) : BigInt(random.below(300)));
  if (choice > 0 && random.chance(0.3)) set.set('rax', BigInt(random.next()));
};
const bitOffset: Preparation = (random, set, _gpr, i) => {
  const offset = i.operands[1]!;
  if (offset.kind === 0 && random.chance(0.8))
    set.set(nameOf(offset.index), asUnsigned(BigInt(random.below(4000) - 2000)));
};
const exchange: Preparation = (random, set, gpr, i) => {
  const destination = i.operands[0]!;
  if (destination.kind === 0 && random.chance(0.4)) set.set('rax', gpr[destination.index]!);
};
const target: Preparation = (random, set, _gpr, i) => {
  const operand = i.operands[0];
  if (operand?.kind === 0 && random.chance(0.6))
    set.set(nameOf(operand.index), BigInt(Layout.codeBase + random.below(0x700)));
};
/** Lengths around the number of elements, and two texts of few letters, so that they meet. */
const texts: Preparation = (random, set, _gpr, i) => {
  for (const name of ['rax', 'rdx']) {
    if (random.chance(0.8)) set.set(name, asUnsigned(BigInt(random.below(44) - 22)));
  }
  const letters = random.pick([2, 3, 200]);
  const letter = (): bigint => BigInt(random.chance(0.08) ? 0 : (0x61 + random.below(letters)) & 0xff);
  for (const operand of i.operands) {
    if (operand.kind !== 3 || random.chance(0.1)) continue;
    for (const half of ['l', 'h']) {
      set.set(
        `xmm${operand.index}${half}`,
        Array.from({ length: 8 }, letter).reduce((sum, byte) => (sum << 8n) | byte, 0n),
      );
    }
  }
};
/** Starts and lengths of bit fields that are mostly inside an operand. */
const bitField: Preparation = (random, set, _gpr, i) => {
  const control = i.operands[2]!;
  if (control.kind !== 0 || random.chance(0.2)) return;
  set.set(nameOf(control.index), BigInt(random.below(70) | (random.below(70) << 8)));
};
const preparations: Readonly<Record<string, Preparation>> = {
  movs: strings,
  movsb: strings,
  cmps: strings,
  cmpsb: strings,
  stos: strings,
  stosb: strings,
  lods: strings,
  lodsb: strings,
  scas: strings,
  scasb: strings,
  maskmovdqu: pointTo(RDI),
  vmaskmovdqu: pointTo(RDI),
  vpcmpestri: texts,
  vpcmpestrm: texts,
  vpcmpistri: texts,
  vpcmpistrm: texts,
  maskmovq: pointTo(RDI),
  leave: pointTo(RBP),
  enter: pointTo(RBP),
  xlatb: pointTo(RBX),
  pcmpestri: texts,
  pcmpestrm: texts,
  pcmpistri: texts,
  pcmpistrm: texts,
  bextr: bitField,
  bzhi: bitField,
  div: division,
  idiv: division,
  jmp: target,
  call: target,
  bt: bitOffset,
  bts: bitOffset,
  btr: bitOffset,
  btc: bitOffset,
  cmpxchg: exchange,
};

/** After the address is known: an accumulator that compares equal to memory now and then. */
function matchMemory(i: Instruction, offset: number, seed: number, random: Random, set: Settings): void {
  if (!i.mnemonic.startsWith('cmpxchg') || offset < 0 || offset > Layout.page - 16 || random.chance(0.5)) return;
  const bytes = new DataView(fillMemory(seed).buffer);
  set.set(nameOf(RAX), bytes.getBigUint64(offset, true));
  set.set(nameOf(RDX), bytes.getBigUint64(offset + (i.width === 64 ? 8 : 4), true));
}

const FLDPI = [0xd9, 0xeb];
/** fnstenv [rsp-64] */
const FNSTENV = [0xd9, 0x74, 0x24, 0xc0];

/** The case that `row` and `seed` make, or undefined where they make none that can be compared. */
export function caseOf(row: CompiledRow, seed: number): Case | undefined {
  const encoded = encode(row, seed);
  if (encoded === undefined) return undefined;
  const { code, instruction } = encoded;
  const random = createRandom(seed + 2);
  const { gpr } = stateOf(seed);
  const set: Settings = new Map();
  set.set(nameOf(RSP), BigInt(Layout.dataBase + 256 + random.below(400) * 8));
  preparations[instruction.mnemonic]?.(random, set, gpr, instruction);
  for (const [name, value] of set) {
    const index = registerNames.indexOf(name as 'rax');
    if (index >= 0) gpr[index] = value;
  }
  const operand = instruction.operands.find((candidate) => candidate.kind === 1);
  if (operand?.kind === 1 && random.chance(0.95)) {
    const offset = dataOffset(random);
    aim(operand, BigInt(Layout.dataBase + offset), gpr, set, random);
    matchMemory(instruction, offset, seed, random, set);
    // the accumulator may have been the base
    if (operand.base === RAX || operand.base === RDX || operand.index === RAX || operand.index === RDX) {
      aim(operand, BigInt(Layout.dataBase + offset), gpr, set, random);
    }
  }
  if (set.get(nameOf(RCX)) === undefined && random.chance(0.3)) set.set(nameOf(RCX), BigInt(random.below(70)));
  // what the x87 has noted of the instruction shows in its environment
  const shown = isX87(row) && random.chance(0.4) ? FNSTENV : [];
  const before = row.row.mnemonic.startsWith('fxsave') && random.chance(0.5) ? FLDPI : [];
  return { code: [...before, ...code, ...shown], seed, set };
}
