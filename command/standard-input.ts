/** The command's standard input, read when the guest waits for some. */
import { readSync } from 'node:fs';
import type { InputSource } from '../box/spawn.ts';

const STDIN = 0;
const CHUNK = 65536;
/** between two attempts at a terminal or pipe in non-blocking mode, ms */
const EMPTY_WAIT = 10;

/** Blocks until there is input; closed and unreadable descriptors are at their end. */
export function createStandardInput(): InputSource {
  const buffer = new Uint8Array(CHUNK);
  return () => {
    for (;;) {
      try {
        const count = readSync(STDIN, buffer, 0, CHUNK, null);
        return count === 0 ? undefined : buffer.slice(0, count);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return undefined;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, EMPTY_WAIT);
      }
    }
  };
}
