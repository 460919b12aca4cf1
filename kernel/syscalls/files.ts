/** All system calls about files, by topic. */
import { attributeSyscalls } from './attributes.ts';
import { descriptorSyscalls } from './descriptors.ts';
import { directorySyscalls } from './directories.ts';
import { openSyscalls } from './opens.ts';
import { pipeSyscalls } from './pipes.ts';
import { pollSyscalls } from './poll.ts';
import { transferSyscalls } from './transfer.ts';
import type { SyscallRow } from './types.ts';

export const fileSyscalls: readonly SyscallRow[] = [
  ...transferSyscalls,
  ...openSyscalls,
  ...descriptorSyscalls,
  ...attributeSyscalls,
  ...directorySyscalls,
  ...pipeSyscalls,
  ...pollSyscalls,
];
