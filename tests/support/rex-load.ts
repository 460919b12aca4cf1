/** Loads a Rex object through bpf(2), as librex does: the arrays and strings lie in the task's memory. */
import {
  bpf_attr_map_create,
  bpf_attr_rex_load,
  rex_dyn_sym,
  rex_rela_dyn,
  rex_text_sym,
} from '../../kernel/layout/structures.ts';
import { writeStructure } from '../../kernel/layout/write-structure.ts';
import type { RexObject } from '../../kernel/rex-dispatcher/rex-object.ts';
import { USER, type BareKernel } from './bare-kernel.ts';

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Where attributes are put; arrays and strings follow. */
export const ATTRIBUTE = USER;
const HEAP = USER + 0x1000n;

export function bpf(box: BareKernel, command: number, attribute: Uint8Array): number {
  box.poke(ATTRIBUTE, attribute);
  return box.call('bpf', command, ATTRIBUTE, attribute.length);
}

/** Puts things into user memory one after the other. */
export function userHeap(box: BareKernel, start = HEAP): (bytes: Uint8Array) => bigint {
  let next = start;
  return (bytes) => {
    const address = next;
    box.poke(address, bytes);
    next += BigInt(bytes.length + 15) & ~15n;
    return address;
  };
}

export type LoadFields = Partial<Record<keyof typeof bpf_attr_rex_load.fields, bigint | number | Uint8Array>>;

function join(rows: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(rows.flatMap((row) => [...row]));
}

/** The base's attribute for `object`, whose file is `rustfd`. */
export function baseAttribute(box: BareKernel, object: RexObject, rustfd: number): LoadFields {
  const put = userHeap(box);
  const string = (text: string): bigint => put(latin1(`${text}\0`));
  const { maps, relocations, imports, functions } = object;
  const offsets = new BigUint64Array(maps.map(({ pointerOffset }) => pointerOffset));
  return {
    prog_type: 33,
    license: string('GPL'),
    prog_name: latin1('sample.base'),
    rustfd,
    map_offs: put(new Uint8Array(offsets.buffer)),
    map_cnt: maps.length,
    dyn_relas: put(join(relocations.map((row) => writeStructure(rex_rela_dyn, { ...row })))),
    nr_dyn_relas: relocations.length,
    dyn_syms: put(
      join(imports.map(({ offset, name }) => writeStructure(rex_dyn_sym, { offset, symbol: string(name) }))),
    ),
    nr_dyn_syms: imports.length,
    text_syms: put(
      join(
        functions.map(({ offset, size, name }) => writeStructure(rex_text_sym, { offset, size, symbol: string(name) })),
      ),
    ),
    nr_text_syms: functions.length,
  };
}

export const loadBase = (box: BareKernel, fields: LoadFields): number =>
  bpf(box, 37, writeStructure(bpf_attr_rex_load, fields));

export const loadProgram = (box: BareKernel, fields: LoadFields): number =>
  bpf(box, 38, writeStructure(bpf_attr_rex_load, fields));

/** The file with the descriptors of fresh maps in it, as librex patches it. */
export function createMaps(box: BareKernel, object: RexObject, file: Uint8Array): Uint8Array {
  const patched = file.slice();
  for (const map of object.maps) {
    const descriptor = bpf(
      box,
      0,
      writeStructure(bpf_attr_map_create, {
        map_type: map.type,
        key_size: map.keySize,
        value_size: map.valueSize,
        max_entries: map.maxEntries,
        map_flags: map.flags,
        map_name: latin1(map.name),
      }),
    );
    new DataView(patched.buffer).setBigUint64(map.fileOffset, BigInt(descriptor), true);
  }
  return patched;
}
