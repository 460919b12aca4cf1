/**
 * Programs of 1 to 50 instructions: straight on, branching forward, in short loops that end by construction; with
 * memory operands, and a fault of each kind now and then. No flag is looked at while it is undefined.
 */
import { decode, type CompiledRow } from '../../cpu/decoder.ts';
import { registerNames, type RegisterName } from '../../cpu/state.ts';
import { caseOf, comparableRows } from './cases.ts';
import { runOnOurCpu } from './our-cpu.ts';
import { assemble, insert, itemOf, noInstruction, type Item } from './program.ts';
import { createRandom, type Random } from './random.ts';
import { Layout, startOf, type Case } from './state.ts';
import { firstMisuse } from './undefined.ts';

export const LONGEST = 50;
const BREAKPOINT = 3;
const RCX = 1;
const RSP = 4;

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

/** What the manuals leave open beyond flags, where it depends on values. */
function isOpen(mnemonic: string, width: number): boolean {
  return width === 16 && ['shld', 'shrd', 'movsxd'].includes(mnemonic);
}

function groupOf(row: CompiledRow, seed: number): { readonly group: Group; readonly faults: boolean } | undefined {
  const test = caseOf(row, seed);
  if (test === undefined) return undefined;
  const i = decode(Uint8Array.from([...test.code, ...Array.from({ length: 16 }, () => 0xcc)]), 0, 15);
  if (typeof i !== 'object' || isOpen(i.mnemonic, i.width)) return undefined;
  const item = itemOf(test.code);
  // F3 REX.B 90 exchanges; iced-x86 1.21 has it pause, so its registers would be wrong
  if (item.mnemonic === 'pause' && i.mnemonic !== 'pause') return undefined;
  const start = startOf(test);
  const needed = new Set([...test.set.keys()].filter((name) => name !== 'rsp' && !name.startsWith('xmm')));
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

/** A direct branch with a field of one byte or four. */
function branch(random: Random): readonly number[] {
  const kind = random.below(12);
  const condition = random.below(16);
  if (kind < 4) return [0x70 | condition, 0];
  if (kind < 8) return [0x0f, 0x80 | condition, ...dword(0)];
  if (kind < 9) return random.chance(0.5) ? [0xeb, 0] : [0xe9, ...dword(0)];
  if (kind < 10) return [0xe8, ...dword(0)];
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
}

/** Runs a body of up to `size` items one to five times; its counter is a register that nothing in the body writes. */
function addLoop(items: Item[], size: number, choices: Choices): void {
  const { random } = choices;
  const start = items.length;
  items.push(nop());
  addLevel(items, size, choices, false);
  const changed = items.slice(start).reduce((sum, { changes }) => sum | changes, 1 << RSP);
  const free = registerNames.map((_, n) => n).filter((n) => ((changed >> n) & 1) === 0);
  if (free.length === 0) return;
  const counter = free.includes(RCX) && random.chance(0.5) ? RCX : random.pick(free);
  items[start] = load(counter, BigInt(1 + random.below(5)));
  items.push(...closing(random, counter, start + 1));
}

/** Branches go to later groups of their own level: never past the counter of a loop into it. */
function addLevel(items: Item[], size: number, choices: Choices, loops: boolean): void {
  const { random, pool } = choices;
  const end = items.length + size;
  const starts: number[] = [];
  const branches: number[] = [];
  const any = (): Group => {
    const list = random.chance(0.01) ? pool.faulting : random.chance(0.65) ? pool.flags : pool.others;
    return list.length === 0 ? [nop()] : random.pick(list);
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
      items.push(itemOf(branch(random), 0));
    } else if (kind < 18 && loops && room >= 5) addLoop(items, 1 + random.below(Math.min(room - 4, 12)), choices);
    else if (kind < 20 && room >= 2) items.push(...newFlags(random));
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
    addLevel(items, size, { random, pool, faultAt }, true);
    const complete = defineFlags(items, random);
    if (complete.length <= length) return encode(complete);
  }
}

/** `count` programs; the lengths from 1 to 50 instructions are equally likely. */
export function generateSequences(count: number, seed: number): Case[] {
  const random = createRandom(seed);
  const pool = createPool(Math.min(12_000, 2000 + count * 2), random);
  return Array.from({ length: count }, (_, n) => ({
    code: sequence(random, pool),
    seed: (seed * 1_000_003 + n) >>> 0,
    set: new Map([['rsp', BigInt(Layout.dataBase + 1024 + random.below(256) * 8)]]),
  }));
}
