/** Maps as system calls reach them: through an open file, whose access mode and the map's state say what is allowed. */
import { MapFlag } from '../bpf-maps/map-type.ts';
import { operationsOf } from '../bpf-maps/index.ts';
import { fail } from '../errno.ts';
import { OpenFlag } from '../fs/constants.ts';
import { fileOf } from '../fs/files.ts';
import type { OpenFile } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { readKernel } from '../mm/kernel-memory.ts';
import type { Task } from '../task.ts';
import { giveDescriptor, mapOf } from './descriptors.ts';
import { putMap } from './maps.ts';
import type { BpfMap } from './types.ts';

export const BPF_F_LOCK = 4n;
const PROT_WRITE = 2;

export type Access = 'read' | 'write';

/** A map and the open file that led to it. */
export interface MapFile {
  readonly map: BpfMap;
  readonly file: OpenFile;
}

/** bpf_get_file_flag: O_* for BPF_F_RDONLY and BPF_F_WRONLY in map_flags or open_flags; EINVAL for both. */
export function fileFlags(flags: number): number {
  const access = flags & (MapFlag.RDONLY | MapFlag.WRONLY);
  if (access === 0) return OpenFlag.readWrite;
  if (access === MapFlag.RDONLY) return OpenFlag.readOnly;
  return access === MapFlag.WRONLY ? OpenFlag.writeOnly : fail('EINVAL');
}

/** A descriptor for a map, whose reference it takes over; `flags` as of `fileFlags`. */
export function giveMapDescriptor(kernel: Kernel, task: Task, map: number, flags: number): number {
  return giveDescriptor(kernel, task, 'bpf-map', map, putMap, true, fileFlags(flags));
}

/** map_get_sys_perms: whether user space may do `access` to the map through `file`. */
export function allows({ map, file }: MapFile, access: Access): boolean {
  const mode = file.flags & OpenFlag.accessMode;
  if (access === 'read') return mode !== OpenFlag.writeOnly;
  return mode !== OpenFlag.readOnly && !map.frozen;
}

/** The map behind a descriptor: EBADF, EINVAL for another kind's, EPERM for an access that it does not allow. */
export function accessMap(kernel: Kernel, task: Task, descriptor: number, accesses: readonly Access[]): MapFile {
  const target = { map: mapOf(kernel, task, descriptor), file: fileOf(kernel, task, descriptor) };
  return accesses.every((access) => allows(target, access)) ? target : fail('EPERM');
}

/** bpf_map_value_size */
export function userValueSize(kernel: Kernel, map: BpfMap): number {
  return operationsOf(map).userValueSize?.(kernel, map) ?? map.valueSize;
}

/** bpf_map_copy_value; ENOENT, ENOTSUPP. */
export function readElement(kernel: Kernel, map: BpfMap, key: Uint8Array): Uint8Array {
  const operations = operationsOf(map);
  if (operations.read !== undefined) return operations.read(kernel, map, key);
  const address = operations.lookup(kernel, map, key);
  if (address === 0n) fail('ENOENT');
  return readKernel(kernel, address, map.valueSize) ?? fail('EFAULT');
}

/** bpf_map_update_value; without a task and a file for the host. */
export function writeElement(
  kernel: Kernel,
  task: Task | undefined,
  { map, file }: { readonly map: BpfMap; readonly file?: OpenFile },
  key: Uint8Array,
  value: Uint8Array,
  flags: bigint,
): void {
  const operations = operationsOf(map);
  if (operations.write === undefined) operations.update(kernel, map, key, value, flags);
  else operations.write({ kernel, task, file: file?.id ?? 0 }, map, key, value, flags);
}

/** map->writecnt */
export function isMappedWritable(kernel: Kernel, map: BpfMap): boolean {
  for (const { mapped } of kernel.sharedMemory.values()) {
    if ((mapped.request.protection & PROT_WRITE) === 0) continue;
    const file = kernel.openFiles.get(mapped.file);
    if (file?.kind === 'bpf-map' && file.object === map.id) return true;
  }
  return false;
}
