/** statfs and fstatfs: what file system a file is in, by its magic number. */
import { fail } from '../errno.ts';
import { NAME_MAX } from '../fs/constants.ts';
import { freePages } from '../mm/physical.ts';
import { deviceOf } from '../fs/tree.ts';
import { copyToUser } from '../mm/user-memory.ts';
import { isInode, resolveUserPath, targetOfDescriptor, WORKING_DIRECTORY, type Target } from './user-paths.ts';
import { syscall, type SyscallCall, type SyscallRow } from './types.ts';

/** include/uapi/linux/magic.h */
const RAMFS_MAGIC = 0x858458f6;
const PROC_SUPER_MAGIC = 0x9fa0;
const SYSFS_MAGIC = 0x62656572;
const BPF_FS_MAGIC = 0xcafe4a11;
/** of directories, by st_dev */
const magics: Readonly<Record<number, number>> = { 2: PROC_SUPER_MAGIC, 3: SYSFS_MAGIC, 4: BPF_FS_MAGIC };
const ANON_INODE_FS_MAGIC = 0x09041934;
const BLOCK = 4096;
/** struct statfs of x86-64 */
const SIZE = 120;

/** The kernel's own files know their place by their type, plain ones are in the RAM file system. */
function magicOf(target: Target): number {
  if (!isInode(target)) return ANON_INODE_FS_MAGIC;
  if (target.type === 'pinned') return BPF_FS_MAGIC;
  if (target.type === 'directory') return magics[deviceOf(target)] ?? RAMFS_MAGIC;
  if (target.type !== 'generated') return RAMFS_MAGIC;
  return target.driver.startsWith('/sys/') ? SYSFS_MAGIC : PROC_SUPER_MAGIC;
}

function giveStatus({ kernel, task }: SyscallCall, target: Target, buffer: bigint): number {
  const view = new DataView(new ArrayBuffer(SIZE));
  const magic = magicOf(target);
  const free = freePages(kernel);
  const words = [
    magic,
    BLOCK,
    kernel.pages.references.length,
    free,
    free,
    kernel.fileSystem.inodes.size,
    0,
    0,
    NAME_MAX,
    BLOCK,
  ];
  words.forEach((word, n) => view.setBigUint64(n * 8, BigInt(word), true));
  copyToUser(kernel, task, buffer, new Uint8Array(view.buffer));
  return 0;
}

// prettier-ignore
export const statfsSyscalls: readonly SyscallRow[] = [
  syscall(137, 'statfs',  ['path', 'pointer'], (call) => {
    const { inode } = resolveUserPath(call.kernel, call.task, WORKING_DIRECTORY, call.args[0]);
    return giveStatus(call, inode ?? fail('ENOENT'), call.args[1]);
  }),
  syscall(138, 'fstatfs', ['fd', 'pointer'], (call) =>
    giveStatus(call, targetOfDescriptor(call.kernel, call.task, call.args[0]), call.args[1])),
];
