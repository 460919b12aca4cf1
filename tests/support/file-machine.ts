/** A bare kernel with the file system a box starts with, and its file system calls by name. */
import * as assert from 'uvu/assert';
import { Errno, type ErrnoName } from '../../kernel/errno.ts';
import { latin1Bytes, latin1Text } from '../../kernel/fs/bytes.ts';
import { OpenFlag } from '../../kernel/fs/constants.ts';
import { createStandardFileTable } from '../../kernel/fs/files.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { task_struct } from '../../kernel/layout/structures.ts';
import { kmalloc } from '../../kernel/mm/heap.ts';
import { copyFromUser, copyToUser } from '../../kernel/mm/user-memory.ts';
import type { Wait } from '../../kernel/native.ts';
import { fileSyscalls } from '../../kernel/syscalls/files.ts';
import type { Task } from '../../kernel/task.ts';
import { createBareKernel, USER, USER_SIZE } from './bare-kernel.ts';

/** Addresses of the task's memory: where results go, and one where nothing is mapped. */
export const BUFFER = USER + USER_SIZE / 2n;
export const UNMAPPED = 0x10n;

export type Argument = bigint | number | string | Uint8Array;

export interface FileMachine {
  readonly kernel: Kernel;
  readonly task: Task;
  /** Result of a system call, `-errno` as `EBADF`; strings and bytes are put into user memory. */
  call(name: string, ...args: readonly Argument[]): number | string | Wait;
  /** bytes of user memory */
  peek(length: number, address?: bigint): Uint8Array;
  /** a task whose file table is a copy of the first one's */
  fork(): Task;
}

export function createFileMachine(): FileMachine {
  const { kernel, task } = createBareKernel();
  const prepare = (fileTable: number): Partial<Task> => ({
    parent: 0,
    address: kmalloc(kernel, task_struct.size),
    processGroup: 1,
    session: 1,
    fileTable,
    workingDirectory: kernel.fileSystem.root,
    umask: 0o022,
    executable: '/bin/test',
    exitStatus: 0,
    cpuTime: 0,
    signals: {
      blocked: 0n,
      pending: [],
      shared: [],
      actions: new Map(),
      alternateStack: { pointer: 0n, size: 0n, flags: 2 },
      savedMask: undefined,
    },
  });
  Object.assign(task, prepare(createStandardFileTable(kernel)));
  const rows = new Map(fileSyscalls.map((row) => [row.name, row]));
  return {
    kernel,
    task,
    call(name, ...values) {
      let free = USER;
      const place = (bytes: Uint8Array): bigint => {
        const at = free;
        copyToUser(kernel, task, at, bytes);
        free += BigInt(Math.ceil(bytes.length / 16) * 16);
        return at;
      };
      const args = Array.from({ length: 6 }, (_, n) => {
        const value = values[n] ?? 0;
        if (typeof value === 'string') return place(latin1Bytes(`${value}\0`));
        return value instanceof Uint8Array ? place(value) : BigInt.asUintN(64, BigInt(value));
      });
      try {
        const result = rows.get(name)!.handler({ kernel, cpu: kernel.cpus[0]!, task, args: args as never });
        return typeof result === 'bigint' ? Number(result) : result;
      } catch (error) {
        if (error instanceof Errno) return error.code;
        throw error;
      }
    },
    peek: (length, address = BUFFER) => copyFromUser(kernel, task, address, length),
    fork() {
      const child = { ...task, pid: kernel.nextPid++ };
      kernel.tasks.set(child.pid, child);
      return child;
    },
  };
}

export const text = (bytes: Uint8Array | undefined): string | undefined => bytes && latin1Text(bytes);

/** A result, or the errno's name. */
export function outcome<T>(body: () => T): T | ErrnoName {
  try {
    return body();
  } catch (error) {
    if (error instanceof Errno) return error.code;
    throw error;
  }
}

export interface PipeEnds {
  readonly reader: number;
  readonly writer: number;
}

export function makePipe({ call, peek }: FileMachine, flags = 0): PipeEnds {
  assert.is(call('pipe2', BUFFER, flags), 0);
  const view = new DataView(peek(8).buffer);
  return { reader: view.getInt32(0, true), writer: view.getInt32(4, true) };
}

/** Names that getdents64 gives with buffers of `size` bytes. */
export function list(
  { call, peek }: FileMachine,
  path: string,
  size: number,
  between?: (names: string[]) => void,
): string[] {
  const fd = call('open', path, OpenFlag.directory) as number;
  const names: string[] = [];
  for (;;) {
    const length = call('getdents64', fd, BUFFER, size) as number;
    if (length === 0) break;
    const bytes = peek(length);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
      names.push(latin1Text(bytes.subarray(at + 19, bytes.indexOf(0, at + 19))));
    }
    between?.(names);
  }
  call('close', fd);
  return names;
}
