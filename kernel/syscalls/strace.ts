/** System calls as strace prints them. Only looks: a bad pointer is printed as an address, and nothing is paged in. */
import { describeErrno } from '../errno-messages.ts';
import { AT_FDCWD } from '../fs/constants.ts';
import type { Kernel } from '../kernel.ts';
import { peekUser } from '../mm/peek-user.ts';
import type { CurrentSyscall, Task } from '../task.ts';
import { toInt, toUnsigned } from './arguments.ts';
import * as names from './flag-names.ts';
import { syscallName } from './numbers.ts';
import type { ParameterKind, SyscallRow } from './types.ts';

/** strace -s: bytes of a string or a buffer that are shown */
const STRING_LIMIT = 32;
const PATH_LIMIT = 4095;
/** results from here to -1 are errors */
const MAX_ERRNO = 4095n;

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const pointer = (value: bigint): string => (value === 0n ? 'NULL' : hex(value));

// prettier-ignore
const escapes: ReadonlyMap<number, string> = new Map([
  [0x09, '\\t'], [0x0a, '\\n'], [0x0b, '\\v'], [0x0c, '\\f'], [0x0d, '\\r'], [0x22, '\\"'], [0x5c, '\\\\'],
]);

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** Each byte as a C string literal has it: what does not print is in octal, of at least so many digits. */
const literals = (digits: number): readonly string[] =>
  Array.from({ length: 256 }, (_, byte) => {
    const printed = byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : undefined;
    return escapes.get(byte) ?? printed ?? `\\${byte.toString(8).padStart(digits, '0')}`;
  });
const shortest = literals(1);
const beforeDigit = literals(3);

/** A C string literal, octal escapes as short as what follows lets them be. One flat string: events keep many. */
function quote(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let n = 0; n < bytes.length; n++) pieces.push((isDigit(bytes[n + 1]) ? beforeDigit : shortest)[bytes[n]!]!);
  return `"${pieces.join('')}"`;
}

function describeBuffer(kernel: Kernel, task: Task, address: bigint, length: bigint): string {
  if (address === 0n) return 'NULL';
  const shown = Number(length < BigInt(STRING_LIMIT) ? length : BigInt(STRING_LIMIT));
  const bytes = peekUser(kernel, task, address, shown);
  if (bytes.length < shown) return hex(address);
  return quote(bytes) + (length > BigInt(shown) ? '...' : '');
}

function describeString(kernel: Kernel, task: Task, address: bigint, limit: number): string {
  if (address === 0n) return 'NULL';
  const bytes = peekUser(kernel, task, address, limit + 1);
  const end = bytes.indexOf(0);
  if (end >= 0) return quote(bytes.subarray(0, end));
  // not terminated where it can be read
  return bytes.length <= limit ? hex(address) : `${quote(bytes.subarray(0, limit))}...`;
}

/** `A|B|0x40`; a row counts when all of its bits are set. `none` is what 0 is called. */
function flags(value: number, rows: readonly names.NameRow[], none: string): string {
  const found: string[] = [];
  let left = value;
  for (const [bits, name] of rows) {
    if ((left & bits) !== bits) continue;
    found.push(name);
    left &= ~bits;
  }
  if (left !== 0) found.push(`0x${(left >>> 0).toString(16)}`);
  return found.length === 0 ? none : found.join('|');
}

const O_ACCMODE = 3;

function openFlags(value: number): string {
  const mode = names.accessModes[value & O_ACCMODE]!;
  const rest = flags(value & ~O_ACCMODE, names.openFlags, '');
  return rest === '' ? mode : `${mode}|${rest}`;
}

/** CSIGNAL */
const SIGNAL_MASK = 0xff;

function cloneFlags(value: number): string {
  const signal = value & SIGNAL_MASK;
  const rest = flags(value & ~SIGNAL_MASK, names.cloneFlags, '');
  if (signal === 0) return rest || '0';
  const name = names.signalNames.get(signal) ?? `${signal}`;
  return rest === '' ? name : `${rest}|${name}`;
}

