/** BPF_OBJ_PIN and BPF_OBJ_GET: kernel/bpf/inode.c. */
import { MapFlag } from '../bpf-maps/map-type.ts';
import { fail } from '../errno.ts';
import { AT_FDCWD } from '../fs/constants.ts';
import { openFileAt } from '../fs/files.ts';
import { makePin } from '../fs/names.ts';
import { resolveExisting } from '../fs/paths.ts';
import { readStructure } from '../layout/read-structure.ts';
import { bpf_attr_obj } from '../layout/structures.ts';
import { userPath, type UserPath } from '../syscalls/user-paths.ts';
import type { CommandCall, CommandHandler } from './command.ts';
import { giveDescriptor } from './descriptors.ts';
import { fileFlags, giveMapDescriptor } from './map-access.ts';
import { holdObject, isObjectKind, objectKinds } from './pins.ts';

const PATH_FD = 0x4000;

function readRequest({ kernel, task, attribute }: CommandCall, allowedFlags: number) {
  const request = readStructure(attribute, bpf_attr_obj);
  const flags = request.number('file_flags');
  const directory = request.number('path_fd');
  if ((flags & ~(allowedFlags | PATH_FD)) !== 0) fail('EINVAL');
  if ((flags & PATH_FD) === 0 && directory !== 0) fail('EINVAL');
  const start = BigInt((flags & PATH_FD) === 0 ? AT_FDCWD : directory);
  return {
    flags: flags & ~PATH_FD,
    descriptor: request.number('bpf_fd') | 0,
    path: (): UserPath => userPath(kernel, task, BigInt.asUintN(64, start), request.wide('pathname')),
  };
}

/** The name holds a reference. EINVAL for what is no bpf object; EEXIST, EPERM outside bpffs and for a dot in the name. */
export const objectPin: CommandHandler = (call) => {
  const { kernel, task } = call;
  const request = readRequest(call, 0);
  const file = openFileAt(kernel, task, request.descriptor);
  if (file === undefined || !isObjectKind(file.kind)) return fail('EINVAL');
  const { kind, object } = file;
  const { path, where } = request.path();
  makePin(kernel, path, { mode: 0o600 & ~task.umask, driver: kind, object }, where);
  holdObject(kernel, kind, object);
  return 0;
};

/** A new descriptor. ENOENT, EACCES for a file that is no bpf object. */
export const objectGet: CommandHandler = (call) => {
  const { kernel, task } = call;
  const { flags, descriptor, path: pathOf } = readRequest(call, MapFlag.RDONLY | MapFlag.WRONLY);
  if (descriptor !== 0) fail('EINVAL');
  const access = fileFlags(flags);
  const { path, where } = pathOf();
  const { type, driver, object } = resolveExisting(kernel, path, where);
  if (type !== 'pinned' || !isObjectKind(driver)) return fail('EACCES');
  if (driver === 'bpf_link' && access !== fileFlags(0)) fail('EINVAL');
  holdObject(kernel, driver, object);
  if (driver === 'bpf-map') return giveMapDescriptor(kernel, task, object, flags);
  return giveDescriptor(kernel, task, driver, object, objectKinds[driver].put);
};
