/** /proc/kprobe_target: the test module of the samples. Its ioctls call kernel text that is there to be probed. */
import { fileOf } from '../fs/files.ts';
import { inodeOf } from '../fs/tree.ts';
import { Errno } from '../errno.ts';
import { currentTask } from '../kernel.ts';
import type { NativeFunction } from '../native.ts';
import { lookupName } from '../symbols.ts';
import { KPROBE_TARGET } from './kprobe-target-file.ts';

const functions: Readonly<Record<number, string>> = { 1313: 'kprobe_target_func', 1314: 'kprobe_target_func_irq' };

/**
 * The start of __x64_sys_ioctl: where the file's own operation is kernel text. rdx <- the function and rax <- its argument,
 * or rdx <- 0 for all other files.
 */
const vfs_ioctl: NativeFunction = (kernel, cpu) => {
  const { registers } = cpu;
  registers.rdx = 0n;
  const task = currentTask(kernel, cpu);
  const [descriptor, request, argument] = task.syscall?.args ?? [];
  if (descriptor === undefined || request === undefined || argument === undefined) return undefined;
  try {
    const file = fileOf(kernel, task, Number(BigInt.asIntN(32, descriptor)));
    if (file.kind !== 'generated' || inodeOf(kernel, file.object)?.driver !== KPROBE_TARGET) return undefined;
  } catch (error) {
    if (error instanceof Errno) return undefined;
    throw error;
  }
  const name = functions[Number(BigInt.asUintN(32, request))];
  if (name === undefined) return undefined;
  registers.rdx = lookupName(kernel.symbols, name);
  return argument;
};

/** __x64_sys_ioctl between push and pop of its frame. */
export const ioctlText: readonly string[] = [
  'native vfs_ioctl',
  'test %rdx, %rdx',
  'je 1f',
  'mov %rax, %rdi',
  'call *%rdx',
  'jmp 2f',
  '1: native __x64_sys_ioctl',
  '2:',
];

export const kprobeTargetNatives: Record<string, NativeFunction> = { vfs_ioctl };
