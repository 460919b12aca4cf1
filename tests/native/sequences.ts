/**
 * Programs of 1 to 50 instructions: straight on, branching forward (also through registers and memory), in short loops, one in
 * another, that end by construction, with calls that return; with memory operands, and a fault of each kind now and
 * then. No flag is looked at while it is undefined.
 */
import { decode, type CompiledRow } from '../../cpu/decoder.ts';
import type { Instruction } from '../../cpu/instruction.ts';
import { registerNames, type RegisterName } from '../../cpu/state.ts';
import { caseOf, comparableRows } from './cases.ts';
import { runOnOurCpu } from './our-cpu.ts';
import { assemble, insert, itemOf, itemOfAddress, lift, noInstruction, type Item } from './program.ts';
import { createRandom, type Random } from './random.ts';
import { Layout, startOf, type Case } from './state.ts';
import { firstMisuse } from './undefined.ts';

export const LONGEST = 50;
const BREAKPOINT = 3;
const RCX = 1;
const RSP = 4;
const RBP = 5;

/** Branches get targets of ours and popf its operand; an enter that faults has pushed already on a real processor. */
const picked = ({ row }: CompiledRow): boolean => !/^(j|call|ret|loop|popf|enter)/.test(row.mnemonic);
const rows = comparableRows.filter(picked);

/** An instruction behind those that give its registers their purpose. */
type Group = readonly Item[];

interface Pool {
  /** these look at flags or change them */
  readonly flags: readonly Group[];
  readonly others: readonly Group[];
  readonly faulting: readonly Group[];
}

const dword = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const qword = (value: bigint): number[] => [...dword(Number(value & 0xffff_ffffn)), ...dword(Number(value >> 32n))];

/** mov register, value: in the shortest of its forms. */
function load(register: number, value: bigint): Item {
  const rex = 0x40 | (register >> 3);
  const opcode = 0xb8 | (register & 7);
  if (value <= 0xffff_ffffn) return itemOf([...(rex === 0x40 ? [] : [rex]), opcode, ...dword(Number(value))]);
  if (BigInt.asUintN(64, BigInt.asIntN(32, value)) === value)
    return itemOf([rex | 8, 0xc7, 0xc0 | (register & 7), ...dword(Number(value & 0xffff_ffffn))]);
  return itemOf([rex | 8, opcode, ...qword(value)]);
}

/** What the manuals leave open beyond flags: shifts of 16 bits by more, a movsxd of 16 that may read 32. */
function isOpen({ mnemonic, width, operands }: Instruction, rcx: bigint): boolean {
  if (width !== 16) return false;
  if (mnemonic === 'movsxd') return operands[1]!.kind === 1;
  const count = operands[2];
  return isDoubleShift(mnemonic) && ((count?.kind === 2 ? count.value : rcx) & 31n) > 16n;
}
const isDoubleShift = (mnemonic: string): boolean => mnemonic === 'shld' || mnemonic === 'shrd';

function groupOf(row: CompiledRow, seed: number): { readonly group: Group; readonly faults: boolean } | undefined {
  const test = caseOf(row, seed);
  if (test === undefined) return undefined;
  const i = decode(Uint8Array.from([...test.code, ...Array.from({ length: 16 }, () => 0xcc)]), 0, 15);
  if (typeof i !== 'object') return undefined;
  const start = startOf(test);
  if (isOpen(i, start.gpr[RCX]!)) return undefined;
  const item = itemOf(test.code);
  // F3 REX.B 90 exchanges; iced-x86 1.21 has it pause, so its registers would be wrong
  if (item.mnemonic === 'pause' && i.mnemonic !== 'pause') return undefined;
  const needed = new Set([...test.set.keys()].filter((name) => name !== 'rsp' && !name.startsWith('xmm')));
  if (isDoubleShift(i.mnemonic) && i.width === 16) needed.add('rcx');
  for (const operand of i.operands) {
    if (operand.kind !== 1) continue;
    for (const index of [operand.base, operand.index]) if (index >= 0) needed.add(registerNames[index]!);
  }
  const purposes = [...needed].map((name) => registerNames.indexOf(name as RegisterName)).filter((n) => n >= 0);
  // rsp last, so that nothing is in its way
  const ordered = purposes.sort((left, right) => Number(left === RSP) - Number(right === RSP));
  const group = [...ordered.map((n) => load(n, start.gpr[n]!)), item];
  return { group, faults: runOnOurCpu(test).trap !== BREAKPOINT };
}

