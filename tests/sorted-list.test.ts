// A sorted list has what a sorted array would have, whatever is put into it and taken out, and no chunk of it grows too long.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { insertSorted, removeSorted, valueAt, valuesAbove, type SortedList } from '../kernel/sorted-list.ts';

type Value = number | string;

function check<T extends Value>(anyValue: fc.Arbitrary<T>): void {
  const step = fc.record({ insert: fc.boolean(), value: anyValue });
  const property = fc.property(fc.array(step, { maxLength: 2000, size: 'max' }), anyValue, (steps, cursor) => {
    const list: SortedList<T> = [];
    const model = new Set<T>();
    for (const { insert, value } of steps) {
      if (!insert) {
        removeSorted(list, value);
        model.delete(value);
      } else if (!model.has(value)) {
        insertSorted(list, value);
        model.add(value);
      }
    }
    const sorted = [...model].sort((left, right) => (left < right ? -1 : 1));
    assert.equal([...valuesAbove(list)], sorted);
    assert.equal(
      [...valuesAbove(list, cursor)],
      sorted.filter((value) => value > cursor),
    );
    for (const index of [0, 1, 100, sorted.length - 1, sorted.length]) assert.is(valueAt(list, index), sorted[index]);
    assert.ok(list.every(({ length }) => length > 0 && length <= 128));
  });
  fc.assert(property, { numRuns: 50 });
}

test('numbers', () => check(fc.nat(3000)));
test('names', () => check(fc.string({ maxLength: 3 })));
test('ten thousand in ascending, descending and mixed order', () => {
  for (const factor of [1, -1, 7919]) {
    const list: SortedList<number> = [];
    const values = Array.from({ length: 10_000 }, (_, n) => (((n * factor) % 10_007) + 10_007) % 10_007);
    for (const value of values) insertSorted(list, value);
    assert.equal(
      [...valuesAbove(list)],
      values.toSorted((left, right) => left - right),
    );
    for (const value of values) removeSorted(list, value);
    assert.equal(list, []);
  }
});

test.run();
