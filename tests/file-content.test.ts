// What is in a file, against an array of bytes: at the borders of pages, in holes, and when the box's memory is nearly full.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { readContent, resizeContent, writeContent } from '../kernel/fs/content.ts';
import { holdInode, releaseInode } from '../kernel/fs/inode-uses.ts';
import { readFile, writeFile } from '../kernel/fs/inodes.ts';
import { newInode } from '../kernel/fs/tree.ts';
import type { Inode } from '../kernel/fs/types.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { allocatePage, freePages } from '../kernel/mm/physical.ts';
import { createBareKernel } from './support/bare-kernel.ts';
import { outcome } from './support/file-machine.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 20_000 : 400));
const PAGE = 4096;
const LARGEST = 12 * PAGE;

interface Model {
  bytes: Uint8Array;
  readonly pages: Set<number>;
}

function resize(model: Model, size: number): void {
  const bytes = new Uint8Array(size);
  bytes.set(model.bytes.subarray(0, size));
  model.bytes = bytes;
  for (const page of model.pages) if (page * PAGE >= size) model.pages.delete(page);
}

/** How many of `count` bytes at `position` there is room for, when so many pages are free. */
function roomFor({ pages }: Model, position: number, count: number, free: number): number {
  let left = free;
  for (let at = position; at < position + count; at++) {
    const page = Math.floor(at / PAGE);
    if (pages.has(page)) continue;
    if (left-- === 0) return at - position;
    pages.add(page);
  }
  return count;
}

function newFile(kernel: Kernel): Inode {
  const inode = newInode(kernel, 'regular', { mode: 0o644 });
  holdInode(kernel, inode.id);
  return inode;
}

/** 0, the borders of pages and what is beside them, and anything */
const anyPosition = fc.oneof(
  fc.nat(LARGEST),
  fc
    .record({ page: fc.nat(11), beside: fc.integer({ min: -1, max: 1 }) })
    .map(({ page, beside }) => Math.max(0, page * PAGE + beside)),
);
const anyStep = fc.record({
  action: fc.constantFrom('write', 'write', 'read', 'resize'),
  position: anyPosition,
  length: fc.oneof(fc.nat(20), fc.nat(3 * PAGE), fc.constantFrom(PAGE, 2 * PAGE)),
  value: fc.integer({ min: 1, max: 255 }),
});

test('random reads, writes and sizes, with few or many free pages', () => {
  const { kernel } = createBareKernel();
  const pages = fc.oneof(fc.nat(12), fc.constant(1000));
  fc.assert(
    fc.property(pages, fc.array(anyStep, { maxLength: 40, size: 'max' }), (room, steps) => {
      const taken = kernel.pages.charged;
      const inode = newFile(kernel);
      kernel.pages.charged += (freePages(kernel) - room) * PAGE;
      const model: Model = { bytes: new Uint8Array(0), pages: new Set() };
      for (const { action, position, length, value } of steps) {
        if (action === 'read') {
          const expected = model.bytes.slice(position, position + length);
          assert.equal(readContent(kernel, inode, position, length), expected);
        } else if (action === 'resize') {
          resizeContent(kernel, inode, position);
          resize(model, position);
        } else if (length > 0) {
          const count = roomFor(model, position, length, room - model.pages.size);
          const bytes = new Uint8Array(length).map((_, n) => (value + n) & 0xff);
          const written = outcome(() => writeContent(kernel, inode, position, bytes));
          assert.is(written, count === 0 ? 'ENOSPC' : count);
          if (count === 0) continue;
          const end = Math.max(model.bytes.length, position + count);
          const content = new Uint8Array(end);
          content.set(model.bytes);
          content.set(bytes.subarray(0, count), position);
          model.bytes = content;
        }
        assert.is(inode.size, model.bytes.length);
        assert.is(inode.pages.size, model.pages.size);
        assert.is(freePages(kernel), room - model.pages.size);
      }
      assert.equal(readContent(kernel, inode, 0, LARGEST * 2), model.bytes);
      releaseInode(kernel, inode.id);
      assert.is(freePages(kernel), room);
      kernel.pages.charged = taken;
      assert.is(kernel.fileSystem.cachedPages, 0);
    }),
    { numRuns: RUNS },
  );
});

test('a page that has been used by something else is a hole before it is written', () => {
  const { kernel } = createBareKernel();
  const inode = newFile(kernel);
  writeContent(kernel, inode, 0, new Uint8Array(4 * PAGE).fill(7));
  resizeContent(kernel, inode, 0);
  resizeContent(kernel, inode, 4 * PAGE);
  writeContent(kernel, inode, PAGE + 5, Uint8Array.of(1));
  const bytes = readContent(kernel, inode, 0, 4 * PAGE);
  assert.is(bytes.indexOf(1), PAGE + 5);
  assert.is(
    bytes.reduce((sum, byte) => sum + byte, 0),
    1,
  );
});

test('a file that does not fit leaves the old one', () => {
  const { kernel } = createBareKernel();
  writeFile(kernel, '/x', Uint8Array.of(1, 2, 3));
  while (freePages(kernel) > 5) allocatePage(kernel);
  // one page is for records
  assert.is(
    outcome(() => writeFile(kernel, '/x', new Uint8Array(6 * PAGE))),
    'ENOSPC',
  );
  assert.is(
    outcome(() => writeFile(kernel, '/y', new Uint8Array(5 * PAGE))),
    'ENOSPC',
  );
  assert.equal(readFile(kernel, '/x'), Uint8Array.of(1, 2, 3));
  assert.is(readFile(kernel, '/y'), undefined);
  writeFile(kernel, '/x', new Uint8Array(5 * PAGE).fill(9));
  assert.is(readFile(kernel, '/x')!.length, 5 * PAGE);
  assert.is(freePages(kernel), 1);
});

test.run();
