/** Explanations against the evaluating reading: they compute the same, write nothing else and depend on nothing else. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { compiledRows, decode, MAX_INSTRUCTION_LENGTH, type CompiledRow } from '../cpu/decoder.ts';
import { explain, type Effect, type Explanation } from '../cpu/explain/explain.ts';
import { vectorName } from '../cpu/explain/names.ts';
import { namedFlagBits, statusFlagBits, type NamedFlag, type StatusFlag } from '../cpu/explain/node.ts';
import type { Instruction } from '../cpu/instruction.ts';
import { Slot } from '../cpu/state.ts';
import { explainedLine } from './golden/explain.generate.ts';
import { caseOf } from './native/cases.ts';
import { disassembly } from './native/disassemble.ts';
import { encodeRow } from './native/encode.ts';
import { createRandom, type Random } from './native/random.ts';
import { Layout } from './native/state.ts';
import { compute, createEvaluator, isComputable } from './support/compute-explanation.ts';
import {
  attempt,
  createExplainedMachine,
  execute,
  pictureOf,
  prepare,
  show,
  type Picture,
} from './support/explained-machine.ts';

/** CASES: how many a row; SEED: where the sequence starts. */
const CASES = Number(process.env['CASES'] ?? (process.env['TEST_TIER'] === 'slow' ? 12 : 3));
const SEED = Number(process.env['SEED'] ?? 1);

const machine = createExplainedMachine();
const { cpu } = machine;
const MASK64 = 0xffff_ffff_ffff_ffffn;
const maskOf = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

interface Subject {
  readonly text: string;
  readonly instruction: Instruction;
  readonly explanation: Explanation;
  readonly before: Picture;
}

/** With one register for all operands of a kind: simplifications speak of equal operands. */
function unified(instruction: Instruction): Instruction {
  const first = new Map<number, number>();
  const operands = instruction.operands.map((operand) => {
    if (operand.kind !== 0 && operand.kind !== 3 && operand.kind !== 7 && operand.kind !== 8) return operand;
    const index = first.get(operand.kind) ?? operand.index;
    first.set(operand.kind, index);
    return operand.kind === 0 && operand.high && index > 3 ? operand : { ...operand, index };
  });
  return { ...instruction, operands };
}

/** A random instruction of the row in a random state of the machine, which stands before it. */
function subjectOf(row: CompiledRow, seed: number): Subject | undefined {
  const made = caseOf(row, seed);
  if (made === undefined) return undefined;
  const bytes = new Uint8Array(MAX_INSTRUCTION_LENGTH).fill(0xcc);
  bytes.set(made.code);
  const decoded = decode(bytes, 0, bytes.length);
  if (typeof decoded !== 'object') return undefined;
  const instruction = seed % 3 === 0 ? unified(decoded) : decoded;
  prepare(machine, made, instruction.length);
  const explanation = explain(instruction, { address: BigInt(Layout.codeStart) });
  const text = `${disassembly(bytes)} (${Buffer.from(made.code).toString('hex')}, row ${row.row.pattern}, SEED=${seed})\n  ${explanation.sentence}`;
  return { text, instruction, explanation, before: pictureOf(machine) };
}

/** Most rows of AVX share a definition with one of SSE. */
const casesOf = ({ row }: CompiledRow): number => (row.feature.startsWith('AVX') ? Math.ceil(CASES / 3) : CASES);
const WANTED = compiledRows.reduce((sum, row) => sum + casesOf(row), 0);

function* subjects(): Generator<Subject> {
  for (const [n, row] of compiledRows.entries()) {
    for (let m = 0; m < casesOf(row); m++) {
      const subject = subjectOf(row, SEED + n * 1000 + m);
      if (subject !== undefined) yield subject;
    }
  }
}

/** Slots that are no state of the machine: what flags were computed from, and the accidents of a fault. */
const derived: ReadonlySet<number> = new Set([Slot.flagsKind, Slot.flagsLeft, Slot.flagsRight, Slot.flagsResult]);

