/**
 * The files that images were loaded from, kept for those who want to see sources: symbols and debug information are not
 * part of what is loaded. Nothing in the machine depends on them but what they are charged.
 */
import { jhash } from '../bpf-maps/jhash.ts';
import { Errno } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { charge, uncharge } from '../mm/charge.ts';

export interface KeptFile {
  readonly bytes: Uint8Array;
  /** images that were loaded from it */
  references: number;
}

/** What a kept file takes of the host's memory beside its bytes. */
const RECORD_CHARGE = 512;

function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let n = 0; n < left.length; n++) if (left[n] !== right[n]) return false;
  return true;
}

function chargeFile(kernel: Kernel, size: number): boolean {
  try {
    charge(kernel, RECORD_CHARGE + size);
    return true;
  } catch (error) {
    if (error instanceof Errno) return false;
    throw error;
  }
}

/**
 * An image has been loaded from `file`: the key that a copy of it is kept by, one for all that are alike. Undefined where the
 * box has no memory for it, or another file with the same hash is kept.
 */
export function keepFile(kernel: Kernel, file: Uint8Array): number | undefined {
  const { keptFiles } = kernel.bpf;
  const key = jhash(file, 0);
  const kept = keptFiles.get(key);
  if (kept !== undefined) {
    if (!areEqual(kept.bytes, file)) return undefined;
    kept.references++;
    return key;
  }
  if (!chargeFile(kernel, file.length)) return undefined;
  keptFiles.set(key, { bytes: file.slice(), references: 1 });
  return key;
}

/** The image is gone, or has not come to be. */
export function dropFile(kernel: Kernel, key: number | undefined): void {
  const { keptFiles } = kernel.bpf;
  const kept = keptFiles.get(key ?? -1);
  if (kept === undefined || --kept.references > 0) return;
  keptFiles.delete(key!);
  uncharge(kernel, RECORD_CHARGE + kept.bytes.length);
}

/** The file that the image of a base was loaded from. */
export const keptFile = ({ bpf }: Kernel, { file }: { readonly file: number | undefined }): Uint8Array | undefined =>
  bpf.keptFiles.get(file ?? -1)?.bytes;
