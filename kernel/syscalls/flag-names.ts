/** Names of the constants in system-call arguments, in the order in which strace prints them. */
import { bpfCommands } from '../bpf/commands.ts';
import { Signal } from '../signal.ts';

export type NameRow = readonly [value: number, name: string];

/** include/uapi/asm-generic/fcntl.h; the access mode is apart. O_SYNC holds O_DSYNC's bit, O_TMPFILE O_DIRECTORY's. */
export const accessModes: readonly string[] = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'];
export const openFlags: readonly NameRow[] = [
  [0x40, 'O_CREAT'],
  [0x80, 'O_EXCL'],
  [0x100, 'O_NOCTTY'],
  [0x200, 'O_TRUNC'],
  [0x400, 'O_APPEND'],
  [0x800, 'O_NONBLOCK'],
  [0x10_1000, 'O_SYNC'],
  [0x1000, 'O_DSYNC'],
  [0x2000, 'O_ASYNC'],
  [0x4000, 'O_DIRECT'],
  [0x8000, 'O_LARGEFILE'],
  [0x41_0000, 'O_TMPFILE'],
  [0x1_0000, 'O_DIRECTORY'],
  [0x2_0000, 'O_NOFOLLOW'],
  [0x4_0000, 'O_NOATIME'],
  [0x8_0000, 'O_CLOEXEC'],
  [0x20_0000, 'O_PATH'],
];

/** include/uapi/asm-generic/mman-common.h */
export const protections: readonly NameRow[] = [
  [1, 'PROT_READ'],
  [2, 'PROT_WRITE'],
  [4, 'PROT_EXEC'],
  [0x100_0000, 'PROT_GROWSDOWN'],
  [0x200_0000, 'PROT_GROWSUP'],
];

export const mapFlags: readonly NameRow[] = [
  [3, 'MAP_SHARED_VALIDATE'],
  [1, 'MAP_SHARED'],
  [2, 'MAP_PRIVATE'],
  [0x10, 'MAP_FIXED'],
  [0x20, 'MAP_ANONYMOUS'],
  [0x40, 'MAP_32BIT'],
  [0x100, 'MAP_GROWSDOWN'],
  [0x800, 'MAP_DENYWRITE'],
  [0x2000, 'MAP_LOCKED'],
  [0x4000, 'MAP_NORESERVE'],
  [0x8000, 'MAP_POPULATE'],
  [0x1_0000, 'MAP_NONBLOCK'],
  [0x2_0000, 'MAP_STACK'],
  [0x4_0000, 'MAP_HUGETLB'],
  [0x10_0000, 'MAP_FIXED_NOREPLACE'],
];

/** include/uapi/linux/sched.h; the low byte is the signal sent to the parent */
export const cloneFlags: readonly NameRow[] = [
  [0x100, 'CLONE_VM'],
  [0x200, 'CLONE_FS'],
  [0x400, 'CLONE_FILES'],
  [0x800, 'CLONE_SIGHAND'],
  [0x1000, 'CLONE_PIDFD'],
  [0x2000, 'CLONE_PTRACE'],
  [0x4000, 'CLONE_VFORK'],
  [0x8000, 'CLONE_PARENT'],
  [0x1_0000, 'CLONE_THREAD'],
  [0x2_0000, 'CLONE_NEWNS'],
  [0x4_0000, 'CLONE_SYSVSEM'],
  [0x8_0000, 'CLONE_SETTLS'],
  [0x10_0000, 'CLONE_PARENT_SETTID'],
  [0x20_0000, 'CLONE_CHILD_CLEARTID'],
  [0x40_0000, 'CLONE_DETACHED'],
  [0x80_0000, 'CLONE_UNTRACED'],
  [0x100_0000, 'CLONE_CHILD_SETTID'],
];

export const whences: readonly string[] = ['SEEK_SET', 'SEEK_CUR', 'SEEK_END', 'SEEK_DATA', 'SEEK_HOLE'];

export const signalNames: ReadonlyMap<number, string> = new Map(
  Object.entries(Signal).map(([name, number]) => [number, name]),
);

export const bpfCommandNames: ReadonlyMap<number, string> = new Map(
  bpfCommands.map(({ number, name }) => [number, `BPF_${name}`]),
);

/** include/uapi/asm-generic/ioctls.h, include/uapi/linux/perf_event.h */
export const ioctlNames: ReadonlyMap<number, string> = new Map([
  [0x5401, 'TCGETS'],
  [0x5402, 'TCSETS'],
  [0x5403, 'TCSETSW'],
  [0x5404, 'TCSETSF'],
  [0x540f, 'TIOCGPGRP'],
  [0x5410, 'TIOCSPGRP'],
  [0x5413, 'TIOCGWINSZ'],
  [0x5414, 'TIOCSWINSZ'],
  [0x541b, 'FIONREAD'],
  [0x8910, 'SIOCGIFNAME'],
  [0x8912, 'SIOCGIFCONF'],
  [0x8913, 'SIOCGIFFLAGS'],
  [0x8914, 'SIOCSIFFLAGS'],
  [0x8915, 'SIOCGIFADDR'],
  [0x8919, 'SIOCGIFBRDADDR'],
  [0x891b, 'SIOCGIFNETMASK'],
  [0x8921, 'SIOCGIFMTU'],
  [0x8927, 'SIOCGIFHWADDR'],
  [0x8933, 'SIOCGIFINDEX'],
  [0x8942, 'SIOCGIFTXQLEN'],
  [0x5421, 'FIONBIO'],
  [0x5450, 'FIONCLEX'],
  [0x5451, 'FIOCLEX'],
  [0x5452, 'FIOASYNC'],
  [0x2400, 'PERF_EVENT_IOC_ENABLE'],
  [0x2401, 'PERF_EVENT_IOC_DISABLE'],
  [0x2402, 'PERF_EVENT_IOC_REFRESH'],
  [0x2403, 'PERF_EVENT_IOC_RESET'],
  [0x4008_2404, 'PERF_EVENT_IOC_PERIOD'],
  [0x2405, 'PERF_EVENT_IOC_SET_OUTPUT'],
  [0x4008_2406, 'PERF_EVENT_IOC_SET_FILTER'],
  [0x8008_2407, 'PERF_EVENT_IOC_ID'],
  [0x4004_2408, 'PERF_EVENT_IOC_SET_BPF'],
  [0x4004_2409, 'PERF_EVENT_IOC_PAUSE_OUTPUT'],
]);