function differences(expected: Picture, got: Picture): string[] {
  const found: string[] = [];
  const compare = (what: string, one: BigUint64Array, two: BigUint64Array): void => {
    one.forEach((value, n) => {
      if (value === two[n] || (what === 'slot' && derived.has(n))) return;
      found.push(`${what} ${n}: expected ${value.toString(16)}, got ${two[n]!.toString(16)}`);
    });
  };
  compare('slot', expected.slots, got.slots);
  compare('word', expected.data, got.data);
  return found;
}

function report(failures: ReadonlyMap<string, string>): void {
  if (failures.size > 0) throw new Error(`${failures.size} kinds\n${[...failures.values()].slice(0, 12).join('\n')}`);
}

test('a computed explanation ends as the instruction does', () => {
  const failures = new Map<string, string>();
  let compared = 0;
  for (const { text, instruction, explanation, before } of subjects()) {
    if (!isComputable(explanation.statements)) continue;
    const vector = execute(machine, instruction);
    if (vector !== undefined) {
      if (!explanation.mayFault.includes(vectorName(vector))) {
        failures.set(
          instruction.mnemonic,
          `${text}\n  ${vectorName(vector)} is not in ${explanation.mayFault.join(' ')}`,
        );
      }
      continue;
    }
    const expected = pictureOf(machine);
    show(machine, before);
    const raised = attempt(() => compute(explanation.statements, machine));
    if (raised !== undefined) {
      failures.set(instruction.mnemonic, `${text}\n  the explanation ends in ${vectorName(raised)}`);
      continue;
    }
    const found = differences(expected, pictureOf(machine));
    compared++;
    if (found.length > 0) failures.set(instruction.mnemonic, `${text}\n  ${found.slice(0, 4).join('\n  ')}`);
  }
  report(failures);
  assert.ok(compared > WANTED * 0.5, `${compared} compared`);
});

/** Bits of every slot and bytes of the data page that effects and flags name, in the machine's present state. */
interface Cover {
  readonly slots: BigUint64Array;
  readonly bytes: Uint8Array;
  /** all of memory: an address that changes as a loop goes on */
  everything: boolean;
}

const systemSlots = Slot as unknown as Readonly<Record<string, number>>;

function slotsOf(effect: Effect): [slot: number, mask: bigint][] {
  const { at } = effect;
  switch (at.kind) {
    case 'register':
      return [[at.index, maskOf(at.width) << BigInt(at.low)]];
    case 'xmm': {
      const bits = maskOf(at.width) << BigInt(at.low);
      return [0, 1, 2, 3].map((n) => [Slot.xmm + at.index * 4 + n, (bits >> BigInt(64 * n)) & MASK64]);
    }
    case 'mmx':
      return [
        [Slot.x87 + at.index * 2, maskOf(at.width) << BigInt(at.low)],
        [Slot.x87 + at.index * 2 + 1, 0xffffn],
      ];
    case 'x87': {
      const physical = ((cpu.words[Slot.fsw * 2]! >> 11) + at.index) & 7;
      return [0, 1].map((half) => [Slot.x87 + physical * 2 + half, MASK64]);
    }
    case 'system':
      return [[systemSlots[at.name]!, MASK64]];
    case 'segment':
      return [[Slot.selectors + at.index, MASK64]];
    case 'debug':
      return [[Slot.debug + at.index, MASK64]];
    case 'rip':
      return [[Slot.rip, MASK64]];
    default:
      return [];
  }
}

function coverOf(effects: readonly Effect[], flags: readonly NamedFlag[], loops: boolean): Cover {
  const cover: Cover = { slots: new BigUint64Array(512), bytes: new Uint8Array(Layout.page), everything: false };
  const valueOf = createEvaluator(machine);
  for (const effect of effects) {
    for (const [slot, mask] of slotsOf(effect)) cover.slots[slot] = cover.slots[slot]! | mask;
    if (effect.at.kind !== 'memory') continue;
    if (loops) cover.everything = true;
    const start = (valueOf(effect.at.address) as bigint) - BigInt(Layout.dataBase);
    for (let n = 0n; n < BigInt(effect.bits / 8); n++) {
      const offset = BigInt.asUintN(64, start + n);
      if (offset < BigInt(Layout.page)) cover.bytes[Number(offset)] = 0xff;
    }
  }
  for (const name of flags) {
    const inStatus = name in statusFlagBits;
    const slot = inStatus ? Slot.fsw : Slot.rflags;
    const bit = inStatus ? statusFlagBits[name as StatusFlag] : namedFlagBits[name as 'CF'];
    cover.slots[slot] = cover.slots[slot]! | (1n << BigInt(bit));
  }
  return cover;
}

