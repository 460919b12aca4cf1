/** The character devices below /dev: one row each. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { randomBytes } from '../random-bytes.ts';
import { inodeOf } from './tree.ts';
import { stdioKinds } from './stdio.ts';
import type { FileOperations, OpenFile } from './types.ts';

export interface DeviceRow {
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  readonly mode: number;
  readonly operations: FileOperations;
}

const swallow: FileOperations['write'] = (_kernel, _task, _file, bytes) => bytes.length;
const nothing = (): Uint8Array => new Uint8Array(0);
const zeros: FileOperations['read'] = (_kernel, _task, _file, length) => new Uint8Array(length);
const size = (): number => 0;

const randomness: FileOperations = {
  read: (kernel, _task, _file, length) => randomBytes(kernel, length),
  write: swallow,
  size,
};
const terminal: FileOperations = { ...stdioKinds.stdin, write: stdioKinds.stdout.write! };

// prettier-ignore
export const deviceRows: readonly DeviceRow[] = [
  { name: 'null',    major: 1, minor: 3, mode: 0o666, operations: { read: nothing, write: swallow, size } },
  { name: 'zero',    major: 1, minor: 5, mode: 0o666, operations: { read: zeros, write: swallow, size } },
  { name: 'full',    major: 1, minor: 7, mode: 0o666, operations: { read: zeros, write: () => fail('ENOSPC'), size } },
  { name: 'random',  major: 1, minor: 8, mode: 0o666, operations: randomness },
  { name: 'urandom', major: 1, minor: 9, mode: 0o666, operations: randomness },
  { name: 'tty',     major: 5, minor: 0, mode: 0o666, operations: terminal },
  { name: 'console', major: 5, minor: 1, mode: 0o600, operations: terminal },
];

const byName = new Map(deviceRows.map((row) => [row.name, row]));

export const deviceRow = (driver: string): DeviceRow | undefined => byName.get(driver);

/** Operations of an open device. */
export function deviceOperations(kernel: Kernel, file: OpenFile): FileOperations {
  return deviceRow(inodeOf(kernel, file.object)?.driver ?? '')?.operations ?? {};
}
