/** Bytes between user memory and open files. */
import { Errno, fail } from '../errno.ts';
import { OpenFlag } from '../fs/constants.ts';
import { consume, operationsOf } from '../fs/file-kinds.ts';
import { fileOf } from '../fs/files.ts';
import type { OpenFile } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { copyFromUser, copyToUser, readUserU64, writeUserU64 } from '../mm/user-memory.ts';
import { isWait, type Wait } from '../native.ts';
import { hasDeliverable } from '../signal.ts';
import type { Task } from '../task.ts';
import { MAX_RW_COUNT, toCount, toInt } from './arguments.ts';
import { syscall, type SyscallCall, type SyscallHandler, type SyscallRow } from './types.ts';

/** Bytes moved at a time, so that a large request costs no more than what is there. */
const CHUNK = 1 << 20;
const IOV_MAX = 1024;

interface Part {
  readonly address: bigint;
  readonly length: number;
}

/** Moves one chunk and says how many bytes it was; a wait has changed nothing. */
type Move = (address: bigint, length: number) => number | Wait;

/**
 * Moves the parts in order, chunk by chunk, until one is short. What fails or would wait after some bytes have moved is
 * a short count: the caller finds out when it asks for the rest.
 */
function moveParts(task: Task, parts: readonly Part[], move: Move): number | Wait {
  let total = 0;
  for (const { address, length } of parts) {
    let done = 0;
    do {
      const from = address + BigInt(done);
      const wanted = Math.min(CHUNK, length - done);
      const moved = attempt(() => move(from, wanted), total > 0);
      if (moved === undefined) return total;
      if (isWait(moved)) {
        if (total > 0) return total;
        return hasDeliverable(task) ? fail('ERESTARTSYS') : moved;
      }
      total += moved;
      done += moved;
      if (moved < wanted) return total;
    } while (done < length);
  }
  return total;
}

/** `undefined` in place of an error, when `partial`. */
function attempt(body: () => number | Wait, partial: boolean): number | Wait | undefined {
  try {
    return body();
  } catch (error) {
    if (partial && error instanceof Errno) return undefined;
    throw error;
  }
}

type Access = typeof OpenFlag.readOnly | typeof OpenFlag.writeOnly;

/** EBADF unless `file` has been opened so. */
function checkAccess(file: OpenFile, wanted: Access): void {
  const mode = file.flags & OpenFlag.accessMode;
  if ((file.flags & OpenFlag.path) !== 0 || (mode !== wanted && mode !== OpenFlag.readWrite)) fail('EBADF');
}

/** Runs `body` with the file's position elsewhere; `undefined` leaves it where it is. ESPIPE, EINVAL. */
function atPosition<T>(kernel: Kernel, file: OpenFile, offset: bigint | undefined, body: () => T): T {
  if (offset === undefined) return body();
  const position = BigInt.asIntN(64, offset);
  if (position < 0n) fail('EINVAL');
  const { size } = operationsOf(file.kind);
  if (size === undefined) return fail('ESPIPE');
  size(kernel, file);
  const before = file.position;
  file.position = Number(position);
  try {
    return body();
  } finally {
    file.position = before;
  }
}

/** The parts of one message, moved at once. */
const together = (parts: readonly Part[]): Part[] => [
  {
    address: 0n,
    length: Math.min(
      CHUNK,
      parts.reduce((sum, { length }) => sum + length, 0),
    ),
  },
];

