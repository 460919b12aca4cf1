// Lists of ranges in chunks against a sorted array that is searched from one end to the other.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import {
  allRanges,
  copyRanges,
  createRanges,
  highestGap,
  insertRange,
  lowestGap,
  overlapsRange,
  rangeAt,
  rangeBelow,
  rangeFrom,
  rangesIn,
  removeRange,
  replaceRange,
  type Range,
  type RangeList,
} from '../kernel/mm/ranges.ts';

const SPACE = 6000n;

/** The highest place for `length` between `bottom` and `top`, by trying each. */
function highest(ranges: readonly Range[], length: bigint, bottom: bigint, top: bigint): bigint | undefined {
  const isFree = (at: bigint): boolean => ranges.every(({ start, end }) => end <= at || start >= at + length);
  const places = [top, ...ranges.map(({ start }) => start)].map((end) => end - length);
  return places
    .filter((at) => at >= bottom && at + length <= top && isFree(at))
    .reduce<bigint | undefined>((best, at) => (best === undefined || at > best ? at : best), undefined);
}

function lowest(ranges: readonly Range[], length: bigint, bottom: bigint, top: bigint): bigint | undefined {
  const mirrored = ranges.map(({ start, end }) => ({ start: -end, end: -start }));
  const found = highest(mirrored, length, -top, -bottom);
  return found === undefined ? undefined : -found - length;
}

function checkChunks({ chunks, count }: RangeList<Range>): void {
  assert.is(
    chunks.reduce((sum, { ranges }) => sum + ranges.length, 0),
    count,
  );
  for (const { ranges } of chunks) assert.ok(ranges.length > 0 && ranges.length <= 128);
  // whatever is removed, chunks do not become many and small
  assert.ok(chunks.length <= 2 + count / 16, `${chunks.length} chunks of ${count}`);
}

test('what is found is what a search from end to end finds', () => {
  const address = fc.bigInt({ min: 0n, max: SPACE });
  const step = fc.record({
    action: fc.oneof(
      { weight: 12, arbitrary: fc.constant('insert') },
      { weight: 1, arbitrary: fc.constant('clear') },
      { weight: 6, arbitrary: fc.constantFrom('remove', 'replace', 'look') },
    ),
    at: address,
    length: fc.bigInt({ min: 1n, max: 6n }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 1200, size: 'max' }), (steps) => {
      const list = createRanges<Range>();
      let model: Range[] = [];
      const remove = (range: Range): void => {
        removeRange(list, range);
        model = model.filter((other) => other !== range);
      };
      for (const { action, at, length } of steps) {
        const end = at + length;
        const here = model.filter((range) => range.start < end && range.end > at);
        if (action === 'insert' && here.length === 0) {
          const range = { start: at, end };
          insertRange(list, range);
          model = [...model, range].sort((left, right) => Number(left.start - right.start));
        } else if (action === 'remove' && here.length > 0) remove(here[0]!);
        else if (action === 'clear') {
          for (const range of model.filter(({ start }) => start >= at && start < at + 200n * length)) remove(range);
        } else if (action === 'replace' && here.length > 0) {
          const range = { ...here[0]!, end: here[0]!.start + 1n };
          replaceRange(list, here[0]!, range);
          model = model.map((other) => (other === here[0] ? range : other));
        } else if (action === 'look') {
          assert.equal(rangesIn(list, at, end), here);
          assert.is(overlapsRange(list, at, end), here.length > 0);
          assert.is(
            rangeAt(list, at),
            model.find((range) => range.start <= at && range.end > at),
          );
          assert.is(
            rangeFrom(list, at),
            model.find((range) => range.end > at),
          );
          assert.is(
            rangeBelow(list, at),
            model.findLast((range) => range.end <= at),
          );
          for (const size of [1n, length, 10n * length]) {
            assert.is(highestGap(list, size, 10n, at), highest(model, size, 10n, at));
            assert.is(lowestGap(list, size, at, SPACE), lowest(model, size, at, SPACE));
          }
        }
        checkChunks(list);
      }
      assert.equal([...allRanges(list)], model);
      const copy = copyRanges(list);
      for (const range of model) removeRange(copy, range);
      assert.is(copy.count, 0);
      assert.equal([...allRanges(list)], model);
    }),
    { numRuns: 60 },
  );
});

test('a place among 100,000 is found without a look at each', () => {
  const list = createRanges<Range>();
  let looked = 0;
  const counted = (start: bigint): Range => ({
    get start() {
      looked++;
      return start;
    },
    get end() {
      looked++;
      return start + 1n;
    },
  });
  for (let n = 0; n < 100_000; n++) insertRange(list, counted(BigInt(n * 2)));
  assert.is(highestGap(list, 2n, 0n, 200_000n), undefined);
  const middle = rangeAt(list, 100_000n)!;
  looked = 0;
  removeRange(list, middle);
  assert.is(highestGap(list, 2n, 0n, 200_000n), 100_000n);
  assert.is(lowestGap(list, 2n, 0n, 200_000n), 99_999n);
  insertRange(list, middle);
  assert.is(rangesIn(list, 5000n, 5001n).length, 1);
  assert.ok(looked < 20_000, `${looked} looks`);
});

test.run();
