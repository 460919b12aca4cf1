/** Between descriptors and objects. */
import { fail } from '../errno.ts';
import { OpenFlag } from '../fs/constants.ts';
import { fileOf, installDescriptor, openFile } from '../fs/files.ts';
import type { FileKind } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task.ts';
import type { BpfMap, BpfProgram } from './types.ts';

/**
 * A close-on-exec descriptor for an object, whose reference it takes over: when there is none to have (EMFILE, ENFILE),
 * the object loses that reference.
 */
export function giveDescriptor(
  kernel: Kernel,
  task: Task,
  kind: FileKind,
  object: number,
  drop: (kernel: Kernel, object: number) => void,
  closeOnExec = true,
  flags: number = OpenFlag.readWrite,
): number {
  const path = kind === 'perf-event' ? 'anon_inode:[perf_event]' : `anon_inode:${kind}`;
  let file;
  try {
    file = openFile(kernel, kind, object, flags, path);
  } catch (error) {
    drop(kernel, object);
    throw error;
  }
  return installDescriptor(kernel, task, file, closeOnExec);
}

/** The object behind a descriptor of `kind`: EBADF when it is closed, EINVAL when it is another kind's. */
export function objectOf(kernel: Kernel, task: Task, descriptor: number, kind: FileKind): number {
  const file = fileOf(kernel, task, descriptor);
  return file.kind === kind ? file.object : fail('EINVAL');
}

/** bpf_map_get */
export function mapOf(kernel: Kernel, task: Task, descriptor: number): BpfMap {
  return kernel.bpf.maps.get(objectOf(kernel, task, descriptor, 'bpf-map')) ?? fail('EINVAL');
}

/** bpf_prog_get */
export function programOf(kernel: Kernel, task: Task, descriptor: number): BpfProgram {
  return kernel.bpf.programs.get(objectOf(kernel, task, descriptor, 'bpf-prog')) ?? fail('EINVAL');
}
