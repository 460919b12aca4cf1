/**
 * The files that images were loaded from, kept for those who want to see sources: symbols and debug information are not
 * part of what is loaded. Nothing in the machine depends on them.
 */
import type { Kernel } from '../kernel.ts';

/** bytes of all kept files; beyond it, images have no file */
const LIMIT = 64 << 20;

function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, n) => byte === right[n]);
}

/** A copy of `file`, or the one that is kept already; undefined when there is no room for it. */
export function keptFile({ bpf }: Kernel, file: Uint8Array): Uint8Array | undefined {
  const kept = new Set<Uint8Array>();
  for (const { image } of bpf.programs.values()) if (image?.file !== undefined) kept.add(image.file);
  let size = file.length;
  for (const other of kept) {
    if (areEqual(other, file)) return other;
    size += other.length;
  }
  return size > LIMIT ? undefined : file.slice();
}
