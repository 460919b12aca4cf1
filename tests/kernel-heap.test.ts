// kmalloc's blocks, and the elements of hashes in them, whose links a program may have overwritten.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { operationsOf } from '../kernel/bpf-maps/index.ts';
import { u32Bytes } from '../kernel/bpf-maps/map-type.ts';
import { createMap, putMap } from '../kernel/bpf/maps.ts';
import { Errno } from '../kernel/errno.ts';
import { PAGE_OFFSET } from '../kernel/layout/address-map.ts';
import { blockAround, blockSizeAt, blockSizeFor, kfree, kmalloc } from '../kernel/mm/heap.ts';
import { freePages } from '../kernel/mm/physical.ts';
import { createBareKernel } from './support/bare-kernel.ts';

const runs = process.env['TEST_TIER'] === 'slow' ? 2000 : 100;

const size = fc.oneof(fc.nat(64), fc.nat(2500), fc.nat(20_000));
/** `free`: which of the blocks that there are; undefined: allocate */
const steps = fc.array(fc.record({ size, free: fc.option(fc.nat(), { nil: undefined }) }), { maxLength: 300 });

test('blocks are apart, zeroed, known by their addresses, and their memory comes back', () => {
  const { kernel } = createBareKernel();
  const { heap, memory } = kernel;
  fc.assert(
    fc.property(steps, (list) => {
      const blocksBefore = heap.blocks;
      const live: { start: number; size: number }[] = [];
      for (const { size: wanted, free } of list) {
        if (free !== undefined && live.length > 0) {
          const [gone] = live.splice(free % live.length, 1);
          kfree(kernel, PAGE_OFFSET + BigInt(gone!.start));
          assert.is(blockSizeAt(heap, gone!.start), undefined);
          continue;
        }
        const start = Number(kmalloc(kernel, wanted) - PAGE_OFFSET);
        const length = blockSizeFor(wanted);
        assert.ok(length >= wanted && blockSizeAt(heap, start) === length);
        assert.ok(memory.bytes.subarray(start, start + length).every((byte) => byte === 0));
        assert.not(live.some((other) => start < other.start + other.size && other.start < start + length));
        assert.equal(blockAround(heap, start + length - 1), { start, size: length });
        if (length > 16) assert.is(blockSizeAt(heap, start + 16), undefined);
        memory.bytes.fill(0xff, start, start + length);
        live.push({ start, size: length });
      }
      for (const block of live) kfree(kernel, PAGE_OFFSET + BigInt(block.start));
      assert.is(heap.blocks, blocksBefore);
    }),
    { numRuns: runs },
  );
});

test('a page of small blocks goes back to the box when the last of them does', () => {
  const { kernel } = createBareKernel();
  const before = freePages(kernel);
  const blocks = Array.from({ length: 100_000 }, () => kmalloc(kernel, 16));
  assert.is(before - freePages(kernel), Math.ceil(100_000 / 256));
  for (const block of blocks) kfree(kernel, block);
  assert.ok(before - freePages(kernel) <= 1);
});

test('what the host keeps of blocks is a hundredth of them, and does not grow with their number', () => {
  const { kernel } = createBareKernel();
  while (freePages(kernel) > 16) kmalloc(kernel, 16);
  const { heap } = kernel;
  const arrays = [heap.shifts, heap.counts, heap.used, heap.next, heap.previous];
  const bytes = arrays.reduce((sum, array) => sum + array.byteLength, 0);
  assert.ok(bytes < kernel.memory.size / 50, `${bytes} bytes for ${heap.blocks} blocks`);
});

/** pages that a map and the first element of it may take: struct bpf_map, buckets, the element */
const FEW_PAGES = 4;

test('2^28 entries cost nothing before there are elements', () => {
  const { kernel } = createBareKernel();
  const before = freePages(kernel);
  const shape = { type: 1, name: 'large', keySize: 4, valueSize: 8, maxEntries: 1 << 28, flags: 0 };
  const map = createMap(kernel, shape);
  operationsOf(map).update(kernel, map, u32Bytes(7), new Uint8Array(8), 0n);
  assert.ok(before - freePages(kernel) <= FEW_PAGES);
  putMap(kernel, map.id);
});

const operations = ['update', 'lookup', 'delete', 'nextKey', 'number', 'link', 'block'] as const;
const attack = fc.array(
  fc.record({ kind: fc.constantFrom(...operations), key: fc.nat(60), at: fc.nat(), value: fc.nat() }),
  { maxLength: 400 },
);

test('links that a program has overwritten are errors of the guest: no exception, no endless walk', () => {
  const shape = fc.record({
    type: fc.constantFrom(1, 9),
    flags: fc.constantFrom(0, 1),
    maxEntries: fc.integer({ min: 1, max: 40 }),
  });
  fc.assert(
    fc.property(shape, attack, ({ type, flags, maxEntries }, list) => {
      const { kernel } = createBareKernel();
      const map = createMap(kernel, {
        type,
        name: 'm',
        keySize: 4,
        valueSize: 8,
        maxEntries,
        flags: type === 9 ? 0 : flags,
      });
      const { update, lookup, delete: remove, nextKey } = operationsOf(map);
      const places = (): number[] => {
        if (map.data.kind !== 'hash') throw new Error('expected a hash');
        const found: number[] = [map.data.segments[0]!];
        for (let page = 256; page < kernel.memory.size / 4096; page++) {
          if (kernel.heap.shifts[page] !== 6) continue;
          for (let at = 0; at < 4096; at += 64)
            if (blockSizeAt(kernel.heap, page * 4096 + at) === 64) found.push(page * 4096 + at);
        }
        return found;
      };
      for (const { kind, key, at, value } of list) {
        try {
          const bytes = u32Bytes(key);
          if (kind === 'update') update(kernel, map, bytes, new Uint8Array(8), 0n);
          else if (kind === 'lookup') lookup(kernel, map, bytes);
          else if (kind === 'delete') remove(kernel, map, bytes);
          else if (kind === 'nextKey') nextKey(kernel, map, bytes);
          else {
            const all = places();
            const place = all[at % all.length]! + (value % 6) * 8;
            // a wild value, a link to anywhere, or one to another block
            const block = all[value % all.length]!;
            const wild = { number: 0, link: value % kernel.memory.size, block }[kind];
            kernel.memory.view.setBigUint64(
              place,
              kind === 'number' ? BigInt(value) : PAGE_OFFSET + BigInt(wild),
              true,
            );
          }
        } catch (error) {
          if (!(error instanceof Errno)) throw error;
        }
      }
      putMap(kernel, map.id);
    }),
    { numRuns: runs },
  );
});

test.run();
