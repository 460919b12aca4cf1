/** A booted kernel that runs user programs given as ELF bytes, and says what became of them. */
import * as fs from 'node:fs';
import { bootKernel, type BootOptions } from '../../kernel/boot.ts';
import { Errno } from '../../kernel/errno.ts';
import { writeFile } from '../../kernel/fs/inodes.ts';
import { createHost } from '../../kernel/host.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { exitProcess } from '../../kernel/exit.ts';
import { createProcess } from '../../kernel/process.ts';
import { runKernel, type RunOutcome } from '../../kernel/run.ts';
import { makeRunnable } from '../../kernel/scheduler.ts';
import { executeBytes } from './execute-bytes.ts';
import { kernelSources } from './kernel-machine.ts';

const root = new URL('../../', import.meta.url);

export const readRepositoryFile = (path: string): Uint8Array => new Uint8Array(fs.readFileSync(new URL(path, root)));

export interface ProgramResult {
  readonly outcome: RunOutcome | 'not-executable';
  /** wait status of the program */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function bootForPrograms(options: Omit<BootOptions, 'sources'> = {}): Kernel {
  return bootKernel({ memory: 64 << 20, ...options, sources: kernelSources });
}

/** Puts files of the repository into the root folder of the guest. */
export function install(kernel: Kernel, paths: readonly string[]): void {
  for (const path of paths) writeFile(kernel, path.slice(path.lastIndexOf('/')), readRepositoryFile(path), 0o755);
}

function output(kernel: Kernel, stream: 'stdout' | 'stderr'): string {
  const chunks = kernel.events.flatMap((event) =>
    event.type === 'write' && event.stream === stream ? [event.bytes] : [],
  );
  return Buffer.concat(chunks).toString('latin1');
}

/** Runs `bytes` as a process until it has ended, `budget` instructions have retired, or nothing can run any more. */
export function runProgram(
  kernel: Kernel,
  bytes: Uint8Array,
  argv: readonly string[],
  budget = 20_000_000,
  host = createHost(kernel),
): ProgramResult {
  kernel.events.length = 0;
  kernel.fileSystem.stdin.closed = true;
  const task = createProcess(kernel, 'test');
  try {
    executeBytes(kernel, task, `/${argv[0]}`, bytes, argv, ['PATH=/']);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    exitProcess(kernel, task, 0);
    return { outcome: 'not-executable', status: error.number, stdout: '', stderr: '' };
  }
  makeRunnable(kernel, task);
  const outcome = runKernel(kernel, host, budget, () => task.state === 'zombie');
  return { outcome, status: task.exitStatus, stdout: output(kernel, 'stdout'), stderr: output(kernel, 'stderr') };
}
