/** `struct perf_event_attr` from user space: kernel/events/core.c, perf_copy_attr. */
import { readUserStructure } from '../bpf/attribute.ts';
import { Errno, fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { readStructure, type StructureReader } from '../layout/read-structure.ts';
import { perf_event_attr } from '../layout/structures.ts';
import { copyFromUser, writeUserU32 } from '../mm/user-memory.ts';
import type { Task } from '../task.ts';

export type PerfAttribute = StructureReader<keyof typeof perf_event_attr.fields>;

/** PERF_ATTR_SIZE_VER0 */
const SMALLEST = 64;
const SIZE_OFFSET = BigInt(perf_event_attr.fields.size.offset);
/** PERF_SAMPLE_MAX, PERF_FORMAT_MAX */
const SAMPLE_TYPES = 1n << 25n;
const READ_FORMATS = 1n << 5n;
/** bits of `flags` that have a name */
const FLAG_BITS = 38n;

function tooBig(kernel: Kernel, task: Task, address: bigint): never {
  writeUserU32(kernel, task, address + SIZE_OFFSET, perf_event_attr.size);
  return fail('E2BIG');
}

/**
 * Errors: EFAULT; E2BIG for a size the kernel does not know, its own then being stored in the size field; EINVAL for
 * reserved bits.
 */
export function readPerfAttribute(kernel: Kernel, task: Task, address: bigint): PerfAttribute {
  const sizeField = copyFromUser(kernel, task, address + SIZE_OFFSET, 4);
  const size = new DataView(sizeField.buffer).getUint32(0, true) || SMALLEST;
  if (size < SMALLEST || size > constants.PAGE_SIZE) tooBig(kernel, task, address);
  let bytes;
  try {
    bytes = readUserStructure(kernel, task, address, size, perf_event_attr.size);
  } catch (error) {
    if (error instanceof Errno && error.code === 'E2BIG') tooBig(kernel, task, address);
    throw error;
  }
  const attribute = readStructure(bytes, perf_event_attr);
  if (attribute.wide('flags') >> FLAG_BITS !== 0n) fail('EINVAL');
  if (attribute.wide('sample_type') >= SAMPLE_TYPES || attribute.wide('read_format') >= READ_FORMATS) fail('EINVAL');
  return attribute;
}
