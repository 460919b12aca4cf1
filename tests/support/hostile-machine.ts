/** A box with one of everything that a system call or a helper can be given, and what it can be given: sizes, pointers, descriptors. */
import { Box } from '../../index.ts';
import { Errno } from '../../kernel/errno.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { KERNEL_TEXT, PAGE_OFFSET } from '../../kernel/layout/address-map.ts';
import { isWait } from '../../kernel/native.ts';
import { copyFromUser, copyToUser } from '../../kernel/mm/user-memory.ts';
import { syscallTable } from '../../kernel/syscalls/index.ts';
import type { ParameterKind } from '../../kernel/syscalls/types.ts';
import type { Task } from '../../kernel/task.ts';
import { tinyProgram } from './tiny-program.ts';

export const MEMORY = 64 << 20;
const MIB = 1 << 20;
/** user memory: structures; pages that are there; a terabyte of which nothing is */
const SMALL = 0x1000_0000n;
const PRESENT = 0x2000_0000n;
const PRESENT_SIZE = 16 * MIB;
const SPARSE = 0x1000_0000_0000n;
const SPARSE_SIZE = 1n << 45n;

type Argument = bigint | number;

/** Makes system calls of `task` by their handlers: the result, -errno, or undefined for a wait. */
function caller(kernel: Kernel, task: Task) {
  const rows = new Map(syscallTable.map((row) => [row.name, row]));
  return (name: string, ...values: readonly Argument[]): number | undefined => {
    task.waitsUntil = undefined;
    const args = Array.from({ length: 6 }, (_, n) => BigInt.asUintN(64, BigInt(values[n] ?? 0)));
    try {
      const result = rows.get(name)!.handler({ kernel, cpu: kernel.cpus[0]!, task, args: args as never });
      return isWait(result) ? undefined : Number(result);
    } catch (error) {
      if (error instanceof Errno) return -error.number;
      throw error;
    }
  };
}

const words = (...values: readonly Argument[]): Uint8Array =>
  new Uint8Array(BigUint64Array.from(values, (value) => BigInt.asUintN(64, BigInt(value))).buffer);
