/** Standard input: bytes at once, or asked for when a program waits. */
import { closeStdin, pushStdin } from '../kernel/fs/stdio.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { InputSource, SpawnOptions } from './spawn.ts';

/** the channel on which readers of standard input sleep */
const STDIN_CHANNEL = 'stdin';

/** Of its own, whatever becomes of the caller's, and of what lies beside it in the same buffer. */
const copyOf = (input: Uint8Array | string): Uint8Array =>
  typeof input === 'string' ? new TextEncoder().encode(input) : new Uint8Array(input);

/** Gives a spawned program its input; what is to be asked for later is returned. */
export function provideInput(kernel: Kernel, stdin: SpawnOptions['stdin']): InputSource | undefined {
  if (typeof stdin === 'function') return stdin;
  if (stdin !== undefined) pushStdin(kernel, copyOf(stdin));
  closeStdin(kernel);
  return undefined;
}

/** A task sleeps because nothing has been typed. */
export function wantsInput(kernel: Kernel): boolean {
  const { chunks, closed } = kernel.fileSystem.stdin;
  if (closed || chunks.length > 0) return false;
  return kernel.sleepers.channels.has(STDIN_CHANNEL);
}

export function askForInput(kernel: Kernel, source: InputSource): void {
  const bytes = source();
  if (bytes === undefined || bytes.length === 0) closeStdin(kernel);
  else pushStdin(kernel, copyOf(bytes));
}