const hasLoop = ({ statements }: Explanation): boolean => statements.some(({ kind }) => kind === 'while');
const bytesOf = (words: BigUint64Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

test('an instruction changes only what its explanation writes', () => {
  const failures = new Map<string, string>();
  for (const { text, instruction, explanation, before } of subjects()) {
    if (explanation.control === 'trap' || explanation.control === 'enter') continue;
    const cover = coverOf(explanation.writes, explanation.flags.written, hasLoop(explanation));
    if (execute(machine, instruction) !== undefined) continue;
    const after = pictureOf(machine);
    const fail = (what: string): unknown => failures.set(instruction.mnemonic, `${text}\n  ${what} is written`);
    after.slots.forEach((value, n) => {
      // reserved and unnamed bits of rflags come with a write to all of it
      const written = n === Slot.rflags && cover.slots[n]! > 0xfffn ? MASK64 : cover.slots[n]!;
      if (!derived.has(n) && ((value ^ before.slots[n]!) & ~written) !== 0n) fail(`slot ${n}`);
    });
    if (cover.everything) continue;
    const [one, two] = [bytesOf(before.data), bytesOf(after.data)];
    one.forEach((value, n) => {
      if (value !== two[n] && cover.bytes[n] === 0) fail(`byte ${n.toString(16)}`);
    });
  }
  report(failures);
});

/** Other values for all general, vector and x87 registers, arithmetic flags and memory outside of `cover`. */
function disturb({ slots, bytes, everything }: Cover, random: Random): void {
  const change = (slot: number, bits: bigint): void => {
    const free = bits & ~slots[slot]!;
    cpu.slots[slot] = (cpu.slots[slot]! & ~free) | (random.wide() & free);
  };
  for (let n = 0; n < 16; n++) change(n, MASK64);
  for (let n = 0; n < 16; n++) for (const part of [0, 1, 2, 3]) change(Slot.xmm + n * 4 + part, MASK64);
  for (let n = 0; n < 8; n++) {
    change(Slot.x87 + n * 2, MASK64);
    change(Slot.x87 + n * 2 + 1, 0xffffn);
  }
  change(Slot.rflags, 0x8d5n);
  if (slots[Slot.fsw] === 0n) change(Slot.ftw, 0xffn);
  for (const name of ['fop', 'fip', 'fdp', 'fcs', 'fds', 'tscAux'] as const) change(Slot[name], maskOf(11));
  if (everything) return;
  machine.bytes.forEach((value, n) => {
    if (bytes[n] === 0) machine.bytes[n] = value ^ random.below(256);
  });
}

test('what an instruction writes depends only on what its explanation reads', () => {
  const failures = new Map<string, string>();
  const random = createRandom(SEED);
  for (const { text, instruction, explanation, before } of subjects()) {
    if (explanation.control === 'trap' || explanation.control === 'enter') continue;
    const loops = hasLoop(explanation);
    const read = coverOf(explanation.reads, explanation.flags.read, loops);
    const always = coverOf(explanation.writes, explanation.flags.written, loops);
    const vector = execute(machine, instruction);
    const first = pictureOf(machine);
    show(machine, before);
    disturb(read, random);
    const other = pictureOf(machine);
    const otherVector = execute(machine, instruction);
    const second = pictureOf(machine);
    const fail = (what: string): unknown =>
      failures.set(instruction.mnemonic, `${text}\n  ${what} depends on something else`);
    if (vector !== otherVector) fail(`the exception (${vector} or ${otherVector})`);
    if (vector !== undefined) continue;
    const same = (one: bigint, two: bigint, start: bigint, otherStart: bigint, mask: bigint): boolean => {
      const untouched = ((one ^ start) & mask) === 0n && ((two ^ otherStart) & mask) === 0n;
      return ((one ^ two) & mask) === 0n || untouched;
    };
    first.slots.forEach((value, n) => {
      const bits = n === Slot.rflags ? always.slots[n]! & 0x3f7fd5n : always.slots[n]!;
      if (derived.has(n) || same(value, second.slots[n]!, before.slots[n]!, other.slots[n]!, bits)) return;
      // bit by bit, for flags that are written under a condition
      const flags = Array.from({ length: 64 }, (_, at) => bits & (1n << BigInt(at)));
      const stored = n === Slot.rflags || n === Slot.fsw || n === Slot.ftw;
      const each = flags.every((bit) => same(value, second.slots[n]!, before.slots[n]!, other.slots[n]!, bit));
      if (!(stored && each)) fail(`slot ${n}`);
    });
    if (always.everything || read.everything) continue;
    const [one, two] = [bytesOf(first.data), bytesOf(second.data)];
    const [start, otherStart] = [bytesOf(before.data), bytesOf(other.data)];
    one.forEach((value, n) => {
      const untouched = value === start[n] && two[n] === otherStart[n];
      if (always.bytes[n] !== 0 && value !== two[n] && !untouched) fail(`byte ${n.toString(16)}`);
    });
  }
  report(failures);
});

test('sentences are bounded, whatever the operands', () => {
  const random = createRandom(SEED + 5);
  for (const row of compiledRows) {
    for (let n = 0; n < 4 * CASES; n++) {
      const bytes = Uint8Array.from(encodeRow(row, random, { redundant: false, displacement: () => random.next() }));
      const instruction = decode(bytes, 0, bytes.length);
      if (typeof instruction !== 'object') continue;
      const { sentence } = explain(instruction, random.chance(0.5) ? {} : { address: random.wide() });
      assert.ok(sentence.length > 0 && sentence.length < 3000, `${disassembly(bytes)}: ${sentence.length} characters`);
      assert.not.match(sentence, /undefined|\[object|NaN,/);
    }
  }
});

test('every sentence of tests/golden/explain.txt stands', () => {
  const golden = readFileSync(new URL('golden/explain.txt', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  for (const line of golden) assert.is(explainedLine(line.split(' | ')[0]!), line);
});

test('addresses take names where they have one', () => {
  const names = new Map([
    [0x402000n, 'counter'],
    [0x401010n, 'again'],
  ]);
  const of = (hex: string): string => {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    const instruction = decode(bytes, 0, bytes.length) as Instruction;
    return explain(instruction, { address: 0x401000n, symbol: (address) => names.get(address) }).sentence;
  };
  assert.is(of('488b05f90f0000'), 'rax <- mem64[counter]');
  assert.is(of('740e'), 'if ZF: rip <- again');
  assert.is(of('488d3df90f0000'), 'rdi <- counter');
});

test('effects and flags of add rax, [rbx+8]', () => {
  const explanation = explain(decode(Uint8Array.of(0x48, 0x03, 0x43, 0x08), 0, 4) as Instruction);
  const names = (effects: readonly Effect[]): string[] => effects.map(({ name }) => name);
  assert.is(explanation.sentence, 'rax <- rax + mem64[rbx+8]; CF PF AF ZF SF OF from the sum');
  assert.equal(names(explanation.reads), ['rax', 'rbx', 'mem64[rbx+8]']);
  assert.equal(names(explanation.writes), ['rax']);
  assert.equal(explanation.flags.read, []);
  assert.equal(explanation.flags.written, ['CF', 'PF', 'AF', 'ZF', 'SF', 'OF']);
  assert.is(explanation.flags.from, 'rax + mem64[rbx+8]');
  assert.equal(explanation.mayFault, ['#GP', '#PF']);
});

test('control says where execution goes', () => {
  const of = (hex: string): string => {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    return explain(decode(bytes, 0, bytes.length) as Instruction).control;
  };
  const expected = {
    '90': 'next',
    eb00: 'jump',
    '7400': 'branch',
    e200: 'branch',
    e800000000: 'call',
    ffd0: 'call',
    c3: 'ret',
    cc: 'trap',
    '0f0b': 'trap',
    '0f05': 'enter',
    '480f07': 'leave',
    '48cf': 'leave',
    f4: 'halt',
    '0f3f01000000': 'native',
    ffe0: 'jump',
    f3a4: 'next',
  };
  for (const [hex, control] of Object.entries(expected)) assert.is(of(hex), control, hex);
});

test.run();
