/** Objects that have a name in bpffs or a descriptor: how to count them by the kind of their file. */
import { fail } from '../errno.ts';
import type { FileKind, Inode } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { putLink } from './links.ts';
import { putMap } from './maps.ts';
import { putProgram } from './programs.ts';
import type { BpfState } from './types.ts';

export type ObjectKind = 'bpf-map' | 'bpf-prog' | 'bpf_link';

interface Objects {
  readonly table: (bpf: BpfState) => ReadonlyMap<number, { readonly id: number; references: number }>;
  readonly put: (kernel: Kernel, id: number) => void;
}

// prettier-ignore
export const objectKinds: Readonly<Record<ObjectKind, Objects>> = {
  'bpf-map':  { table: (bpf) => bpf.maps,     put: (kernel, id) => putMap(kernel, id) },
  'bpf-prog': { table: (bpf) => bpf.programs, put: (kernel, id) => putProgram(kernel, id) },
  bpf_link:   { table: (bpf) => bpf.links,    put: (kernel, id) => putLink(kernel, id) },
};

export const isObjectKind = (kind: FileKind | string): kind is ObjectKind => kind in objectKinds;

/** One more reference to a live object. ENOENT for a number that none has, or only one that is being freed. */
export function holdObject(kernel: Kernel, kind: ObjectKind, id: number): void {
  const object = objectKinds[kind].table(kernel.bpf).get(id);
  if (object === undefined || object.references <= 0) return fail('ENOENT');
  object.references++;
}

/** A name in bpffs is gone for good: drops its reference. */
export function dropPinned(kernel: Kernel, { driver, object }: Inode): void {
  if (isObjectKind(driver)) objectKinds[driver].put(kernel, object);
}
