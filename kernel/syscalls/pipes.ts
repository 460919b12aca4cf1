/** pipe(2). */
import { fail } from '../errno.ts';
import { OpenFlag } from '../fs/constants.ts';
import { openFile, installDescriptor, closeDescriptor } from '../fs/files.ts';
import { addPipeEnd, createPipe } from '../fs/pipes.ts';
import type { OpenFile, Pipe } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { checkWritable, copyToUser } from '../mm/user-memory.ts';
import { toInt } from './arguments.ts';
import { syscall, type SyscallCall, type SyscallRow } from './types.ts';

function openEnd(kernel: Kernel, pipe: Pipe, kind: 'pipe-read' | 'pipe-write', flags: number): OpenFile {
  const access = kind === 'pipe-read' ? OpenFlag.readOnly : OpenFlag.writeOnly;
  const file = openFile(kernel, kind, pipe.id, access | flags, `pipe:[${pipe.id}]`);
  addPipeEnd(pipe, kind);
  return file;
}

function makePipe({ kernel, task }: SyscallCall, address: bigint, flags: number): number {
  if ((flags & ~(OpenFlag.closeOnExec | OpenFlag.nonBlock)) !== 0) fail('EINVAL');
  checkWritable(kernel, task, address, 8);
  const pipe = createPipe(kernel);
  const descriptors: number[] = [];
  try {
    for (const kind of ['pipe-read', 'pipe-write'] as const) {
      const end = openEnd(kernel, pipe, kind, flags & OpenFlag.nonBlock);
      descriptors.push(installDescriptor(kernel, task, end, (flags & OpenFlag.closeOnExec) !== 0));
    }
  } catch (error) {
    for (const descriptor of descriptors) closeDescriptor(kernel, task, descriptor);
    kernel.fileSystem.pipes.delete(pipe.id);
    throw error;
  }
  copyToUser(kernel, task, address, new Uint8Array(Int32Array.from(descriptors).buffer));
  return 0;
}

// prettier-ignore
export const pipeSyscalls: readonly SyscallRow[] = [
  syscall(22,  'pipe',  ['pointer'], (call) => makePipe(call, call.args[0], 0)),
  syscall(293, 'pipe2', ['pointer', 'open-flags'], (call) => makePipe(call, call.args[0], toInt(call.args[1]))),
];
