/** What can be done with the descriptor of a bpf object. */
import { NO_POLL } from '../bpf-maps/ringbuf.ts';
import { operationsOf } from '../bpf-maps/index.ts';
import { fail } from '../errno.ts';
import type { FileKind, FileOperations, MmapOperations, OpenFile } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { putLink } from './links.ts';
import { putMap } from './maps.ts';
import { putProgram } from './programs.ts';
import { disableStats } from './statistics.ts';
import type { BpfMap } from './types.ts';

const PROT_READ = 1;
const PROT_WRITE = 2;

const mapOf = (kernel: Kernel, file: OpenFile): BpfMap => kernel.bpf.maps.get(file.object) ?? fail('EBADF');

/** bpf_map_mmap: ENOTSUPP for a type without, EPERM to write a frozen map. What is not mapped writable stays so. */
const mapMemory: MmapOperations = {
  open(kernel, file, request) {
    const map = mapOf(kernel, file);
    const memory = operationsOf(map).mmap ?? fail('ENOTSUPP');
    const writes = (request.protection & PROT_WRITE) !== 0;
    if (writes && map.frozen) fail('EPERM');
    const most = memory.open(kernel, map, request);
    return writes ? most : most & PROT_READ;
  },
  private: (kernel, file) => fail(operationsOf(mapOf(kernel, file)).mmap === undefined ? 'ENOTSUPP' : 'EINVAL'),
  page(kernel, file, offset) {
    const map = mapOf(kernel, file);
    return operationsOf(map).mmap?.page(kernel, map, offset);
  },
};

export const bpfFileKinds: Readonly<Partial<Record<FileKind, FileOperations>>> = {
  'bpf-map': {
    mmap: mapMemory,
    poll(kernel, file) {
      const map = mapOf(kernel, file);
      return operationsOf(map).poll?.(kernel, map) ?? NO_POLL;
    },
    release(kernel, file) {
      const map = kernel.bpf.maps.get(file.object);
      if (map !== undefined) operationsOf(map).fileReleased?.(kernel, map, file.id);
      putMap(kernel, file.object);
    },
  },
  'bpf-prog': { release: (kernel, file) => putProgram(kernel, file.object) },
  'bpf-stats': { release: (kernel) => disableStats(kernel) },
  bpf_link: { release: (kernel, file) => putLink(kernel, file.object) },
};