const ints = (...values: readonly number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);
const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`);
const many = <T>(count: number, of: (n: number) => readonly T[]): T[] =>
  Array.from({ length: count }, (_, n) => of(n)).flat();

/** type, sizes of key and value, elements: include/uapi/linux/bpf.h */
const maps: readonly (readonly [type: number, key: number, value: number, elements: number])[] = [
  [1, 4, 16, 3000],
  [2, 4, 16, 5000],
  [5, 4, 8, 3000],
  [6, 4, 8, 5000],
  [9, 4, 16, 3000],
  [22, 0, 8, 5000],
  [23, 0, 8, 5000],
  [27, 0, 0, 65536],
  [7, 4, 80, 128],
  [4, 4, 4, 1],
  [2, 4, MIB, 4],
  [1, 64, 1 << 16, 32],
];
const [BPF_MAP_CREATE, BPF_MAP_UPDATE_ELEM] = [0, 2];
const ATTRIBUTE_SIZE = 128;

export interface HostileMachine {
  readonly box: Box;
  readonly kernel: Kernel;
  readonly pid: number;
  /** by what they are */
  readonly numbers: readonly bigint[];
  readonly pointers: readonly bigint[];
  readonly paths: readonly bigint[];
  readonly descriptors: readonly bigint[];
  /** of union bpf_attr */
  readonly attributes: readonly bigint[];
  /** addresses of the kernel's */
  readonly kernelAddresses: readonly bigint[];
}

/** 0, 1, powers of two, their neighbours, what is negative, in 32 and in 64 bits */
// prettier-ignore
const numbers: readonly bigint[] = [
  0n, 1n, 2n, 8n, 64n, 255n, 1024n, 4096n, 65536n,
  1n << 20n, 1n << 24n, (1n << 31n) - 1n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n, 1n << 40n, 1n << 45n, 1n << 46n,
  (1n << 47n) - 4096n, (1n << 47n) - 1n, 1n << 47n, 1n << 62n, 1n << 63n, -1n, -100n, -4096n,
].map((value) => BigInt.asUintN(64, value));

export async function createHostileMachine(): Promise<HostileMachine> {
  const box = await Box.boot({ memory: MEMORY });
  box.files.write('/program', tinyProgram('again:\n\tmov $24, %eax\n\tsyscall\n\tjmp again\n'));
  const { pid } = box.spawn('/program');
  box.run({ budget: 2000 });
  const { kernel } = box;
  const task = kernel.tasks.get(pid)!;
  const call = caller(kernel, task);
  const must = (name: string, ...args: readonly Argument[]): number => {
    const result = call(name, ...args);
    if (result === undefined || result < 0) throw new Error(`${name}(${args.join(', ')}): ${result}`);
    return result;
  };
  const poke = (address: bigint, bytes: Uint8Array): void => copyToUser(kernel, task, address, bytes);
  // MAP_FIXED, MAP_ANONYMOUS, MAP_PRIVATE; MAP_NORESERVE
  must('mmap', SMALL, MIB, 7, 0x32, -1, 0);
  must('mmap', PRESENT, PRESENT_SIZE, 3, 0x32, -1, 0);
  must('mmap', SPARSE, SPARSE_SIZE, 3, 0x4032, -1, 0);
  for (let at = 0; at < PRESENT_SIZE; at += MIB) poke(PRESENT + BigInt(at), new Uint8Array(MIB).fill(0x61));

  let free = SMALL;
  const put = (bytes: Uint8Array): bigint => {
    const at = free;
    poke(at, bytes);
    free += BigInt(Math.ceil(bytes.length / 16) * 16);
    return at;
  };
  const vectors = [
    many(1024, () => [PRESENT, 2n << 30n]),
    many(1024, () => [PRESENT, BigInt(PRESENT_SIZE)]),
    many(1024, () => [PRESENT, 1n]),
    many(1024, (n) => [SPARSE + (BigInt(n) << 32n), 2n << 30n]),
  ].map((vector) => put(words(...vector)));
  const messages = vectors.map((vector) => put(words(0, 0, vector, 1024, 0, 0, 0)));
  const short = put(text('x'));
  const argv = [short, PRESENT].map((string) => put(words(...many(20_000, () => [string]))));
  const descriptorsToPoll = put(ints(...many(1024, (n) => [n % 40, 7])));
  const paths = [`/tmp/${'a/../'.repeat(800)}x`, '/program', '/tmp', '/tmp/file', '/proc/self/maps'].map((path) =>
    put(text(path)),
  );
  const scratch = put(new Uint8Array(4096));
  const ones = put(new Uint8Array(256).fill(255));

  const pair = (name: string, ...args: readonly Argument[]): number[] => {
    must(name, ...args, scratch);
    return [...new Int32Array(copyFromUser(kernel, task, scratch, 8).slice().buffer)];
  };
  const open = (path: string, flags: number): number => {
    poke(scratch, text(path));
    return must('openat', -100, scratch, flags, 0o777);
  };
  const files = ['/dev/zero', '/dev/null', '/dev/full', '/dev/urandom'].map((path) => open(path, 2));
  const regular = open('/tmp/file', 0o102);
  must('write', regular, PRESENT, 4 * MIB);
  must('lseek', regular, 0, 0);
  for (let n = 0; n < 1000; n++) must('close', open(`/tmp/f${n}`, 0o102));
  const descriptors = [
    ...files,
    regular,
    open('/tmp/other', 0o2102),
    open('/tmp', 0o200000),
    open('/proc', 0o200000),
    ...pair('pipe'),
    ...pair('socketpair', 1, 1, 0),
    must('socket', 2, 2, 0),
    must('socket', 2, 1, 0),
    must('socket', 16, 3, 0),
    must('epoll_create1', 0),
    must('eventfd2', 5, 0o4000),
  ];

  const attribute = put(new Uint8Array(ATTRIBUTE_SIZE));
  const bpf = (command: number, bytes: Uint8Array): number => {
    poke(attribute, new Uint8Array(ATTRIBUTE_SIZE));
    poke(attribute, bytes);
    return must('bpf', command, attribute, ATTRIBUTE_SIZE);
  };
  const mapDescriptors = maps.map((row) => bpf(BPF_MAP_CREATE, ints(...row, 0)));
  const key = put(new Uint8Array(64));
  maps.forEach(([, keySize, , elements], at) => {
    if (keySize !== 4 || elements < 1000) return;
    for (let n = 0; n < elements; n++) {
      poke(key, ints(n));
      bpf(BPF_MAP_UPDATE_ELEM, words(mapDescriptors[at]!, key, PRESENT, 0));
    }
  });
  // struct { in_batch, out_batch, keys, values, count, map_fd, … }, and { map_fd, key, value, flags }
  const attributes = mapDescriptors.flatMap((map) => [
    ...[0xffff_ffff, 5000].map((count) =>
      put(words(0, SPARSE, PRESENT, PRESENT + BigInt(PRESENT_SIZE / 2), BigInt(count) | (BigInt(map) << 32n), 0, 0)),
    ),
    put(words(map, key, PRESENT, 0)),
  ]);
  kernel.events.length = 0;
  return {
    box,
    kernel,
    pid,
    numbers,
    pointers: [SMALL, PRESENT, SPARSE, ...vectors, ...messages, ...argv, descriptorsToPoll, scratch, ones, key],
    paths: [...paths, PRESENT],
    descriptors: [...descriptors, ...mapDescriptors].map(BigInt),
    attributes,
    kernelAddresses: [
      PAGE_OFFSET,
      PAGE_OFFSET + BigInt(MIB),
      PAGE_OFFSET + BigInt(MEMORY - 4096),
      KERNEL_TEXT,
      task.address,
      task.stack,
      kernel.perCpu[0]!.area,
      ...[...kernel.bpf.maps.values()].map(({ address }) => address),
    ],
  };
}

type Choose = <T>(list: readonly T[]) => T;

/** An argument that is meant to be of `kind`, mostly. */
export function hostileArgument(machine: HostileMachine, kind: ParameterKind | undefined, choose: Choose): bigint {
  const { pointers, paths, descriptors, kernelAddresses, attributes } = machine;
  const small = Array.from({ length: 64 }, (_, n) => BigInt(n));
  const usual: Partial<Record<ParameterKind | 'none', readonly bigint[]>> = {
    none: [...numbers, ...pointers, ...kernelAddresses, ...attributes],
    fd: descriptors,
    pointer: [...pointers, ...attributes],
    'buffer-in': pointers,
    'buffer-out': pointers,
    path: paths,
    string: paths,
    unsigned: numbers,
    'bpf-command': small.slice(0, 41),
    int: [...numbers, ...small],
  };
  return choose(choose([1, 2, 3, 4, 5, 6]) === 1 ? numbers : (usual[kind ?? 'none'] ?? [...numbers, ...small]));
}
