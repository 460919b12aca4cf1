import type { FutexWait } from './futex.ts';
import type { SeccompFilter } from './seccomp/types.ts';
import type { SignalState } from './signal-types.ts';

/** A task's registers while it is on no CPU: the slots of `contextSlots` in order. */
export type TaskContext = BigUint64Array;

export type TaskState =
  /** on a CPU */
  | 'running'
  /** in the run queue */
  | 'runnable'
  /** waiting on channels */
  | 'sleeping'
  | 'stopped'
  /** has exited, its parent has not waited yet */
  | 'zombie';

/** `parent` of a process whose parent has gone */
export const ORPHAN = -1;

/** Its parent's pid as programs see it: 0 for none. */
export const visibleParent = ({ parent }: Task): number => Math.max(0, parent);

/** One thread. A process is the set of tasks with one `tgid`. */
export interface Task {
  /** thread id: what the kernel calls pid */
  readonly pid: number;
  readonly tgid: number;
  /** tgid; 0: the host has made it, and asks how it ended; ORPHAN */
  parent: number;
  processGroup: number;
  session: number;
  /** at most 15 bytes */
  comm: string;
  state: TaskState;
  /** channels a sleeping task waits on */
  channels: readonly string[];
  /** guest time in ns at which a sleeping task wakes by itself */
  deadline: bigint | undefined;
  context: TaskContext;
  /** guest address of its task_struct */
  readonly address: bigint;
  /** guest address of the lowest byte of its kernel stack, THREAD_SIZE bytes */
  readonly stack: bigint;
  /** physical address of its struct pt_regs at the top of that, which lies on one page */
  readonly userRegistersAt: number;
  addressSpace: number | undefined;
  fileTable: number;
  /** inode of the working directory */
  workingDirectory: number;
  umask: number;
  readonly signals: SignalState;
  /** wait status as wait4 gives it, once a zombie */
  exitStatus: number;
  /** where to store 0 and wake a futex at exit, or 0 */
  clearChildTid: bigint;
  /** the futex it has gone to sleep on */
  futexWait: FutexWait | undefined;
  /** path of the program it runs */
  executable: string;
  /** seccomp filters, newest last; undefined: none was ever set */
  seccomp: readonly SeccompFilter[] | undefined;
  /** the system call it is in, for observers */
  syscall: CurrentSyscall | undefined;
  /** guest time in ns at which that call stops waiting, from the first time on that it waits; KTIME_MAX: never */
  waitsUntil: bigint | undefined;
  /** the six arguments of that: `syscall.args`, the same array for each */
  readonly syscallArgs: BigUint64Array;
  /** instructions retired in user mode and in kernel mode are not told apart: ns on a CPU */
  cpuTime: number;
  /** guest time at which it came onto its CPU */
  switchedInAt: bigint;
  /** see run-queue.ts, ns; of a running task, what it was when it came onto its CPU */
  vruntime: number;
  /** the CPU that a kernel thread stays on */
  readonly boundCpu: number | undefined;
}

export interface CurrentSyscall {
  readonly number: number;
  readonly args: Iterable<bigint> & ArrayLike<bigint>;
  /** a kprobe program replaced its result */
  overridden: boolean;
  /** arguments as an observer prints them, as far as they are known at entry */
  readonly texts: readonly (string | undefined)[];
}
