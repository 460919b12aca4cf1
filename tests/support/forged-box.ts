/** Files of saved boxes taken apart, and put together again with a checksum that says that nothing is wrong. */
import { Reader, Writer } from '../../box/saved/bytes.ts';
import { crc32 } from '../../box/saved/checksum.ts';
import { readTrees, writeTrees } from '../../box/saved/tree.ts';
import type { FrozenRecord } from '../../box/frozen.ts';

/** What a file consists of: see docs/saved-box.md. */
export interface Parts {
  /** the magic, the version and the build */
  readonly head: Uint8Array;
  readonly sections: readonly Uint8Array[];
}

export function partsOf(bytes: Uint8Array): Parts {
  const from = new Reader(bytes);
  const head = from.raw(16).slice();
  from.u32();
  const sections = [1, 2, 3].map(() => {
    from.byte();
    return from.raw(from.u32()).slice();
  });
  return { head, sections };
}

export function fileOf({ head, sections }: Parts): Uint8Array {
  const body = new Writer();
  sections.forEach((content, n) => {
    body.byte(n + 1);
    body.u32(content.length);
    body.raw(content);
  });
  const content = body.finish();
  const out = new Writer();
  out.raw(head);
  out.u32(content.length);
  out.raw(content);
  return signed(out.finish());
}

/** With the checksum behind it that says that nothing is wrong. */
export function signed(bytes: Uint8Array): Uint8Array {
  const out = new Writer();
  out.raw(bytes);
  out.u32(crc32(bytes));
  return out.finish();
}

/** The file with the records that `change` has changed: of its processors, then of its kernel. */
export function forged(
  bytes: Uint8Array,
  cpus: number,
  change: (records: readonly FrozenRecord[]) => void,
): Uint8Array {
  const { head, sections } = partsOf(bytes);
  const trees = readTrees(sections[2]!, cpus + 2);
  change(trees as FrozenRecord[]);
  return fileOf({ head, sections: [sections[0]!, sections[1]!, writeTrees(trees).finish()] });
}
