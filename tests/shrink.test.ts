/** Sequences are as promised, and the shrinker names the instruction of a CPU that is wrong about one mnemonic. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runOnOurCpu } from './native/our-cpu.ts';
import { assemble, itemOf, lift, type Item } from './native/program.ts';
import { generateSequences, kindOf, LONGEST } from './native/sequences.ts';
import { explainShrunk, shrink, type Backend } from './native/shrink.ts';
import type { Case } from './native/state.ts';
import { firstMisuse, undefinedAtEnd } from './native/undefined.ts';

const right: Backend = (one) => runOnOurCpu(one);

/** Our CPU, to which `mnemonic` is what `replace` makes of its bytes (as many of them). */
const wrongAbout =
  (mnemonic: string, replace: (bytes: readonly number[]) => readonly number[]): Backend =>
  (one: Case) =>
    right({
      ...one,
      code: lift(one.code).flatMap((item) => (item.mnemonic === mnemonic ? replace(item.bytes) : item.bytes)),
    });

const swapByte =
  (from: number, to: number) =>
  (bytes: readonly number[]): number[] => {
    const at = bytes.indexOf(from);
    return bytes.map((value, n) => (n === at ? to : value));
  };

const sequences = generateSequences(600, 7);

test('sequences have 1 to 50 instructions of every kind, end, and look at no undefined flag', () => {
  const lengths = new Set<number>();
  const traps = new Set<number>();
  const kinds = new Map<string, number>();
  const seen = new Set<string>();
  let nested = 0;
  for (const one of sequences) {
    const items = lift(one.code);
    lengths.add(items.length);
    traps.add(right(one).trap);
    const loops = items.flatMap(({ target }, n) => (target !== undefined && target <= n ? [[target, n] as const] : []));
    if (loops.some(([start, end]) => loops.some(([first, last]) => first > start && last < end))) nested++;
    kinds.set(kindOf(one, right(one).trap), (kinds.get(kindOf(one, right(one).trap)) ?? 0) + 1);
    for (const item of items) {
      const through = item.bytes.includes(0xff) && item.target === undefined ? ' indirect' : '';
      seen.add(`${item.bytes.includes(0xf0) ? 'lock ' : ''}${item.mnemonic}${through}`);
    }
    assert.is(firstMisuse(items), -1, Buffer.from(one.code).toString('hex'));
    assert.equal(assemble(items), one.code);
  }
  assert.is(Math.max(...lengths), LONGEST);
  assert.is(lengths.size, LONGEST);
  for (const trap of [0, 3, 6, 12, 13, 14]) assert.ok(traps.has(trap), `exception ${trap}`);
  assert.not.ok(traps.has(255), 'one does not end');
  assert.ok(nested > 5, `${nested} nested loops`);
  for (const kind of ['straight', 'branching', 'loops', 'calls', 'faults']) {
    assert.ok((kinds.get(kind) ?? 0) > 20, `${kind}: ${kinds.get(kind)}`);
  }
  const wanted = [
    /^call$/,
    /^ret$/,
    /^call indirect$/,
    /^jmp indirect$/,
    /^enter$/,
    /^leave$/,
    /^sh[lr]d$/,
    /^movsxd$/,
    /^push$/,
    /^pop$/,
    /^pushf/,
    /^popf/,
    /^(movs|stos|lods|scas|cmps)[bwdq]$/,
    /^lock /,
    /^f(add|mul|ld|st)/,
    /^p\w+/,
    /^(add|mul|cvt)\w+[sp]s$/,
  ];
  for (const pattern of wanted)
    assert.ok(
      [...seen].some((name) => pattern.test(name)),
      `${pattern}`,
    );
});

test('a flag is undefined at the end where it was on one path', () => {
  const end = (...items: Item[]): string => {
    const code = assemble(items) as number[];
    return undefinedAtEnd(code, right({ code, seed: 1, set: new Map() })).toString(16);
  };
  const and = itemOf([0x21, 0xc0]);
  const compare = itemOf([0x39, 0xc0]);
  assert.is(end(and), '10');
  assert.is(end(and, compare), '0');
  assert.is(end(compare, itemOf([0x74, 0], 3), and), '10');
  // with a count of zero they stay undefined
  assert.is(end(and, itemOf([0xd3, 0xc0])), '810');
  assert.is(firstMisuse([itemOf([0xf7, 0xe1]), itemOf([0x74, 0], 2)]), 1);
});

const wrongs = [
  ['popcnt', swapByte(0xb8, 0xbd)],
  ['paddd', swapByte(0xfe, 0xfa)],
  ['bswap', (bytes: readonly number[]) => bytes.map((value, n) => (n === bytes.length - 1 ? value ^ 1 : value))],
  ['sahf', (bytes: readonly number[]) => [...bytes.slice(0, -1), 0xf8]],
] as const;
for (const [mnemonic, replace] of wrongs) {
  test(`a wrong ${mnemonic} is named`, () => {
    const wrong = wrongAbout(mnemonic, replace);
    const long = sequences.filter(
      ({ code }) => code.length > 60 && lift(code).some((item) => item.mnemonic === mnemonic),
    );
    const found = long.map((one) => shrink(one, wrong, right)).filter((shrunk) => shrunk !== undefined);
    assert.ok(found.length > 0);
    for (const shrunk of found) {
      assert.is(lift(shrunk.bytes)[0]!.mnemonic, mnemonic, explainShrunk(shrunk));
      assert.ok(lift(shrunk.difference.test.code).length <= 6, explainShrunk(shrunk));
    }
  });
}

test('a difference that only a later round of a loop shows is found in that round', () => {
  const items = [
    itemOf([0xb8, 5, 0, 0, 0]),
    itemOf([0xbb, 0, 0, 0, 0]),
    itemOf([0xb9, 3, 0, 0, 0]),
    itemOf([0x01, 0xc3]),
    itemOf([0x8d, 0x40, 5]),
    itemOf([0x48, 0xff, 0xc9]),
    itemOf([0x75, 0], 3),
  ];
  const code = assemble(items) as number[];
  // an addition to a zero is right: only the second is wrong
  const wrong: Backend = (one) => {
    const outcome = right(one);
    return outcome.gpr[3]! > 5n ? { ...outcome, gpr: outcome.gpr.with(3, outcome.gpr[3]! ^ 1n) } : outcome;
  };
  const shrunk = shrink({ code, seed: 3, set: new Map() }, wrong, right)!;
  assert.is(shrunk.text, 'add ebx,eax', explainShrunk(shrunk));
  assert.match(explainShrunk(shrunk), /is the first to differ\n {2}reads .*rax=.*\n {2}ours .*\n {2}real .*\n/);
});

test.run();
