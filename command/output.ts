/** The command's standard streams, written in the order of the calls and at once: the machine leaves no time for events. */
import { writeSync } from 'node:fs';
import { isatty, type ReadStream, type WriteStream } from 'node:tty';
import type { InputSource } from '../box/spawn.ts';
import { ExitCode } from './exit-codes.ts';
import { createStandardInput } from './standard-input.ts';
import { createStyle, presentable, type Style } from './style.ts';

export const STDOUT = 1;
const STDERR = 2;
/** bytes that a buffered output collects */
const BUFFER_SIZE = 65536;
/** between two attempts at a pipe that is full, ms */
const FULL_PIPE_WAIT = 2;

const names = ['standard input', 'standard output', 'standard error'] as const;

/** By the errno of the host. */
const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on the device',
  EDQUOT: "the user's quota of the disk is used up",
  EFBIG: 'the file has reached its largest size (ulimit -f)',
  EBADF: 'it is closed, or open for reading only',
  EIO: 'the device does not answer',
};

/** What was to be printed cannot be. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
  /** of the host */
  readonly code: string;

  constructor(descriptor: number, { code = '', message }: NodeJS.ErrnoException) {
    super(
      `cannot write to ${names[descriptor]}: ${reasons[code] === undefined ? message : `${code}, ${reasons[code]}`}`,
    );
    this.code = code;
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

/** All of `bytes`; ends the process when nobody reads them any more. @throws {OutputError} */
function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      if (isErrno(error, 'EPIPE')) process.exit(ExitCode.brokenPipe);
      if (!isErrno(error, 'EAGAIN')) throw new OutputError(descriptor, error as NodeJS.ErrnoException);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_WAIT);
    }
  }
}

/** What the command reads and writes. */
export interface Streams {
  readonly stdin: InputSource;
  /** All of `bytes`: to standard output, 1, or standard error, 2. */
  write(descriptor: number, bytes: Uint8Array): void;
  /** whether standard output shows colours */
  readonly colours: boolean;
  /** where somebody sits in front of both */
  readonly terminal?: { readonly input: ReadStream; readonly output: WriteStream } | undefined;
}

/** For a terminal unless NO_COLOR is set (https://no-color.org). */
const wantsColours = (): boolean => isatty(STDOUT) && (process.env['NO_COLOR'] ?? '') === '';

/** This process's. */
export const hostStreams = (): Streams => ({
  stdin: createStandardInput(),
  write: writeAll,
  colours: wantsColours(),
  // process.stdin changes the terminal's mode: only who wants it is to touch it
  get terminal() {
    return isatty(0) && isatty(STDOUT) ? { input: process.stdin, output: process.stdout } : undefined;
  },
});

/** Strings are lines of ours, and are made presentable; bytes are a guest's or a screen's, and stay as they are. */
export interface CommandOutput {
  out(data: string | Uint8Array): void;
  error(data: string | Uint8Array): void;
  flush(): void;
  /** for strings */
  readonly style: Style;
}

/** `buffered`: for many small pieces; `flush` at the end. */
export function createCommandOutput(streams: Streams, buffered: boolean): CommandOutput {
  let pending: Uint8Array[] = [];
  let size = 0;
  let target = STDOUT;
  const flush = (): void => {
    const chunks = pending;
    pending = [];
    size = 0;
    if (chunks.length > 0) streams.write(target, Buffer.concat(chunks));
  };
  const write = (descriptor: number, data: string | Uint8Array): void => {
    const bytes = typeof data === 'string' ? Buffer.from(presentable(data)) : data;
    if (!buffered) {
      streams.write(descriptor, bytes);
      return;
    }
    if (descriptor !== target || size > BUFFER_SIZE) flush();
    target = descriptor;
    pending.push(bytes);
    size += bytes.length;
  };
  return {
    out: (data) => write(STDOUT, data),
    error: (data) => write(STDERR, data),
    flush,
    style: createStyle(streams.colours),
  };
}
