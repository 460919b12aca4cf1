/** cpu/flag-words.ts says what the rows of cpu/flags.ts say. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import type { FlagsKind } from '../cpu/algebra.ts';
import { createCpu } from '../cpu/cpu.ts';
import { evaluate } from '../cpu/evaluate.ts';
import { conditionOf, flagOf, settleWords } from '../cpu/flag-words.ts';
import { conditionCodes, flagBits, flagNames, flagsRows, type Operation } from '../cpu/flags.ts';
import type { Width } from '../cpu/instruction.ts';
import { createMemory } from '../cpu/memory.ts';
import { Slot } from '../cpu/state.ts';

const cpu = createCpu(createMemory(1 << 24), 0);
const algebra = evaluate(cpu);

const edges = [
  0n,
  1n,
  0xfn,
  0x10n,
  0x7fn,
  0x80n,
  0x7fffn,
  0x8000n,
  0x7fff_ffffn,
  0x8000_0000n,
  1n << 63n,
  (1n << 64n) - 1n,
];
const value = fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));

/** Puts a pending operation into the state block; what `right` is depends on the kind. */
function pend(kind: FlagsKind, width: Width, left: bigint, right: bigint, result: bigint): Operation<bigint> {
  const cut = (whole: bigint): bigint => BigInt.asUintN(width, whole);
  const meant =
    kind === 'inc' || kind === 'dec'
      ? right & 1n
      : kind === 'shl' || kind === 'shr' || kind === 'sar'
        ? (right % (width === 64 ? 63n : 31n)) + 1n
        : cut(right);
  const operation = { width, left: cut(left), right: meant, result: cut(result) };
  cpu.slots[Slot.rflags] = 2n;
  algebra.setFlags(kind, width, operation.left, operation.right, operation.result);
  return operation;
}

for (const kind of Object.keys(flagsRows) as FlagsKind[]) {
  test(`${kind}: every flag at every width, also settled`, () => {
    const widths = fc.constantFrom<Width>(8, 16, 32, 64);
    const property = fc.property(widths, value, fc.oneof(value, fc.bigInt(0n, 70n)), value, (width, ...values) => {
      const operation = pend(kind, width, ...values);
      const expected = flagNames.map((name) => flagsRows[kind][name](algebra, operation));
      const got = (): boolean[] => flagNames.map((name) => flagOf(cpu.words, name));
      assert.equal(got(), expected);
      settleWords(cpu.words);
      const bits = flagNames.reduce((sum, name, n) => sum | (expected[n] ? 1n << BigInt(flagBits[name]) : 0n), 2n);
      assert.is(cpu.slots[Slot.rflags], bits);
      assert.equal(got(), expected);
    });
    fc.assert(property, { numRuns: 2000 });
  });
}

test('condition codes, pending and settled', () => {
  const kinds = fc.constantFrom<FlagsKind>('sub', 'add', 'logic', 'dec', 'shl');
  const property = fc.property(kinds, value, value, value, (kind, ...values) => {
    pend(kind, 32, ...values);
    const expected = Array.from(
      { length: 16 },
      (_, code) => conditionCodes[code >> 1]!(algebra) !== ((code & 1) === 1),
    );
    const got = (): boolean[] => expected.map((_, code) => conditionOf(cpu.words, code));
    assert.equal(got(), expected);
    settleWords(cpu.words);
    assert.equal(got(), expected);
  });
  fc.assert(property, { numRuns: 1000 });
});

test.run();
