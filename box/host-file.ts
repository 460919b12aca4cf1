/**
 * The one way to read a file of the host: regular files only, of a bounded size, at once; whatever else a path may lead to is
 * an error of one line that says what it is and what to do.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
  type Stats,
} from 'node:fs';
import { resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const MIB = 1 << 20;

/** Most bytes of what is read whole: programs and images, as much as a box has memory by default; sources and scripts. */
export const Largest = { binary: 128 * MIB, text: 4 * MIB } as const;

export type HostFileFault =
  | 'missing'
  | 'dangling'
  | 'directory'
  | 'device'
  | 'fifo'
  | 'socket'
  | 'permission'
  | 'too-big'
  | 'outside'
  /** the host's own words for the rest */
  | 'unreadable';

/** A file of the host that cannot be read. */
export class HostFileError extends Error {
  override readonly name = 'HostFileError';
  readonly fault: HostFileFault;
  readonly path: string;

  constructor(fault: HostFileFault, path: string, why: string) {
    super(`cannot read ${path}: ${why}`);
    this.fault = fault;
    this.path = path;
  }
}

const kinds: readonly (readonly [is: (facts: Stats) => boolean, fault: HostFileFault, why: string])[] = [
  [(facts) => facts.isDirectory(), 'directory', 'EISDIR, it is a directory, expected a file'],
  [(facts) => facts.isFIFO(), 'fifo', 'it is a FIFO, expected a regular file: copy what comes out of it to one'],
  [(facts) => facts.isSocket(), 'socket', 'it is a socket, expected a regular file'],
  [
    (facts) => !facts.isFile(),
    'device',
    'it is a device, expected a regular file: copy as much of it as is wanted to one',
  ],
];

/** By the errno of the host. */
const failures: Readonly<Record<string, readonly [fault: HostFileFault, why: string]>> = {
  ENOENT: ['missing', 'there is no such file'],
  ENOTDIR: ['missing', 'a part of the path is a file where a directory is expected'],
  ENAMETOOLONG: ['missing', 'the path is too long for a file'],
  ERR_INVALID_ARG_VALUE: ['missing', 'no path of a file has a NUL in it'],
  ELOOP: ['dangling', 'its symbolic links lead in a circle'],
  EACCES: ['permission', 'this user may not: look at its permissions and those of the directories above it'],
  EPERM: ['permission', 'this user may not'],
  ENXIO: ['socket', 'nothing is at the other end'],
};

const isLink = (path: string): boolean => {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
};

/** What the host has thrown at somebody who wanted to read `path`. */
export function hostFileError(path: string, error: unknown): HostFileError {
  if (error instanceof HostFileError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && isLink(path)) {
    return new HostFileError('dangling', path, 'ENOENT, it is a symbolic link to what does not exist');
  }
  const [fault, why] = failures[code] ?? ['unreadable', message];
  return new HostFileError(fault, path, failures[code] === undefined ? why : `${code}, ${why}`);
}

function checkKind(path: string, facts: Stats, most: number): void {
  const [, fault, why] = kinds.find(([is]) => is(facts)) ?? [];
  if (fault !== undefined) throw new HostFileError(fault, path, why!);
  if (facts.size > most) throw tooBig(path, `${facts.size} bytes`, most);
}

const tooBig = (path: string, got: string, most: number): HostFileError =>
  new HostFileError('too-big', path, `got ${got}, expected at most ${most} (${most / MIB} MiB)`);

/** To the end, however long it says that it is: it may grow meanwhile, and what /proc has says 0. */
function readAll(descriptor: number, path: string, size: number, most: number): Uint8Array {
  let bytes = new Uint8Array(Math.min(most, size) + 1);
  let length = 0;
  for (;;) {
    const count = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (count === 0) return bytes.subarray(0, length);
    length += count;
    if (length > most) throw tooBig(path, `${length} bytes or more`, most);
    if (length < bytes.length) continue;
    const larger = new Uint8Array(Math.min(most + 1, bytes.length * 2 + 4096));
    larger.set(bytes);
    bytes = larger;
  }
}

/** All of a regular file of at most `most` bytes. @throws {HostFileError} */
export function readHostFile(path: string | URL, most: number = Largest.binary): Uint8Array {
  const name = typeof path === 'string' ? path : fileURLToPath(path);
  let descriptor: number | undefined;
  try {
    // before it is opened: to open a device may do something
    checkKind(name, statSync(name), most);
    // it may be another one by now: nothing is waited for
    descriptor = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const facts = fstatSync(descriptor);
    checkKind(name, facts, most);
    return readAll(descriptor, name, facts.size, most);
  } catch (error) {
    throw hostFileError(name, error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** The text of one. @throws {HostFileError} */
export const readHostText = (path: string | URL): string => new TextDecoder().decode(readHostFile(path, Largest.text));

/**
 * Where `name`, relative to `folder`, is, wherever links lead: inside of `folder`, or an error.
 * @throws {HostFileError}
 */
export function pathInside(folder: string | URL, name: string): string {
  const root = resolve(typeof folder === 'string' ? folder : fileURLToPath(folder));
  const path = resolve(root, name);
  const outside = (): never => {
    throw new HostFileError('outside', path, `it is outside of ${root}`);
  };
  // what is there is not even asked
  if (!path.startsWith(root + sep)) outside();
  try {
    const real = realpathSync(path);
    return real.startsWith(realpathSync(root) + sep) ? real : outside();
  } catch (error) {
    throw hostFileError(path, error);
  }
}
