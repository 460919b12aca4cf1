/** BPF_*_GET_NEXT_ID and BPF_*_GET_FD_BY_ID: every live object has a number, which grows. */
import { MapFlag } from '../bpf-maps/map-type.ts';
import { fail } from '../errno.ts';
import { readStructure } from '../layout/read-structure.ts';
import { bpf_attr_get_id } from '../layout/structures.ts';
import { writeUserU32 } from '../mm/user-memory.ts';
import type { CommandHandler } from './command.ts';
import { giveDescriptor } from './descriptors.ts';
import { fileFlags, giveMapDescriptor } from './map-access.ts';
import { holdObject, objectKinds, type ObjectKind } from './pins.ts';

const INT_MAX = 0x7fffffff;
const NEXT_ID_OFFSET = BigInt(bpf_attr_get_id.fields.next_id.offset);

/** The lowest number above `start_id`; ENOENT above the last. */
export const nextId =
  (kind: ObjectKind): CommandHandler =>
  ({ kernel, task, attribute, address }) => {
    const start = readStructure(attribute, bpf_attr_get_id).number('id');
    if (start >= INT_MAX) fail('EINVAL');
    let next = Infinity;
    for (const { id, references } of objectKinds[kind].table(kernel.bpf).values()) {
      if (id > start && id < next && references > 0) next = id;
    }
    if (next === Infinity) fail('ENOENT');
    writeUserU32(kernel, task, address + NEXT_ID_OFFSET, next);
    return 0;
  };

/** A descriptor for the object with a number; ENOENT. `open_flags` are a map's alone. */
export const descriptorById =
  (kind: ObjectKind): CommandHandler =>
  ({ kernel, task, attribute }) => {
    const request = readStructure(attribute, bpf_attr_get_id);
    const flags = kind === 'bpf-map' ? request.number('open_flags') : 0;
    if ((flags & ~(MapFlag.RDONLY | MapFlag.WRONLY)) !== 0) fail('EINVAL');
    fileFlags(flags);
    const id = request.number('id');
    holdObject(kernel, kind, id);
    if (kind === 'bpf-map') return giveMapDescriptor(kernel, task, id, flags);
    return giveDescriptor(kernel, task, kind, id, objectKinds[kind].put);
  };
