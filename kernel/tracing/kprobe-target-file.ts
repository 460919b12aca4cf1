/** /proc/kprobe_target as a file. */
import { fail } from '../errno.ts';
import type { FileOperations } from '../fs/types.ts';

export const KPROBE_TARGET = '/proc/kprobe_target';

/** The requests that `vfs_ioctl` does not know. */
export const kprobeTarget: FileOperations = { ioctl: () => fail('ENOSYS') };
