/** cpu/float-host.ts gives the bits and the flags of cpu/float.ts, or leaves the operation to it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import type { FloatOperation } from '../cpu/algebra.ts';
import { Mxcsr, type FloatStatus, type FloatWidth } from '../cpu/float-format.ts';
import * as exact from '../cpu/float.ts';
import * as host from '../cpu/float-host.ts';

const numRuns = process.env['TEST_TIER'] === 'slow' ? 200_000 : 10_000;
const seed = Number(process.env['SEED'] ?? 4711);
const check = (property: fc.IProperty<never>): void => fc.assert(property, { numRuns, seed });

const memory = new DataView(new ArrayBuffer(8));
function numberOf(width: FloatWidth, bits: bigint): number {
  memory.setBigUint64(0, bits, true);
  return width === 64 ? memory.getFloat64(0, true) : memory.getFloat32(0, true);
}
function bitsOf(width: FloatWidth, value: number): bigint {
  memory.setBigUint64(0, 0n, true);
  if (width === 64) memory.setFloat64(0, value, true);
  else memory.setFloat32(0, value, true);
  return memory.getBigUint64(0, true);
}

/** Exponents near 0, near each other and at the ends; fractions with few bits, at their ends and any. */
function patterns(width: FloatWidth): fc.Arbitrary<bigint> {
  const size = width === 64 ? 52 : 23;
  const top = width === 64 ? 2047 : 255;
  const middle = top >> 1;
  const exponent = fc.oneof(
    fc.integer({ min: middle - 30, max: middle + 30 }),
    fc.integer({ min: 0, max: top }),
    fc.constantFrom(0, 1, 2, top - 2, top - 1, top, middle, middle + size, middle + 31, middle + 63),
  );
  const all = (1n << BigInt(size)) - 1n;
  const fraction = fc.oneof(
    fc.bigInt({ min: 0n, max: all }),
    fc.constantFrom(0n, 1n, 2n, all, all - 1n, 1n << BigInt(size - 1), (1n << BigInt(size - 1)) + 1n),
    fc.integer({ min: 0, max: size - 1 }).map((n) => 1n << BigInt(n)),
    fc.integer({ min: 1, max: size }).map((n) => all ^ (all >> BigInt(n))),
  );
  return fc
    .tuple(fc.boolean(), exponent, fraction)
    .map(([negative, e, f]) => (negative ? 1n << BigInt(width - 1) : 0n) | (BigInt(e) << BigInt(size)) | f);
}
const widths: readonly FloatWidth[] = [32, 64];
/** Everything masked, nearest; with FTZ and DAZ too. */
const control = fc.constantFrom(0x1f80, 0x9fc0);
const statusOf = (mxcsr: number): FloatStatus => ({ mxcsr, raised: 0 });

/** How often the host decided, so that the test cannot pass by doing nothing. */
function counted(least: number, body: (decided: () => void) => void): void {
  let count = 0;
  body(() => count++);
  assert.ok(count > numRuns * least, `the host decided ${count} of ${numRuns}`);
}

for (const width of widths) {
  for (const operation of ['add', 'sub', 'mul', 'div', 'min', 'max'] as FloatOperation[]) {
    test(`${operation}, ${width} bits`, () => {
      counted(0.3, (decided) =>
        check(
          fc.property(patterns(width), patterns(width), control, (left, right, mxcsr) => {
            const l = numberOf(width, left);
            const r = numberOf(width, right);
            const result = host.arithmetic(operation, width, l, r);
            if (Number.isNaN(result)) return;
            decided();
            const status = statusOf(mxcsr);
            assert.is(bitsOf(width, result), exact.arithmetic(status, operation, width, left, right));
            assert.is(host.isRounded(operation, width, l, r, result) ? Mxcsr.PE : 0, status.raised);
          }) as never,
        ),
      );
    });
  }

  test(`square root, ${width} bits, of squares too`, () => {
    const squares = patterns(width).map((bits) => {
      const root = numberOf(width, bits);
      return bitsOf(width, root * root);
    });
    const halves = patterns(32).map((bits) => bitsOf(width, numberOf(32, bits) ** 2));
    counted(0.3, (decided) =>
      check(
        fc.property(fc.oneof(patterns(width), squares, halves), control, (bits, mxcsr) => {
          const value = numberOf(width, bits);
          const root = host.squareRoot(width, value);
          if (Number.isNaN(root)) return;
          decided();
          const status = statusOf(mxcsr);
          assert.is(bitsOf(width, root), exact.squareRoot(status, width, bits));
          assert.is(host.isRootRounded(width, value, root) ? Mxcsr.PE : 0, status.raised);
        }) as never,
      ),
    );
  });

  test(`comparison, ${width} bits`, () => {
    counted(0.3, (decided) =>
      check(
        fc.property(patterns(width), patterns(width), control, (left, right, mxcsr) => {
          const order = host.compare(width, numberOf(width, left), numberOf(width, right));
          if (Number.isNaN(order)) return;
          decided();
          const status = statusOf(mxcsr);
          const { unordered, less, equal } = exact.compare(status, width, left, right, false);
          assert.equal([unordered, less, equal, status.raised], [false, order < 0, order === 0, 0]);
        }) as never,
      ),
    );
  });

  test(`conversion from ${width} bits`, () => {
    const to = width === 64 ? 32 : 64;
    counted(0.3, (decided) =>
      check(
        fc.property(patterns(width), control, (bits, mxcsr) => {
          const value = numberOf(width, bits);
          const result = host.convert(width, to, value);
          if (Number.isNaN(result)) return;
          decided();
          const status = statusOf(mxcsr);
          assert.is(bitsOf(to, result), exact.convert(status, width, to, bits));
          assert.is(result === value ? 0 : Mxcsr.PE, status.raised);
        }) as never,
      ),
    );
  });

  test(`to integers and integral values, ${width} bits`, () => {
    const rounding = fc.integer({ min: 0, max: 3 });
    const sizes = fc.constantFrom<32 | 64>(32, 64);
    counted(0.2, (decided) =>
      check(
        fc.property(patterns(width), control, rounding, sizes, fc.boolean(), (bits, mxcsr, mode, to, truncate) => {
          const value = numberOf(width, bits);
          const integral = host.toIntegral(width, value, mode);
          const status = statusOf(mxcsr);
          if (!Number.isNaN(integral)) {
            decided();
            assert.is(bitsOf(width, integral), exact.toIntegral(status, width, bits, mode, false));
            assert.is(integral === value ? 0 : Mxcsr.PE, status.raised);
          }
          const integer = host.toInteger(width, to, value, truncate);
          if (Number.isNaN(integer)) return;
          const other = statusOf(mxcsr);
          assert.is(BigInt.asUintN(to, BigInt(integer)), exact.toInteger(other, width, to, bits, truncate));
          assert.is(integer === value ? 0 : Mxcsr.PE, other.raised);
        }) as never,
      ),
    );
  });
}

test.run();