function gather(kernel: Kernel, task: Task, parts: readonly Part[]): Uint8Array {
  const bytes = new Uint8Array(together(parts)[0]!.length);
  let at = 0;
  for (const { address, length } of parts) {
    const part = copyFromUser(kernel, task, address, Math.min(length, bytes.length - at));
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function scatter(kernel: Kernel, task: Task, parts: readonly Part[], bytes: Uint8Array): void {
  let at = 0;
  for (const { address, length } of parts) {
    copyToUser(kernel, task, address, bytes.subarray(at, at + length));
    at += length;
  }
}

function readParts(
  { kernel, task }: SyscallCall,
  descriptor: bigint,
  parts: readonly Part[],
  offset?: bigint,
): number | Wait {
  const file = fileOf(kernel, task, descriptor);
  checkAccess(file, OpenFlag.readOnly);
  const { read, isMessage } = operationsOf(file.kind);
  if (read === undefined) return fail('EINVAL');
  const whole = parts.length > 1 && isMessage?.(kernel, file) === true;
  return atPosition(kernel, file, offset, () =>
    moveParts(task, whole ? together(parts) : parts, (address, length) => {
      const bytes = read(kernel, task, file, length);
      if (isWait(bytes)) return bytes;
      if (whole) scatter(kernel, task, parts, bytes);
      else copyToUser(kernel, task, address, bytes);
      consume(kernel, file, bytes.length);
      return bytes.length;
    }),
  );
}

function writeParts(
  { kernel, task }: SyscallCall,
  descriptor: bigint,
  parts: readonly Part[],
  offset?: bigint,
): number | Wait {
  const file = fileOf(kernel, task, descriptor);
  checkAccess(file, OpenFlag.writeOnly);
  const { write, isMessage } = operationsOf(file.kind);
  if (write === undefined) return fail('EINVAL');
  if (parts.length > 1 && isMessage?.(kernel, file) === true) {
    return moveParts(task, together(parts), () => write(kernel, task, file, gather(kernel, task, parts)));
  }
  return atPosition(kernel, file, offset, () =>
    moveParts(task, parts, (address, length) => write(kernel, task, file, copyFromUser(kernel, task, address, length))),
  );
}

/** struct iovec [count]; EINVAL, EFAULT. */
function vectorFromUser(kernel: Kernel, task: Task, address: bigint, count: number): Part[] {
  if (count < 0 || count > IOV_MAX) fail('EINVAL');
  const bytes = copyFromUser(kernel, task, address, count * 16);
  const view = new DataView(bytes.buffer);
  let left = MAX_RW_COUNT;
  return Array.from({ length: count }, (_, n) => {
    const wanted = view.getBigInt64(n * 16 + 8, true);
    if (wanted < 0n) fail('EINVAL');
    const length = Math.min(toCount(wanted), left);
    left -= length;
    return { address: view.getBigUint64(n * 16, true), length };
  });
}

const single = (address: bigint, length: bigint): Part[] => [{ address, length: toCount(length) }];

const read: SyscallHandler = (call) => readParts(call, call.args[0], single(call.args[1], call.args[2]));
const write: SyscallHandler = (call) => writeParts(call, call.args[0], single(call.args[1], call.args[2]));
const pread64: SyscallHandler = (call) =>
  readParts(call, call.args[0], single(call.args[1], call.args[2]), call.args[3]);
const pwrite64: SyscallHandler = (call) =>
  writeParts(call, call.args[0], single(call.args[1], call.args[2]), call.args[3]);

const vectorOf = ({ kernel, task, args }: SyscallCall): Part[] => {
  fileOf(kernel, task, args[0]);
  return vectorFromUser(kernel, task, args[1], toInt(args[2]));
};
const readv: SyscallHandler = (call) => readParts(call, call.args[0], vectorOf(call));
const writev: SyscallHandler = (call) => writeParts(call, call.args[0], vectorOf(call));

/** One chunk: a program that gets a short count asks again. */
const sendfile: SyscallHandler = ({ kernel, task, args: [to, from, offset, count] }) => {
  const source = fileOf(kernel, task, from);
  const target = fileOf(kernel, task, to);
  checkAccess(source, OpenFlag.readOnly);
  checkAccess(target, OpenFlag.writeOnly);
  const { read: take, size } = operationsOf(source.kind);
  const { write: give } = operationsOf(target.kind);
  if (take === undefined || size === undefined || give === undefined) return fail('EINVAL');
  const start = offset === 0n ? undefined : readUserU64(kernel, task, offset);
  if (start !== undefined) writeUserU64(kernel, task, offset, start);
  const moved = atPosition(kernel, source, start, () => {
    const bytes = take(kernel, task, source, Math.min(toCount(count), CHUNK));
    const given = isWait(bytes) ? bytes : give(kernel, task, target, bytes);
    if (!isWait(given)) consume(kernel, source, given);
    return given;
  });
  if (isWait(moved)) return hasDeliverable(task) ? fail('ERESTARTSYS') : moved;
  if (start !== undefined) writeUserU64(kernel, task, offset, start + BigInt(moved));
  return moved;
};

// prettier-ignore
export const transferSyscalls: readonly SyscallRow[] = [
  syscall(0,  'read',     ['fd', 'buffer-out', 'unsigned'], read),
  syscall(1,  'write',    ['fd', 'buffer-in', 'unsigned'], write),
  syscall(17, 'pread64',  ['fd', 'buffer-out', 'unsigned', 'int'], pread64),
  syscall(18, 'pwrite64', ['fd', 'buffer-in', 'unsigned', 'int'], pwrite64),
  syscall(19, 'readv',    ['fd', 'pointer', 'int'], readv),
  syscall(20, 'writev',   ['fd', 'pointer', 'int'], writev),
  syscall(40, 'sendfile', ['fd', 'fd', 'pointer', 'unsigned'], sendfile, 'at most 1 MiB a call'),
];
