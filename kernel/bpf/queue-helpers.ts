/** bpf_map_push_elem, bpf_map_pop_elem and bpf_map_peek_elem as programs call them. */
import { operationsOf } from '../bpf-maps/index.ts';
import { fail } from '../errno.ts';
import { readKernel, writeKernel } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import type { HelperRow } from './helper.ts';
import { mapAt } from './maps.ts';
import { negativeErrno } from './negative-errno.ts';

const push: NativeFunction = (kernel, { registers: { rdi, rsi, rdx } }) =>
  negativeErrno(() => {
    const map = mapAt(kernel, rdi) ?? fail('EINVAL');
    const operation = operationsOf(map).push ?? fail('EINVAL');
    operation(kernel, map, readKernel(kernel, rsi, map.valueSize) ?? fail('EFAULT'), rdx);
  });

/** The value is where the program wants it before it leaves the map; an empty map gives zeros and -ENOENT. */
const give =
  (what: 'pop' | 'peek'): NativeFunction =>
  (kernel, { registers: { rdi, rsi } }) =>
    negativeErrno(() => {
      const map = mapAt(kernel, rdi) ?? fail('EINVAL');
      const operations = operationsOf(map);
      const { peek = fail('EINVAL') } = operations;
      // all of it or none: what cannot be written is not taken
      if (!writeKernel(kernel, rsi, new Uint8Array(map.valueSize))) fail('EFAULT');
      const value = peek(kernel, map);
      if (what === 'pop') operations.pop?.(kernel, map);
      writeKernel(kernel, rsi, value);
    });

const badPointer =
  'a pointer to no map, or to one of another type, is -EINVAL, to unmapped memory -EFAULT, where Linux would oops';

// prettier-ignore
export const queueHelpers: readonly HelperRow[] = [
  { name: 'bpf_map_push_elem', prototype: 'long bpf_map_push_elem(struct bpf_map *map, const void *value, u64 flags)', support: 'full', note: badPointer, native: push },
  { name: 'bpf_map_pop_elem',  prototype: 'long bpf_map_pop_elem(struct bpf_map *map, void *value)',                   support: 'full', note: badPointer, native: give('pop') },
  { name: 'bpf_map_peek_elem', prototype: 'long bpf_map_peek_elem(struct bpf_map *map, void *value)',                  support: 'full', note: badPointer, native: give('peek') },
];
