/** bpf_map_*_elem as programs call them: the map is known by its address, keys and values are read where they lie. */
import { operationsOf } from '../bpf-maps/index.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { readKernel } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import type { HelperRow } from './helper.ts';
import { mapAt } from './maps.ts';
import { negativeErrno } from './negative-errno.ts';
import type { BpfMap } from './types.ts';

const argument = (kernel: Kernel, address: bigint, size: number): Uint8Array =>
  readKernel(kernel, address, size) ?? fail('EFAULT');

const mapArgument = (kernel: Kernel, address: bigint): BpfMap => mapAt(kernel, address) ?? fail('EINVAL');

function find(kernel: Kernel, mapAddress: bigint, keyAddress: bigint, cpu: number): bigint {
  const map = mapAt(kernel, mapAddress);
  const key = map && readKernel(kernel, keyAddress, map.keySize);
  return map === undefined || key === undefined ? 0n : operationsOf(map).lookup(kernel, map, key, cpu);
}

const lookup: NativeFunction = (kernel, { index, registers: { rdi, rsi } }) => find(kernel, rdi, rsi, index);

const lookupPerCpu: NativeFunction = (kernel, { registers: { rdi, rsi, rdx } }) => {
  const map = mapAt(kernel, rdi);
  const cpu = BigInt.asUintN(32, rdx);
  if (map === undefined || operationsOf(map).perCpu !== true || cpu >= BigInt(kernel.cpus.length)) return 0n;
  return find(kernel, rdi, rsi, Number(cpu));
};

const update: NativeFunction = (kernel, { index, registers: { rdi, rsi, rdx, rcx } }) =>
  negativeErrno(() => {
    const map = mapArgument(kernel, rdi);
    const key = argument(kernel, rsi, map.keySize);
    operationsOf(map).update(kernel, map, key, argument(kernel, rdx, map.valueSize), rcx, index);
  });

const remove: NativeFunction = (kernel, { registers: { rdi, rsi } }) =>
  negativeErrno(() => {
    const map = mapArgument(kernel, rdi);
    operationsOf(map).delete(kernel, map, argument(kernel, rsi, map.keySize));
  });

const badPointer = 'a pointer to no map is NULL or -EINVAL, to unmapped memory NULL or -EFAULT, where Linux would oops';

export const mapHelpers: readonly HelperRow[] = [
  {
    name: 'bpf_map_lookup_elem',
    prototype: 'void *bpf_map_lookup_elem(struct bpf_map *map, const void *key)',
    support: 'full',
    note: badPointer,
    native: lookup,
  },
  {
    name: 'bpf_map_update_elem',
    prototype: 'long bpf_map_update_elem(struct bpf_map *map, const void *key, const void *value, u64 flags)',
    support: 'full',
    note: badPointer,
    native: update,
  },
  {
    name: 'bpf_map_delete_elem',
    prototype: 'long bpf_map_delete_elem(struct bpf_map *map, const void *key)',
    support: 'full',
    note: badPointer,
    native: remove,
  },
  {
    name: 'bpf_map_lookup_percpu_elem',
    prototype: 'void *bpf_map_lookup_percpu_elem(struct bpf_map *map, const void *key, u32 cpu)',
    support: 'full',
    note: `${badPointer}; NULL for maps with one value for all CPUs`,
    native: lookupPerCpu,
  },
];