function createPool(size: number, random: Random): Pool {
  const pool = { flags: [] as Group[], others: [] as Group[], faulting: [] as Group[] };
  for (let n = 0; n < size; n++) {
    const made = groupOf(random.pick(rows), random.next());
    if (made === undefined) continue;
    const { reads, leaves, defines } = made.group.at(-1)!;
    const list = made.faults ? pool.faulting : (reads | leaves | defines) === 0 ? pool.others : pool.flags;
    list.push(made.group);
  }
  return pool;
}

const endOfPage = BigInt(Layout.dataBase + Layout.page);
const hole = (random: Random): bigint => (1n << BigInt(47 + random.below(16))) | BigInt(random.below(4096));
const group = (...codes: readonly (readonly number[])[]): Group => codes.map((code) => itemOf(code));

/** One fault each. */
const faults: readonly ((random: Random) => Group)[] = [
  // #DE: by zero, and a quotient that does not fit
  () => [load(RCX, 0n), ...group([0x99], [0xf7, 0xf1 | 8])],
  (random) => [load(2, BigInt(random.below(9) + 2)), load(RCX, 2n), ...group([0x48, 0xf7, 0xf1])],
  // #PF: across the end of the page, read, written, read and written, with a vector; in front of it
  (random) => [load(6, endOfPage - BigInt(random.below(7))), ...group([0x48, 0x8b, 0x06])],
  (random) => [load(7, endOfPage - BigInt(random.below(7))), ...group([0x48, 0x89, 0x07])],
  (random) => [load(3, endOfPage - BigInt(random.below(3))), ...group([0x01, 0x0b])],
  (random) => [load(3, endOfPage - BigInt(random.below(15))), ...group([0x0f, 0x11, 0x03])],
  (random) => [load(9, BigInt(Layout.dataBase - 1 - random.below(7))), ...group([0x49, 0x87, 0x01])],
  // #UD
  () => group([0x0f, 0x0b]),
  (random) => group([random.pick(noInstruction)]),
  () => group([0xf0, 0x01, 0xc8]),
  // #GP and, through rbp and rsp, #SS: non-canonical
  (random) => [load(0, hole(random)), ...group([0x8b, 0x08])],
  (random) => [load(12, hole(random)), ...group([0x41, 0x80, 0x34, 0x24, 0x55])],
  (random) => [load(5, hole(random)), ...group([0x48, 0x8b, 0x45, 0x00])],
  (random) => [load(RSP, hole(random) & ~7n), ...group([0x50])],
  // #GP: a misaligned vector, and a privileged instruction
  (random) => [load(8, BigInt(Layout.dataBase + 65 + random.below(14))), ...group([0x41, 0x0f, 0x28, 0x08])],
  () => group([0xf4]),
];

/** push flags; popf: with any arithmetic flags and direction, now and then alignment checks. */
function newFlags(random: Random): Group {
  const alignment = random.chance(0.1) ? 0x4_0000 : 0;
  return group([0x68, ...dword(0x202 | alignment | (random.next() & 0xcd5))], [0x9d]);
}

/** A direct branch with a field of one byte or four; a call pushes, which not every place allows. */
function branch(random: Random, calls: boolean): readonly number[] {
  const kind = random.below(12);
  const condition = random.below(16);
  if (kind < 4) return [0x70 | condition, 0];
  if (kind < 8) return [0x0f, 0x80 | condition, ...dword(0)];
  if (kind < 9) return random.chance(0.5) ? [0xeb, 0] : [0xe9, ...dword(0)];
  if (kind < 10 && calls) return [0xe8, ...dword(0)];
  return [...(random.chance(0.2) ? [0x67] : []), 0xe0 | random.below(4), 0];
}

const nop = (): Item => itemOf([0x90]);

/** Sixty-four-bit dec counter; jnz target, or loop target. */
function closing(random: Random, counter: number, target: number): Item[] {
  if (counter === RCX && random.chance(0.7)) return [itemOf([0xe2, 0], target)];
  const count = itemOf([0x48 | (counter >> 3), 0xff, 0xc8 | (counter & 7)]);
  return [count, itemOf(random.chance(0.5) ? [0x75, 0] : [0x0f, 0x85, ...dword(0)], target)];
}

interface Choices {
  readonly random: Random;
  readonly pool: Pool;
  /** index of the first instruction of a fault, or -1 */
  faultAt: number;
  /** loops and calls that the place is in */
  depth: number;
  /** rsp must stay as it is: there is a return address */
  keepsStack: boolean;
}

