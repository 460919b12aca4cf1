/** Files of the box as the host writes and reads them. */
import { readFile, writeFile } from '../kernel/fs/inodes.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { freePages } from '../kernel/mm/physical.ts';
import type { Change } from './change.ts';
import { asked } from './errors.ts';

export interface BoxFiles {
  /**
   * A file in the place of what is there, in the box's memory; folders above it are made, and what runs from an old file keeps it.
   * `mode` as in chmod; default 0o755. BoxError, ENOSPC where it does not fit.
   */
  write(path: string, bytes: Uint8Array | string, mode?: number): void;
  /** Undefined when there is none. BoxError, EFBIG for a file of more bytes than the box has memory, most of it holes. */
  read(path: string): Uint8Array | undefined;
}

const PAGE = 4096;
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export function createFiles(kernel: Kernel, change: Change): BoxFiles {
  return {
    write(path, bytes, mode = 0o755) {
      const content = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
      asked(
        `write ${path}`,
        () => change(() => writeFile(kernel, path, content, mode)),
        (code) =>
          code === 'ENOSPC'
            ? `: got ${mebibytes(content.length)}, and the box has ${mebibytes(freePages(kernel) * PAGE)} free of ` +
              `${mebibytes(kernel.memory.size)}; boot it with a larger memory`
            : '',
      );
    },
    read: (path) => asked(`read ${path}`, () => readFile(kernel, path)),
  };
}
