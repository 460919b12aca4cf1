/** BPF_MAP_*: kernel/bpf/syscall.c. */
import { MapFlag } from '../bpf-maps/map-type.ts';
import { mapTypeOf, operationsOf } from '../bpf-maps/index.ts';
import { fail } from '../errno.ts';
import { fileOf } from '../fs/files.ts';
import { readStructure } from '../layout/read-structure.ts';
import { bpf_attr_map_create, bpf_attr_map_elem } from '../layout/structures.ts';
import { checkWritable, copyFromUser, copyToUser } from '../mm/user-memory.ts';
import type { CommandHandler, CommandCall } from './command.ts';
import {
  accessMap,
  BPF_F_LOCK,
  giveMapDescriptor,
  isMappedWritable,
  readElement,
  userValueSize,
  writeElement,
  type Access,
  type MapFile,
} from './map-access.ts';
import { createMap } from './maps.ts';
import { objectName } from './name.ts';
import type { BpfMap } from './types.ts';

export const mapCreate: CommandHandler = ({ kernel, task, attribute }) => {
  const create = readStructure(attribute, bpf_attr_map_create);
  const flags = create.number('map_flags');
  const keyType = create.number('btf_key_type_id');
  const valueType = create.number('btf_value_type_id');
  if (create.number('btf_vmlinux_value_type_id') !== 0 || (keyType !== 0 && valueType === 0)) fail('EINVAL');
  if (create.wide('map_extra') !== 0n) fail('EINVAL');
  // one node, number 0
  if ((flags & MapFlag.NUMA_NODE) !== 0 && create.number('numa_node') !== 0) fail('EINVAL');
  const shape = {
    type: create.number('map_type'),
    keySize: create.number('key_size'),
    valueSize: create.number('value_size'),
    maxEntries: create.number('max_entries'),
    flags,
  };
  mapTypeOf(shape.type).check(shape);
  if (create.number('map_ifindex') !== 0) fail('EINVAL');
  const name = objectName(create.bytes('map_name'));
  if (keyType !== 0 || valueType !== 0) {
    // no descriptor is a BTF object's
    fileOf(kernel, task, create.number('btf_fd'));
    fail('EINVAL');
  }
  const map = createMap(kernel, { ...shape, name });
  return giveMapDescriptor(kernel, task, map.id, flags);
};

const elementOf = (attribute: Uint8Array) => {
  const element = readStructure(attribute, bpf_attr_map_elem);
  return {
    descriptor: element.number('map_fd') | 0,
    key: element.wide('key'),
    value: element.wide('value'),
    flags: element.wide('flags'),
  };
};

/** __bpf_copy_key: a map whose keys have no bytes wants a null pointer (EINVAL). EFAULT. */
function copyKey({ kernel, task }: CommandCall, map: BpfMap, address: bigint): Uint8Array {
  if (map.keySize === 0 && address !== 0n) fail('EINVAL');
  return map.keySize === 0 ? new Uint8Array(0) : copyFromUser(kernel, task, address, map.keySize);
}

/** EINVAL for flags other than BPF_F_LOCK, and for that: no map has a spin lock that the kernel knows of. */
function checkLookupFlags({ kernel, task }: CommandCall, descriptor: number, flags: bigint, access: Access[]): MapFile {
  if ((flags & ~BPF_F_LOCK) !== 0n) fail('EINVAL');
  const target = accessMap(kernel, task, descriptor, access);
  if (flags !== 0n) fail('EINVAL');
  return target;
}

export const mapLookup: CommandHandler = (call) => {
  const { kernel, task, attribute } = call;
  const { descriptor, key, value, flags } = elementOf(attribute);
  const { map } = checkLookupFlags(call, descriptor, flags, ['read']);
  copyToUser(kernel, task, value, readElement(kernel, map, copyKey(call, map, key)));
  return 0;
};

export const mapUpdate: CommandHandler = (call) => {
  const { kernel, task, attribute } = call;
  const element = elementOf(attribute);
  const target = accessMap(kernel, task, element.descriptor, ['write']);
  const { map } = target;
  if ((element.flags & BPF_F_LOCK) !== 0n) fail('EINVAL');
  const key = copyKey(call, map, element.key);
  const value = copyFromUser(kernel, task, element.value, userValueSize(kernel, map));
  writeElement(kernel, task, target, key, value, element.flags);
  return 0;
};

export const mapDelete: CommandHandler = (call) => {
  const { kernel, task, attribute } = call;
  const { descriptor, key } = elementOf(attribute);
  const { map } = accessMap(kernel, task, descriptor, ['write']);
  operationsOf(map).delete(kernel, map, copyKey(call, map, key));
  return 0;
};

export const mapNextKey: CommandHandler = (call) => {
  const { kernel, task, attribute } = call;
  const { descriptor, key, value } = elementOf(attribute);
  const { map } = accessMap(kernel, task, descriptor, ['read']);
  const current = key === 0n ? undefined : copyKey(call, map, key);
  copyToUser(kernel, task, value, operationsOf(map).nextKey(kernel, map, current));
  return 0;
};

/** The element goes only when its value has reached its reader. */
export const mapLookupAndDelete: CommandHandler = (call) => {
  const { kernel, task, attribute } = call;
  const { descriptor, key, value, flags } = elementOf(attribute);
  const { map } = checkLookupFlags(call, descriptor, flags, ['read', 'write']);
  const keyBytes = copyKey(call, map, key);
  const take = operationsOf(map).take ?? fail('ENOTSUPP');
  checkWritable(kernel, task, value, userValueSize(kernel, map));
  copyToUser(kernel, task, value, take(kernel, map, keyBytes));
  return 0;
};

/** EPERM for a descriptor that cannot write, and the second time; EBUSY while user space has the map mapped for writing. */
export const mapFreeze: CommandHandler = ({ kernel, task, attribute }) => {
  const { map } = accessMap(kernel, task, new DataView(attribute.buffer).getInt32(0, true), ['write']);
  if (isMappedWritable(kernel, map)) fail('EBUSY');
  map.frozen = true;
  return 0;
};
