/** `union bpf_attr` from user space: kernel/bpf/syscall.c, __sys_bpf. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { bpf_attr_rex_load } from '../layout/structures.ts';
import { copyFromUser } from '../mm/user-memory.ts';
import type { Task } from '../task.ts';

/** sizeof(union bpf_attr) */
export const ATTRIBUTE_SIZE = bpf_attr_rex_load.size;

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/**
 * The first `known` of `size` user bytes, zeros where there are fewer; bpf_check_uarg_tail_zero and copy_from_user.
 * Errors: E2BIG above a page or for a byte other than zero past `known`, EFAULT.
 */
export function readUserStructure(
  kernel: Kernel,
  task: Task,
  address: bigint,
  size: number,
  known: number,
): Uint8Array {
  if (size > constants.PAGE_SIZE) fail('E2BIG');
  const given = copyFromUser(kernel, task, address, size);
  if (!isZero(given.subarray(known))) fail('E2BIG');
  const bytes = new Uint8Array(known);
  bytes.set(given.subarray(0, known));
  return bytes;
}

/** CHECK_ATTR: EINVAL for a byte other than zero past a command's last field, which ends at `end`. */
export function checkAttribute(attribute: Uint8Array, end: number): void {
  if (!isZero(attribute.subarray(end))) fail('EINVAL');
}
