/** BPF_MAP_*: kernel/bpf/syscall.c. */
import { MapFlag } from '../bpf-maps/map-type.ts';
import { mapTypeOf, operationsOf } from '../bpf-maps/index.ts';
import { fail } from '../errno.ts';
import { fileOf } from '../fs/files.ts';
import { readStructure } from '../layout/read-structure.ts';
import { bpf_attr_map_create, bpf_attr_map_elem } from '../layout/structures.ts';
import { readKernel } from '../mm/kernel-memory.ts';
import { copyFromUser, copyToUser } from '../mm/user-memory.ts';
import type { CommandHandler, CommandCall } from './command.ts';
import { giveDescriptor, mapOf } from './descriptors.ts';
import { createMap, putMap } from './maps.ts';
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
  return giveDescriptor(kernel, task, 'bpf-map', map.id, putMap);
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

/** The map, when its flags let user space do `access`: EPERM. */
function accessMap({ kernel, task }: CommandCall, descriptor: number, access: 'read' | 'write'): BpfMap {
  const map = mapOf(kernel, task, descriptor);
  const refused = access === 'read' ? MapFlag.WRONLY : MapFlag.RDONLY;
  return (map.flags & refused) === 0 ? map : fail('EPERM');
}

const F_LOCK = 4n;

export const mapLookup: CommandHandler = (call) => {
  const { kernel, task, attribute } = call;
  const { descriptor, key, value, flags } = elementOf(attribute);
  if ((flags & ~F_LOCK) !== 0n) fail('EINVAL');
  const map = accessMap(call, descriptor, 'read');
  // no map has a spin lock that the kernel knows of
  if (flags !== 0n) fail('EINVAL');
  const address = operationsOf(map).lookup(kernel, map, copyFromUser(kernel, task, key, map.keySize));
  if (address === 0n) fail('ENOENT');
  copyToUser(kernel, task, value, readKernel(kernel, address, map.valueSize) ?? fail('EFAULT'));
  return 0;
};

export const mapUpdate: CommandHandler = (call) => {
  const { kernel, task, attribute } = call;
  const element = elementOf(attribute);
  const map = accessMap(call, element.descriptor, 'write');
  if ((element.flags & F_LOCK) !== 0n) fail('EINVAL');
  const key = copyFromUser(kernel, task, element.key, map.keySize);
  const value = copyFromUser(kernel, task, element.value, map.valueSize);
  operationsOf(map).update(kernel, map, key, value, element.flags);
  return 0;
};

export const mapDelete: CommandHandler = (call) => {
  const { kernel, task, attribute } = call;
  const { descriptor, key } = elementOf(attribute);
  const map = accessMap(call, descriptor, 'write');
  operationsOf(map).delete(kernel, map, copyFromUser(kernel, task, key, map.keySize));
  return 0;
};

export const mapNextKey: CommandHandler = (call) => {
  const { kernel, task, attribute } = call;
  const { descriptor, key, value } = elementOf(attribute);
  const map = accessMap(call, descriptor, 'read');
  const current = key === 0n ? undefined : copyFromUser(kernel, task, key, map.keySize);
  copyToUser(kernel, task, value, operationsOf(map).nextKey(kernel, map, current));
  return 0;
};
