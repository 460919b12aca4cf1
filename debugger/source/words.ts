/** Names as places are told by. */
import type { Task } from '../../kernel/task.ts';

/** `userapp (2)` */
export const taskText = ({ comm, pid }: Pick<Task, 'comm' | 'pid'>): string => `${comm} (${pid})`;

/** `name+0x10`; the name alone for 0 */
export const withOffset = (name: string, offset: bigint | number): string =>
  BigInt(offset) === 0n ? name : `${name}+0x${offset.toString(16)}`;

/** `name.field+0x2` for a byte of a structure; `name+0x20` where no field is. */
export function fieldText(
  name: string,
  { fields }: { readonly fields: Readonly<Record<string, { readonly offset: number; readonly size: number }>> },
  offset: number,
): string {
  for (const [field, row] of Object.entries(fields)) {
    if (offset < row.offset || offset >= row.offset + row.size) continue;
    return withOffset(`${name}.${field}`, offset - row.offset);
  }
  return withOffset(name, offset);
}

/** what kallsyms puts before the names of an image */
const IMAGE_TAG = /^rex_prog_[0-9a-f]{16}::/;

/** A symbol's name without its image's tag, which tells a reader nothing. */
export const withoutTag = (name: string): string => name.replace(IMAGE_TAG, '');
