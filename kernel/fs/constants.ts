/** include/uapi/asm-generic/fcntl.h, arch/x86 */
export const OpenFlag = {
  accessMode: 3,
  readOnly: 0,
  writeOnly: 1,
  readWrite: 2,
  create: 0x40,
  exclusive: 0x80,
  noTerminal: 0x100,
  truncate: 0x200,
  append: 0x400,
  nonBlock: 0x800,
  directory: 0x1_0000,
  noFollow: 0x2_0000,
  closeOnExec: 0x8_0000,
  path: 0x20_0000,
  temporary: 0x40_0000,
} as const;

/** include/uapi/linux/fcntl.h */
export const AT_FDCWD = -100;
export const AtFlag = {
  symlinkNoFollow: 0x100,
  removeDirectory: 0x200,
  symlinkFollow: 0x400,
  emptyPath: 0x1000,
} as const;

/** include/uapi/linux/stat.h: the type bits of st_mode */
export const FileType = {
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  regular: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const;

/** include/uapi/asm-generic/poll.h */
export const Poll = {
  in: 1,
  out: 4,
  error: 8,
  hangUp: 0x10,
  invalid: 0x20,
  readNormal: 0x40,
  writeNormal: 0x100,
} as const;
export const POLL_READABLE = Poll.in | Poll.readNormal;
export const POLL_WRITABLE = Poll.out | Poll.writeNormal;

/** include/uapi/linux/limits.h: with its NUL */
export const PATH_MAX = 4096;
export const NAME_MAX = 255;
/** include/linux/namei.h */
export const MAXSYMLINKS = 40;

/** RLIMIT_NOFILE */
export const MAX_DESCRIPTORS = 1024;
/** sysctl fs.file-max */
export const MAX_OPEN_FILES = 8192;
/** bytes of one regular file, most of which are holes then: whole pages that a number tells apart */
export const MAX_FILE_SIZE = 2 ** 53 - 4096;
/** names of one inode */
export const MAX_LINKS = 32000;

/** include/linux/pipe_fs_i.h: bytes a pipe holds, bytes written at once or not at all */
export const PIPE_CAPACITY = 65536;
export const PIPE_BUF = 4096;

/** type of the kprobe PMU: the first dynamic one, as /sys/bus/event_source/devices/kprobe/type says */
export const KPROBE_PMU_TYPE = 6;

/** how the tables name what is in a /proc/<pid>/fd */
export const DESCRIPTOR_LINK = '/proc/<pid>/fd/<fd>';
