/** A process that the host starts: what fork and execve leave behind, without a parent. */
import { execute } from '../kernel/exec.ts';
import { isWaitable } from '../kernel/exit.ts';
import { guestText } from '../kernel/fs/bytes.ts';
import { releaseFileTable } from '../kernel/fs/files.ts';
import { resolve } from '../kernel/fs/paths.ts';
import { fail } from '../kernel/errno.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { createProcess, reapTask } from '../kernel/process.ts';
import { makeRunnable } from '../kernel/scheduler.ts';
import { sendProcessSignal, Signal, signalName } from '../kernel/signal.ts';
import { asked, BoxError } from './errors.ts';

/** What a process is called from outside. */
export interface Process {
  readonly pid: number;
}

/** Bytes for standard input each time a program waits for some; undefined at the end. */
export type InputSource = () => Uint8Array | undefined;

export interface SpawnOptions {
  /** default: PATH=/bin */
  readonly env?: Readonly<Record<string, string>>;
  /** of the box's one standard input; default: at its end */
  readonly stdin?: Uint8Array | string | InputSource;
  /** argv[0]; default: the path */
  readonly argv0?: string;
}

/** How a process ended. */
export interface Exit {
  /** as wait4 gives it */
  readonly status: number;
  /** what it gave to exit; undefined when a signal ended it */
  readonly exitCode: number | undefined;
  /** as `SIGSEGV`; undefined when it exited */
  readonly signal: string | undefined;
  /** 128 + the signal's number, or the exit code: as a shell's $? */
  readonly shellStatus: number;
}

const defaultEnvironment = { PATH: '/bin' };

/** A runnable process of the ELF file at `path`; strings become UTF-8. BoxError. */
export function spawnProcess(kernel: Kernel, path: string, args: readonly string[], options: SpawnOptions): Process {
  const environment = Object.entries(options.env ?? defaultEnvironment).map(([name, value]) => `${name}=${value}`);
  const encoder = new TextEncoder();
  const bytesOf = (strings: readonly string[]): Uint8Array[] => strings.map((string) => encoder.encode(string));
  const argv = bytesOf([options.argv0 ?? path, ...args]);
  return asked(`spawn ${path}`, () => {
    const { inode } = resolve(kernel, guestText(path));
    if (inode === undefined) return fail('ENOENT');
    if (inode.type !== 'regular') fail('EACCES');
    const task = createProcess(kernel, 'spawn');
    try {
      execute(kernel, undefined, task, guestText(path), inode, argv, bytesOf(environment));
    } catch (error) {
      releaseFileTable(kernel, task.fileTable);
      reapTask(kernel, task);
      throw error;
    }
    makeRunnable(kernel, task);
    return { pid: task.pid };
  });
}

/** kill(2) from outside: SI_USER of nobody. A process that has ended is left alone. BoxError. */
export function signalProcess(kernel: Kernel, { pid }: Process, name: string): void {
  const number = Object.hasOwn(Signal, name) ? Signal[name as keyof typeof Signal] : undefined;
  if (number === undefined) throw new BoxError(`signal: got ${JSON.stringify(name)}, expected a name as SIGINT`);
  const task = kernel.tasks.get(pid);
  if (task !== undefined) sendProcessSignal(kernel, task, { number, code: 0, pid: 0, address: 0n });
}

/** All threads of the process are gone; a pid that nobody has (any more) counts too. */
export function hasEnded(kernel: Kernel, { pid }: Process): boolean {
  const task = kernel.tasks.get(pid);
  return task === undefined || isWaitable(kernel, task);
}

/** Undefined while it runs, and when somebody has waited for it. */
export function exitOf(kernel: Kernel, process: Process): Exit | undefined {
  const task = kernel.tasks.get(process.pid);
  if (task === undefined || !isWaitable(kernel, task)) return undefined;
  const status = task.exitStatus;
  const number = status & 0x7f;
  if (number !== 0) {
    return { status, exitCode: undefined, signal: signalName(number), shellStatus: 128 + number };
  }
  const exitCode = (status >> 8) & 0xff;
  return { status, exitCode, signal: undefined, shellStatus: exitCode };
}
