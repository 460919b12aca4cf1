/** Maps by both their doors: bpf(2) with user memory, and the helpers that programs call, on any CPU. Results are text. */
import { helperNatives } from '../../kernel/bpf/helpers.ts';
import { errnoName } from '../../kernel/errno.ts';
import { constants } from '../../kernel/layout/constants.ts';
import { bpf_attr_map_create, bpf_attr_map_elem } from '../../kernel/layout/structures.ts';
import { writeStructure } from '../../kernel/layout/write-structure.ts';
import { kmalloc } from '../../kernel/mm/heap.ts';
import { readKernel, writeKernel } from '../../kernel/mm/kernel-memory.ts';
import { copyFromUser } from '../../kernel/mm/user-memory.ts';
import { createBareKernel, USER, type BareKernel } from './bare-kernel.ts';
import { bpf } from './rex-load.ts';

const KEY = USER + 0x2000n;
const VALUE = USER + 0x10000n;
const VALUE_SIZE = 0x8000;

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

export interface MapShape {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
}

export interface TestMap {
  readonly descriptor: number;
  readonly address: bigint;
  readonly shape: MapShape;
  /** bytes of a value as system calls have it */
  readonly userSize: number;
}

export interface MapMachine extends BareKernel {
  create(shape: MapShape): TestMap;
  /** A system call on an element: `ok`, what was read as hexadecimal digits, or the errno's name. */
  user(command: number, map: TestMap, key: string | undefined, value?: string, flags?: bigint): string;
  freeze(map: TestMap): string;
  /** A helper's rax. */
  helper(cpu: number, name: string, ...args: readonly bigint[]): bigint;
  /** The same as `ok` or the errno's name. */
  status(cpu: number, name: string, ...args: readonly bigint[]): string;
  /** A copy of the bytes in kernel memory that programs own, at one of a few places. */
  put(place: number, text: string): bigint;
  bytesAt(address: bigint, size: number): string;
}

export const name = (result: number): string => (result >= 0 ? 'ok' : (errnoName(-result) ?? `${result}`));

const perCpuTypes: ReadonlySet<number> = new Set([
  constants.BPF_MAP_TYPE_PERCPU_HASH,
  constants.BPF_MAP_TYPE_PERCPU_ARRAY,
  constants.BPF_MAP_TYPE_LRU_PERCPU_HASH,
]);
const reads: ReadonlySet<number> = new Set([
  constants.BPF_MAP_LOOKUP_ELEM,
  constants.BPF_MAP_LOOKUP_AND_DELETE_ELEM,
  constants.BPF_MAP_GET_NEXT_KEY,
]);

export function createMapMachine(cpus = 3, size = 16 << 20): MapMachine {
  const box = createBareKernel(size, cpus);
  const { kernel, task } = box;
  const scratch = kmalloc(kernel, 8192);
  const helper: MapMachine['helper'] = (cpu, helperName, ...args) => {
    const { registers } = kernel.cpus[cpu]!;
    const [rdi = 0n, rsi = 0n, rdx = 0n, rcx = 0n] = args;
    Object.assign(registers, { rdi, rsi, rdx, rcx });
    const result = helperNatives[helperName]!(kernel, kernel.cpus[cpu]!);
    return BigInt.asUintN(64, BigInt((result ?? 0) as bigint | number));
  };
  return {
    ...box,
    helper,
    create(shape) {
      const descriptor = bpf(
        box,
        constants.BPF_MAP_CREATE,
        writeStructure(bpf_attr_map_create, {
          map_type: shape.type,
          key_size: shape.keySize,
          value_size: shape.valueSize,
          max_entries: shape.maxEntries,
          map_flags: shape.flags ?? 0,
        }),
      );
      if (descriptor < 0) throw new Error(`MAP_CREATE: ${name(descriptor)}`);
      const { address } = [...kernel.bpf.maps.values()].at(-1)!;
      const userSize = perCpuTypes.has(shape.type) ? Math.ceil(shape.valueSize / 8) * 8 * cpus : shape.valueSize;
      return { descriptor, address, shape, userSize };
    },
    user(command, map, key, value, flags = 0n) {
      if (key !== undefined) box.poke(KEY, unhex(key));
      box.poke(VALUE, value === undefined ? new Uint8Array(Math.min(VALUE_SIZE, map.userSize + 4)) : unhex(value));
      const wantsValue = command !== constants.BPF_MAP_DELETE_ELEM;
      const attribute = writeStructure(bpf_attr_map_elem, {
        map_fd: map.descriptor,
        key: key === undefined ? 0n : KEY,
        value: wantsValue ? VALUE : 0n,
        flags,
      });
      const result = bpf(box, command, attribute);
      if (result < 0 || !reads.has(command)) return name(result);
      const length = command === constants.BPF_MAP_GET_NEXT_KEY ? map.shape.keySize : map.userSize;
      return hex(copyFromUser(kernel, task, VALUE, length));
    },
    freeze(map) {
      const attribute = new Uint8Array(4);
      new DataView(attribute.buffer).setInt32(0, map.descriptor, true);
      return name(bpf(box, constants.BPF_MAP_FREEZE, attribute));
    },
    status: (cpu, helperName, ...args) => name(Number(BigInt.asIntN(64, helper(cpu, helperName, ...args)))),
    put(place, text) {
      const address = scratch + BigInt(place * 4096);
      writeKernel(kernel, address, unhex(text));
      return address;
    },
    bytesAt: (address, length) => hex(readKernel(kernel, address, length) ?? new Uint8Array(0)),
  };
}