interface Argument {
  readonly kernel: Kernel;
  readonly task: Task;
  readonly value: bigint;
  /** the argument after it */
  readonly next: bigint;
}

/** One row a kind; undefined: not known before the call has returned. */
const describers: Readonly<Record<ParameterKind, (argument: Argument) => string | undefined>> = {
  int: ({ value }) => `${toInt(value)}`,
  unsigned: ({ value }) => `${value}`,
  hex: ({ value }) => (value === 0n ? '0' : hex(value)),
  octal: ({ value }) => (toUnsigned(value) === 0 ? '0' : `0${toUnsigned(value).toString(8)}`),
  pointer: ({ value }) => pointer(value),
  fd: ({ value }) => (toInt(value) === AT_FDCWD ? 'AT_FDCWD' : `${toInt(value)}`),
  path: ({ kernel, task, value }) => describeString(kernel, task, value, PATH_LIMIT),
  string: ({ kernel, task, value }) => describeString(kernel, task, value, STRING_LIMIT),
  'buffer-in': ({ kernel, task, value, next }) => describeBuffer(kernel, task, value, next),
  'buffer-out': () => undefined,
  'open-flags': ({ value }) => openFlags(toInt(value)),
  protection: ({ value }) => flags(toInt(value), names.protections, 'PROT_NONE'),
  'map-flags': ({ value }) => flags(toInt(value), names.mapFlags, '0'),
  signal: ({ value }) => names.signalNames.get(toInt(value)) ?? `${toInt(value)}`,
  whence: ({ value }) => names.whences[toUnsigned(value)] ?? `${toInt(value)}`,
  'bpf-command': ({ value }) => names.bpfCommandNames.get(toInt(value)) ?? `${toInt(value)}`,
  ioctl: ({ value }) => names.ioctlNames.get(toUnsigned(value)) ?? hex(BigInt(toUnsigned(value))),
  'clone-flags': ({ value }) => cloneFlags(toInt(value)),
};

/** Arguments as strace prints them, as far as they can be read at entry. */
export function describeArguments(
  kernel: Kernel,
  task: Task,
  row: SyscallRow,
  args: ArrayLike<bigint>,
): (string | undefined)[] {
  return row.parameters.map((kind, n) =>
    describers[kind]({ kernel, task, value: args[n] ?? 0n, next: args[n + 1] ?? 0n }),
  );
}

/** Calls whose result is an address. */
const addressResults: ReadonlySet<string> = new Set(['mmap', 'mremap', 'brk']);
/** Calls that do not return to the program that made them. */
const withoutResult: ReadonlySet<string> = new Set(['exit', 'exit_group']);

function describeResult(name: string, result: bigint): string {
  if (withoutResult.has(name)) return '?';
  if (result < 0n && result >= -MAX_ERRNO) return describeErrno(Number(-result));
  return addressResults.has(name) ? hex(BigInt.asUintN(64, result)) : `${result}`;
}

/** `dup(0) = -1 EINVAL (Invalid argument)`. */
export function describeCall(
  kernel: Kernel,
  task: Task,
  row: SyscallRow | undefined,
  call: CurrentSyscall,
  result: bigint | undefined,
): string {
  const name = row?.name ?? syscallName(call.number);
  const kinds = row?.parameters ?? [];
  // without a row it is not known how many count; the kernel was given six
  const known = row === undefined ? Array.from(call.args, (value) => hex(value)) : call.texts;
  const args = known.map((text, n) => {
    if (text !== undefined) return text;
    const address = call.args[n]!;
    return kinds[n] === 'buffer-out' && result !== undefined && result >= 0n
      ? describeBuffer(kernel, task, address, result)
      : pointer(address);
  });
  return `${name}(${args.join(', ')}) = ${result === undefined ? '?' : describeResult(name, result)}`;
}
