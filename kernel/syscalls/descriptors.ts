/** What is done with descriptors and with the description behind them. */
import { fail } from '../errno.ts';
import { MAX_DESCRIPTORS, OpenFlag, PIPE_CAPACITY } from '../fs/constants.ts';
import { ioctlFile, operationsOf } from '../fs/file-kinds.ts';
import { closeDescriptor, descriptorOf, fileOf, holdFile, installDescriptor, replaceDescriptor } from '../fs/files.ts';
import type { OpenFile } from '../fs/types.ts';
import { copyFromUser } from '../mm/user-memory.ts';
import { toInt, toUnsigned } from './arguments.ts';
import { syscall, type SyscallCall, type SyscallHandler, type SyscallRow } from './types.ts';

const close: SyscallHandler = ({ kernel, task, args }) => {
  closeDescriptor(kernel, task, args[0]);
  return 0;
};

const dup: SyscallHandler = ({ kernel, task, args }) =>
  installDescriptor(kernel, task, holdFile(fileOf(kernel, task, args[0])), false);

function replace({ kernel, task, args }: SyscallCall, closeOnExec: boolean): number {
  return replaceDescriptor(kernel, task, holdFile(fileOf(kernel, task, args[0])), closeOnExec, toInt(args[1]));
}

const dup2: SyscallHandler = (call) => {
  const { kernel, task, args } = call;
  fileOf(kernel, task, args[0]);
  return toInt(args[0]) === toInt(args[1]) ? toInt(args[0]) : replace(call, false);
};

const dup3: SyscallHandler = (call) => {
  const flags = toInt(call.args[2]);
  if ((flags & ~OpenFlag.closeOnExec) !== 0 || toInt(call.args[0]) === toInt(call.args[1])) fail('EINVAL');
  return replace(call, flags !== 0);
};

const SEEK_SET = 0;
const SEEK_CUR = 1;
const SEEK_END = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** Where each `whence` leads; a file has no holes but the one at its end. */
const destinations: Readonly<Record<number, (offset: bigint, file: OpenFile, size: bigint) => bigint>> = {
  [SEEK_SET]: (offset) => offset,
  [SEEK_CUR]: (offset, file) => BigInt(file.position) + offset,
  [SEEK_END]: (offset, _, size) => size + offset,
  [SEEK_DATA]: (offset, _, size) => (offset < 0n || offset >= size ? fail('ENXIO') : offset),
  [SEEK_HOLE]: (offset, _, size) => (offset < 0n || offset >= size ? fail('ENXIO') : size),
};

const lseek: SyscallHandler = ({ kernel, task, args: [descriptor, offset, whence] }) => {
  const file = fileOf(kernel, task, descriptor);
  const { size, seeked } = operationsOf(file.kind);
  if (size === undefined) return fail('ESPIPE');
  const destination = destinations[toUnsigned(whence)] ?? fail('EINVAL');
  const position = destination(BigInt.asIntN(64, offset), file, BigInt(size(kernel, file)));
  if (position < 0n || position > BigInt(Number.MAX_SAFE_INTEGER)) fail('EINVAL');
  file.position = Number(position);
  seeked?.(kernel, file);
  return position;
};

type Control = (call: SyscallCall, file: OpenFile, argument: bigint) => number;

function duplicateFrom({ kernel, task }: SyscallCall, file: OpenFile, argument: bigint, closeOnExec: boolean): number {
  const minimum = toInt(argument);
  if (minimum < 0 || minimum >= MAX_DESCRIPTORS) fail('EINVAL');
  return installDescriptor(kernel, task, holdFile(file), closeOnExec, minimum);
}

const FD_CLOEXEC = 1n;
/** what F_SETFL can change */
const STATUS_FLAGS = OpenFlag.append | OpenFlag.nonBlock;

const setCloseOnExec = ({ kernel, task, args }: SyscallCall, closeOnExec: boolean): number => {
  descriptorOf(kernel, task, args[0]).closeOnExec = closeOnExec;
  return 0;
};

const setStatus = (file: OpenFile, flags: number): number => {
  file.flags = (file.flags & ~STATUS_FLAGS) | (flags & STATUS_FLAGS);
  return 0;
};

const pipeSize: Control = (_, { kind }) =>
  kind === 'pipe-read' || kind === 'pipe-write' ? PIPE_CAPACITY : fail('EBADF');

// prettier-ignore
const controls: Readonly<Record<number, Control>> = {
  /* F_DUPFD         */ 0:    (call, file, argument) => duplicateFrom(call, file, argument, false),
  /* F_GETFD         */ 1:    ({ kernel, task, args }) => Number(descriptorOf(kernel, task, args[0]).closeOnExec),
  /* F_SETFD         */ 2:    (call, _, argument) => setCloseOnExec(call, (argument & FD_CLOEXEC) !== 0n),
  /* F_GETFL         */ 3:    (_, file) => file.flags,
  /* F_SETFL         */ 4:    (_, file, argument) => setStatus(file, toInt(argument)),
  /* F_DUPFD_CLOEXEC */ 1030: (call, file, argument) => duplicateFrom(call, file, argument, true),
  /* F_GETPIPE_SZ    */ 1032: pipeSize,
};

const fcntl: SyscallHandler = (call) => {
  const file = fileOf(call.kernel, call.task, call.args[0]);
  const control = controls[toUnsigned(call.args[1])] ?? fail('EINVAL');
  return control(call, file, call.args[2]);
};

/** Requests that every file knows: include/uapi/asm-generic/ioctls.h. */
// prettier-ignore
const commonRequests: Readonly<Record<number, Control>> = {
  /* FIONBIO  */ 0x5421: ({ kernel, task }, file, argument) => {
    const on = copyFromUser(kernel, task, argument, 4).some((byte) => byte !== 0);
    return setStatus(file, on ? file.flags | OpenFlag.nonBlock : file.flags & ~OpenFlag.nonBlock);
  },
  /* FIONCLEX */ 0x5450: (call) => setCloseOnExec(call, false),
  /* FIOCLEX  */ 0x5451: (call) => setCloseOnExec(call, true),
};

const ioctl: SyscallHandler = (call) => {
  const { kernel, task, args } = call;
  const file = fileOf(kernel, task, args[0]);
  const request = toUnsigned(args[1]);
  return commonRequests[request]?.(call, file, args[2]) ?? ioctlFile(kernel, task, file, request, args[2]);
};

const fsync: SyscallHandler = ({ kernel, task, args }) => {
  const { kind } = fileOf(kernel, task, args[0]);
  return kind === 'regular' || kind === 'directory' ? 0 : fail('EINVAL');
};

// prettier-ignore
export const descriptorSyscalls: readonly SyscallRow[] = [
  syscall(3,   'close', ['fd'], close),
  syscall(8,   'lseek', ['fd', 'int', 'whence'], lseek),
  syscall(16,  'ioctl', ['fd', 'ioctl', 'hex'], ioctl, 'FIONBIO, FIOCLEX, FIONCLEX and what perf events know'),
  syscall(32,  'dup',   ['fd'], dup),
  syscall(33,  'dup2',  ['fd', 'fd'], dup2),
  syscall(72,  'fcntl', ['fd', 'int', 'hex'], fcntl, 'descriptors and status flags; no locks, leases or owners'),
  syscall(74,  'fsync', ['fd'], fsync),
  syscall(75,  'fdatasync', ['fd'], fsync),
  syscall(292, 'dup3',  ['fd', 'fd', 'open-flags'], dup3),
];
