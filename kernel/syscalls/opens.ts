/** What gives a descriptor for a path. */
import { Errno, fail } from '../errno.ts';
import { OpenFlag } from '../fs/constants.ts';
import { freeDescriptor, installDescriptor } from '../fs/files.ts';
import { openPath, openUnnamed } from '../fs/opening.ts';
import { stringFromUser } from '../mm/user-memory.ts';
import { toInt, toUnsigned } from './arguments.ts';
import { syscall, type SyscallCall, type SyscallHandler, type SyscallRow } from './types.ts';
import { userPath, WORKING_DIRECTORY } from './user-paths.ts';

function openAt(
  { kernel, task }: SyscallCall,
  directory: bigint,
  address: bigint,
  flags: number,
  mode: bigint,
): number {
  const { path, where } = userPath(kernel, task, directory, address);
  const start = where.start ?? task.workingDirectory;
  // before anything is made or truncated
  freeDescriptor(kernel, task);
  const options = { start, flags, mode: toUnsigned(mode) & 0o7777 };
  return openPath(kernel, task, path, options, (file) =>
    installDescriptor(kernel, task, file, (flags & OpenFlag.closeOnExec) !== 0),
  );
}

const open: SyscallHandler = (call) => openAt(call, WORKING_DIRECTORY, call.args[0], toInt(call.args[1]), call.args[2]);
const openat: SyscallHandler = (call) => openAt(call, call.args[0], call.args[1], toInt(call.args[2]), call.args[3]);
const creat: SyscallHandler = (call) => {
  const flags = OpenFlag.create | OpenFlag.writeOnly | OpenFlag.truncate;
  return openAt(call, WORKING_DIRECTORY, call.args[0], flags, call.args[1]);
};

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** with its NUL: NAME_MAX less `memfd:` */
const MFD_NAME_MAX = 250;

const memfd_create: SyscallHandler = ({ kernel, task, args }) => {
  const flags = toUnsigned(args[1]);
  if ((flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING)) !== 0) fail('EINVAL');
  const name = nameOf(() => stringFromUser(kernel, task, args[0], MFD_NAME_MAX));
  return installDescriptor(kernel, task, openUnnamed(kernel, `/memfd:${name} (deleted)`), (flags & MFD_CLOEXEC) !== 0);
};

/** memfd_create answers EINVAL to a long name. */
function nameOf(body: () => string): string {
  try {
    return body();
  } catch (error) {
    if (error instanceof Errno && error.code === 'ENAMETOOLONG') return fail('EINVAL');
    throw error;
  }
}

// prettier-ignore
export const openSyscalls: readonly SyscallRow[] = [
  syscall(2,   'open',         ['path', 'open-flags', 'octal'], open, 'no O_TMPFILE'),
  syscall(85,  'creat',        ['path', 'octal'], creat),
  syscall(257, 'openat',       ['fd', 'path', 'open-flags', 'octal'], openat, 'no O_TMPFILE'),
  syscall(319, 'memfd_create', ['string', 'hex'], memfd_create, 'no sealing, no huge pages'),
];