/** Runs a body of up to `size` items one to five times; its counter is a register that nothing in the body writes. */
function addLoop(items: Item[], size: number, choices: Choices): void {
  const { random } = choices;
  const start = items.length;
  items.push(nop());
  addLevel(items, size, { ...choices, depth: choices.depth + 1 });
  const changed = items.slice(start).reduce((sum, { changes }) => sum | changes, 1 << RSP);
  const free = registerNames.map((_, n) => n).filter((n) => ((changed >> n) & 1) === 0);
  if (free.length === 0) return;
  const counter = free.includes(RCX) && random.chance(0.5) ? RCX : random.pick(free);
  items[start] = load(counter, BigInt(1 + random.below(5)));
  items.push(...closing(random, counter, start + 1));
}

const setsStack = (one: Group): boolean => one.some(({ changes }) => ((changes >> RSP) & 1) === 1);
/** rsp - 16 … rsp - 64 */
const belowStack = (random: Random): number => 0x100 - 16 * (1 + random.below(4));

/** Registers that may hold an address for a moment: not rsp, and none that needs a SIB byte or a displacement. */
const pointers = [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 14, 15];

/** jmp or call of `target` through a register or memory; the operands are those of FF /4 and FF /2. */
function indirect(random: Random, target: number, operation: 2 | 4): Item[] {
  const register = random.pick(pointers);
  const address = itemOfAddress(register, target);
  const low = register & 7;
  const rex = register >> 3;
  if (random.chance(0.5)) return [address, itemOf([...(rex === 1 ? [0x41] : []), 0xff, 0xc0 | (operation << 3) | low])];
  const offset = belowStack(random);
  // mov [rsp - n], register
  const store = itemOf([0x48 | (rex << 2), 0x89, 0x44 | (low << 3), 0x24, offset]);
  return [address, store, itemOf([0xff, 0x44 | (operation << 3), 0x24, offset])];
}

/** A forward jump whose target a register, memory or the stack holds. */
function computedJump(random: Random, target: number, choices: Choices): Item[] {
  if (choices.keepsStack || random.chance(0.6)) return indirect(random, target, 4);
  const register = random.pick([0, 1, 2, 3, 6, 7]);
  return [itemOfAddress(register, target), itemOf([0x50 | register]), itemOf([0xc3])];
}

/** call body; jmp behind; body: …; ret */
function addCall(items: Item[], size: number, choices: Choices): void {
  const { random } = choices;
  const start = items.length;
  const calling = (target: number): Item[] =>
    random.chance(0.5) ? [itemOf([0xe8, ...dword(0)], target)] : indirect(random, target, 2);
  const call = calling(0);
  items.push(...call, nop());
  const body = items.length;
  addLevel(items, size, { ...choices, depth: choices.depth + 1, keepsStack: true });
  items.push(itemOf(random.chance(0.2) ? [0xc2, 8 * random.below(3), 0] : [0xc3]));
  items[start] = { ...call[0]!, target: body };
  items[body - 1] = itemOf([0xe9, ...dword(0)], items.length);
}

/** enter; …; leave: the stack ends as it began. */
function addFrame(items: Item[], size: number, choices: Choices): void {
  const { random } = choices;
  const frame = Math.min(items.length + size, LONGEST);
  items.push(itemOf([0xc8, 8 * random.below(8), 0, 0]));
  while (items.length < frame) items.push(...quiet(choices, frame - items.length));
  items.push(itemOf([0xc9]));
}
/** A group that leaves rsp and rbp alone. */
function quiet({ random, pool }: Choices, room: number): Group {
  for (let n = 0; n < 8; n++) {
    const one = random.pick(pool.flags);
    if (one.length <= room && one.every(({ changes }) => (changes & ((1 << RSP) | (1 << RBP))) === 0)) return one;
  }
  return [nop()];
}

