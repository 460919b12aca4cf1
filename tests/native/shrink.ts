/** From a program that ends differently on two processors to the first instruction after which they differ. */
import { registerNames } from '../../cpu/state.ts';
import { differenceOf, explain, padded, type Difference } from './differential.ts';
import { disassembly } from './disassemble.ts';
import { runOnOurCpu } from './our-cpu.ts';
import { assemble, lift, offsetsOf, remove, unroll, type Item } from './program.ts';
import { runOnRealCpu } from './real-cpu.ts';
import { Layout, caseText, type Case, type Outcome } from './state.ts';
import { firstMisuse } from './undefined.ts';

export type Backend = (test: Case) => Outcome;

export interface Shrunk {
  /** of the smaller program, which ends behind the instruction */
  readonly difference: Difference;
  /** the program it was found in */
  readonly original: Case;
  /** index in the smaller program: its last, or the branch that ends a loop */
  readonly index: number;
  readonly bytes: readonly number[];
  readonly text: string;
  /** registers that it uses, and flags, as both processors have them in front of it */
  readonly reads: readonly string[];
}

/** The longest loop that is written out, in rounds. */
const ROUNDS = 8;
/** Programs longer than this, in bytes, do not fit behind the start of the code. */
const ROOM = Layout.codeBase + Layout.page - Layout.codeStart;
const ENDLESS = 255;

/** A difference of `items` that means something: it fits, ends, and looks at no undefined flag. */
function differenceIn(items: readonly Item[], like: Case, ours: Backend, real: Backend): Difference | undefined {
  const code = assemble(items);
  if (!Array.isArray(code) || code.length > ROOM || firstMisuse(items) >= 0) return undefined;
  const test = { ...like, code };
  const [got, expected] = [ours(test), real(test)];
  if (got.trap === ENDLESS || expected.trap === ENDLESS) return undefined;
  return differenceOf(test, got, expected);
}

/** Loops written out as often as it takes to differ. */
function writeOut(items: readonly Item[], differs: (items: readonly Item[]) => boolean): readonly Item[] {
  let program = items;
  for (let at = program.length - 1; at >= 0; at--) {
    const { target } = program[at]!;
    if (target === undefined || target > at) continue;
    for (let times = 1; times <= ROUNDS; times++) {
      const longer = unroll(program, at, times);
      if (!differs(longer)) continue;
      program = longer;
      break;
    }
  }
  return program;
}

/** The number of items of the shortest beginning that differs, where shorter ones than it do not. */
function firstDifferent(items: readonly Item[], differs: (items: readonly Item[]) => boolean): number {
  let same = 0;
  let different = items.length;
  while (different - same > 1) {
    const middle = (same + different) >> 1;
    if (differs(beginning(items, middle))) different = middle;
    else same = middle;
  }
  return different;
}

const beginning = (items: readonly Item[], count: number): Item[] => remove(items, count, items.length - count);

/** Without what does not matter, in pieces of half as many each time; the last item stays. */
function dropOthers(items: readonly Item[], differs: (items: readonly Item[]) => boolean): readonly Item[] {
  let program = items;
  for (let size = Math.max(1, program.length >> 1); ; size = Math.max(1, size >> 1)) {
    const before = program.length;
    for (let at = program.length - 1 - size; at >= 0; at--) {
      const fewer = remove(program, at, size);
      if (at + size < program.length && differs(fewer)) program = fewer;
    }
    if (size === 1 && program.length === before) return program;
  }
}

/** The smallest such program, or undefined where the two end alike. */
export function shrink(original: Case, ours: Backend, real: Backend): Shrunk | undefined {
  const differs = (items: readonly Item[]): boolean => differenceIn(items, original, ours, real) !== undefined;
  const whole = lift(original.code);
  if (!differs(whole)) return undefined;
  const straight = writeOut(whole, differs);
  const items = dropOthers(beginning(straight, firstDifferent(straight, differs)), differs);
  const difference = differenceIn(items, original, ours, real)!;
  const index = items.length - 1;
  const item = items[index]!;
  const bytes = difference.test.code.slice(offsetsOf(items)[index]);
  const code = difference.test.code.slice(0, offsetsOf(items)[index]);
  const before = real({ ...original, code });
  const reads = registerNames
    .filter((_, n) => (((item.uses | item.changes) >> n) & 1) === 1)
    .map((name) => `${name}=${before.gpr[registerNames.indexOf(name)]!.toString(16)}`);
  for (const [, number] of disassembly(padded(bytes)).matchAll(/xmm(\d+)/g)) {
    const [low, high] = [before.xmm[Number(number) * 2]!, before.xmm[Number(number) * 2 + 1]!];
    reads.push(`xmm${number}=${high.toString(16).padStart(16, '0')}_${low.toString(16).padStart(16, '0')}`);
  }
  reads.push(`rflags=${before.rflags.toString(16)}`, `mxcsr=${before.mxcsr.toString(16)}`);
  return { difference, original, index, bytes, text: disassembly(padded(bytes)), reads };
}

const hex = (bytes: readonly number[]): string => Buffer.from(bytes).toString('hex');

/** What to print about it, with the commands that run it again, small and whole. */
export function explainShrunk({ difference, original, bytes, text, reads }: Shrunk): string {
  const items = lift(difference.test.code);
  const offsets = offsetsOf(items);
  const [ours, real] = onlyDifferent(difference.ours, difference.real);
  return [
    `${hex(bytes)}   ${text}   is the first to differ`,
    `  reads ${reads.join(' ')}`,
    `  ours  ${ours}`,
    `  real  ${real}`,
    '  after',
    ...items.map((item, n) => {
      const code = difference.test.code.slice(offsets[n], offsets[n + 1]);
      return `    ${(Layout.codeStart + offsets[n]!).toString(16)}  ${hex(code).padEnd(30)}  ${disassembly(padded(code))}${item.target === undefined ? '' : `   to ${(Layout.codeStart + offsets[item.target]!).toString(16)}`}`;
    }),
    `  CASE='${caseText(difference.test)}' npx tsx tests/native.test.ts`,
    `  found in CASE='${caseText(original)}'`,
  ].join('\n');
}

/** The words of two outcomes that are not in both. */
function onlyDifferent(left: string, right: string): readonly [string, string] {
  const [lefts, rights] = [left.split(' '), right.split(' ')];
  const without = (words: readonly string[], others: readonly string[]): string =>
    words.filter((word) => !others.includes(word)).join(' ') || '(as before)';
  return [without(lefts, rights), without(rights, lefts)];
}

/** A difference between our CPU and the one under us, as small as it gets. */
export function explainSequence(difference: Difference): string {
  const shrunk = shrink(
    difference.test,
    (one) => runOnOurCpu(one),
    (one) => runOnRealCpu([one])[0]!,
  );
  return shrunk === undefined ? explain(difference) : explainShrunk(shrunk);
}
