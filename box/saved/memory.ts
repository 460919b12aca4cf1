/** Memory as bytes: each page that is not zeros, those that are alike once. See docs/saved-box.md. */
import { PAGE_SIZE } from '../../cpu/memory.ts';
import { emptyCopy, forEachDifference, pageOf, withPages, ZERO_PAGE, type MemoryCopy } from '../pages.ts';
import { Reader, Writer } from './bytes.ts';
import { crc32 } from './checksum.ts';
import { areEqual } from '../pages.ts';

/** Numbers of contents, those that are equal having one. */
function createContents() {
  const list: Uint8Array[] = [];
  const known = new Map<Uint8Array, number>();
  const bySum = new Map<number, number[]>();
  return {
    list,
    numberOf(page: Uint8Array): number {
      const same = known.get(page);
      if (same !== undefined) return same;
      const sum = crc32(page);
      const candidates = bySum.get(sum) ?? [];
      let number = candidates.find((candidate) => areEqual(list[candidate]!, page));
      if (number === undefined) {
        number = list.push(page) - 1;
        bySum.set(sum, [...candidates, number]);
      }
      known.set(page, number);
      return number;
    },
  };
}

export function writeMemory(copy: MemoryCopy): Writer {
  const places: [page: number, content: number][] = [];
  const contents = createContents();
  forEachDifference(copy, emptyCopy(copy.length), (page) => {
    const content = pageOf(copy, page);
    if (!areEqual(content, ZERO_PAGE)) places.push([page, contents.numberOf(content)]);
  });
  const out = new Writer();
  out.count(contents.list.length);
  for (const content of contents.list) out.raw(content);
  out.count(places.length);
  let last = 0;
  for (const [page, content] of places) {
    out.count(page - last);
    out.count(content);
    last = page;
  }
  return out;
}

/** Of `length` bytes. SavedBoxError. */
export function readMemory(bytes: Uint8Array, length: number): MemoryCopy {
  const from = new Reader(bytes);
  const contents: Uint8Array[] = [];
  for (let left = from.count(Math.floor(from.left / PAGE_SIZE), 'pages'); left > 0; left--) {
    contents.push(from.raw(PAGE_SIZE).slice());
  }
  const pages = new Map<number, Uint8Array>();
  let page = 0;
  for (let left = from.size('places of pages'); left > 0; left--) {
    page += from.count(length / PAGE_SIZE - 1 - page, 'a page');
    pages.set(page, contents[from.count(contents.length - 1, 'content of a page')]!);
  }
  from.end('memory');
  return withPages(emptyCopy(length), pages);
}