/** Branches go to later groups of their own level: never past the counter of a loop into it. */
function addLevel(items: Item[], size: number, choices: Choices): void {
  const { random, pool, depth, keepsStack } = choices;
  const end = items.length + size;
  const starts: number[] = [];
  const branches: number[] = [];
  const any = (): Group => {
    const list = random.chance(0.01) ? pool.faulting : random.chance(0.65) ? pool.flags : pool.others;
    const one = list.length === 0 ? [nop()] : random.pick(list);
    return keepsStack && setsStack(one) ? [nop()] : one;
  };
  while (items.length < end) {
    const room = end - items.length;
    starts.push(items.length);
    const kind = random.below(100);
    if (choices.faultAt >= 0 && items.length >= choices.faultAt) {
      choices.faultAt = -1;
      items.push(...random.pick(faults)(random));
    } else if (kind < 12) {
      branches.push(items.length);
      items.push(itemOf(branch(random, !keepsStack), 0));
    } else if (kind < 17 && depth < 2 && room >= 5) addLoop(items, 1 + random.below(Math.min(room - 4, 12)), choices);
    else if (kind < 20 && depth < 3 && room >= 7) addCall(items, 1 + random.below(Math.min(room - 6, 10)), choices);
    else if (kind < 22 && room >= 3) {
      branches.push(items.length);
      items.push(...computedJump(random, 0, choices));
    } else if (kind < 24 && room >= 4) addFrame(items, 2 + random.below(Math.min(room - 3, 6)), choices);
    else if (kind < 26 && room >= 2) items.push(...newFlags(random));
    else {
      let next = any();
      for (let n = 0; n < 8 && next.length > room; n++) next = any();
      items.push(...next);
    }
  }
  starts.push(items.length);
  for (const at of branches) {
    const ahead = starts.filter((start) => start > at);
    items[at] = { ...items[at]!, target: random.pick(ahead.slice(0, 5)) };
  }
}

/** cmp, which defines them all, in front of every item that would look at an undefined flag. */
function defineFlags(items: Item[], random: Random): Item[] {
  for (let at = firstMisuse(items); at >= 0; at = firstMisuse(items)) {
    const compare = random.chance(0.5)
      ? [0x48 | (random.below(2) << 2) | random.below(2), 0x39, 0xc0 | random.below(64)]
      : [0x3d, ...dword(random.next())];
    items = insert(items, at, itemOf(compare));
  }
  return items;
}

/** Bytes; what cannot reach its target is made longer, or nothing where it has no longer form. */
function encode(items: Item[]): number[] {
  for (;;) {
    const code = assemble(items);
    if (Array.isArray(code)) return code;
    const { bytes, target } = items[code.tooFar]!;
    const opcode = bytes[0]!;
    const long = opcode >= 0x70 && opcode <= 0x7f ? [0x0f, opcode + 0x10] : opcode === 0xeb ? [0xe9] : undefined;
    items[code.tooFar] = long === undefined ? nop() : itemOf([...long, ...dword(0)], target);
  }
}

function sequence(random: Random, pool: Pool): number[] {
  const length = 1 + random.below(LONGEST);
  for (let size = length; ; size = Math.max(1, size - 1)) {
    const faultAt = random.chance(0.35) ? random.below(size) : -1;
    const items: Item[] = [];
    addLevel(items, size, { random, pool, faultAt, depth: 0, keepsStack: false });
    const complete = defineFlags(items, random);
    if (complete.length <= length) return encode(complete);
  }
}

/** Nothing pending, everything masked. */
const quietX87: readonly (readonly [string, bigint])[] = [
  ['fcw', 0x37fn],
  ['fsw', 0n],
];

/** `count` programs; the lengths from 1 to 50 instructions are equally likely. */
export function generateSequences(count: number, seed: number): Case[] {
  const random = createRandom(seed);
  const pool = createPool(Math.min(12_000, 2000 + count * 2), random);
  return Array.from({ length: count }, (_, n) => ({
    code: sequence(random, pool),
    seed: (seed * 1_000_003 + n) >>> 0,
    set: new Map([
      ['rsp', BigInt(Layout.dataBase + 1024 + random.below(256) * 8)],
      ...(random.chance(0.8) ? quietX87 : []),
    ]),
  }));
}

export const kinds = ['straight', 'branching', 'loops', 'calls', 'faults'] as const;

/** Of a program that ends with exception `trap`: the last of `kinds` that fits. */
export function kindOf({ code }: Case, trap: number): (typeof kinds)[number] {
  if (trap !== BREAKPOINT) return 'faults';
  const items = lift(code);
  if (items.some(({ mnemonic }) => mnemonic === 'ret' || mnemonic === 'call')) return 'calls';
  if (items.some(({ target }, n) => target !== undefined && target <= n)) return 'loops';
  return items.some(({ target }) => target !== undefined) ? 'branching' : 'straight';
}
