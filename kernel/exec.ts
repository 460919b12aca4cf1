/** execve: static ELF programs, ET_EXEC and static PIE. */
import { initialFloatingSlots } from '../cpu/floating-state.ts';
import { Slot } from '../cpu/state.ts';
import type { Cpu } from '../cpu/cpu.ts';
import { featureWords } from '../cpu/cpuid.ts';
import {
  EHDR_SIZE,
  PF_R,
  PF_W,
  PF_X,
  PHDR_SIZE,
  PT_INTERP,
  PT_LOAD,
  PT_PHDR,
  ET_DYN,
  ET_EXEC,
  EM_X86_64,
} from '../toolchain/elf/constants.ts';
import {
  ElfError,
  readHeader,
  readProgramHeaders,
  requireMachine,
  type ProgramHeader,
} from '../toolchain/elf/index.ts';
import { Errno, fail } from './errno.ts';
import { joinBytes, latin1Bytes } from './fs/bytes.ts';
import { readContent } from './fs/content.ts';
import { closeOnExec } from './fs/files.ts';
import type { Inode } from './fs/types.ts';
import type { Kernel } from './kernel.ts';
import { random64 } from './kernel.ts';
import { TASK_SIZE_MAX } from './layout/address-map.ts';
import { constants } from './layout/constants.ts';
import { pt_regs } from './layout/structures.ts';
import { createAddressSpace, releaseAddressSpace, setProgram } from './mm/address-space.ts';
import { insertArea, MapFlag, pageCeiling, pageFloor, Protection } from './mm/areas.ts';
import { readKernelU64, writeKernel } from './mm/kernel-memory.ts';
import type { AddressSpace } from './mm/types.ts';
import { copyToUser } from './mm/user-memory.ts';
import { setComm, userRegisters } from './process.ts';
import { contextIndex, loadAddressSpace } from './scheduler.ts';
import { enabledByExec } from './perf/counting.ts';
import { setEnabled } from './perf/events.ts';
import { traceExec } from './tracing/sched.ts';
import type { Task } from './task.ts';

const STACK_TOP = 0x7fff_ffff_e000n;
const PIE_BASE = 0x5555_5555_4000n;
/** bytes of arguments and environment: a quarter of the stack limit */
export const ARGUMENTS_LIMIT = 2 << 20;

interface Program {
  readonly headers: readonly ProgramHeader[];
  readonly base: bigint;
  readonly entry: bigint;
  readonly headersAddress: bigint;
}

/** Reads and checks the ELF file; ENOEXEC for what is none, ENOENT for one that wants an interpreter, as no libc is here. */
function readProgram(kernel: Kernel, inode: Inode): Program {
  try {
    const header = readHeader(readContent(kernel, inode, 0, EHDR_SIZE));
    requireMachine(header, EM_X86_64);
    if (header.type !== ET_EXEC && header.type !== ET_DYN) fail('ENOEXEC');
    const { programHeaderOffset: offset, programHeaderCount: count } = header;
    const table = readContent(kernel, inode, offset, count * PHDR_SIZE);
    const headers = readProgramHeaders(table, { ...header, programHeaderOffset: 0 }, inode.size);
    if (headers.some((h) => h.type === PT_INTERP)) fail('ENOENT');
    const loads = headers.filter((h) => h.type === PT_LOAD);
    if (loads.length === 0) fail('ENOEXEC');
    for (const load of loads) {
      const end = load.virtualAddress + BigInt(load.memorySize);
      if (load.memorySize < load.fileSize || end > TASK_SIZE_MAX - PIE_BASE) fail('ENOEXEC');
      if ((load.virtualAddress & 0xfffn) !== BigInt(load.offset & 0xfff)) fail('ENOEXEC');
    }
    const base = header.type === ET_DYN ? PIE_BASE : 0n;
    const holder = loads.find((h) => offset >= h.offset && offset < h.offset + Number(h.fileSize));
    const tableAddress =
      headers.find((h) => h.type === PT_PHDR)?.virtualAddress ??
      (holder === undefined ? 0n : holder.virtualAddress + BigInt(offset - holder.offset));
    return { headers, base, entry: base + header.entry, headersAddress: base + tableAddress };
  } catch (error) {
    if (error instanceof ElfError) fail('ENOEXEC');
    throw error;
  }
}

/** What areas of a program and its stack have in common. */
const privateArea = { flags: MapFlag.private, file: undefined, shared: undefined, name: '' } as const;

/**
 * elf_load: a segment's pages of the file, zeros from the end of its bytes to the end of their last page, and zeroed memory for the
 * rest of it. ENOMEM.
 */
function mapSegment(
  kernel: Kernel,
  task: Task,
  space: AddressSpace,
  header: ProgramHeader,
  address: bigint,
  name: string,
  inode: Inode,
): void {
  const start = pageFloor(address);
  const bytesEnd = address + BigInt(header.fileSize);
  const end = pageCeiling(address + BigInt(header.memorySize));
  const fileEnd = header.fileSize === 0 ? start : pageCeiling(bytesEnd);
  const protection =
    ((header.flags & PF_R) === 0 ? 0 : Protection.read) |
    ((header.flags & PF_W) === 0 ? 0 : Protection.write) |
    ((header.flags & PF_X) === 0 ? 0 : Protection.execute);
  if (fileEnd > start) {
    const offset = header.offset - Number(address - start);
    const file = { inode: inode.id, offset, writes: false };
    insertArea(kernel, space, { ...privateArea, start, end: fileEnd, protection, file, name });
  }
  const isCut = header.memorySize > header.fileSize && fileEnd > bytesEnd;
  // padzero; what cannot be written shows what the file has there
  if (isCut && (protection & Protection.write) !== 0) {
    copyToUser(kernel, task, bytesEnd, new Uint8Array(Number(fileEnd - bytesEnd)));
  }
  if (end > fileEnd) {
    const zeroed = Protection.read | Protection.write | (protection & Protection.execute);
    insertArea(kernel, space, { ...privateArea, start: fileEnd, end, protection: zeroed });
  }
}

function mapSegments(
  kernel: Kernel,
  task: Task,
  space: AddressSpace,
  program: Program,
  path: string,
  inode: Inode,
): void {
  let end = 0n;
  for (const header of program.headers) {
    if (header.type !== PT_LOAD || header.memorySize === 0) continue;
    const address = program.base + header.virtualAddress;
    if (pageFloor(address) < end) fail('ENOEXEC');
    mapSegment(kernel, task, space, header, address, path, inode);
    end = pageCeiling(address + BigInt(header.memorySize));
  }
  space.brkStart = space.brk = end;
}

const AT = {
  NULL: 0,
  PHDR: 3,
  PHENT: 4,
  PHNUM: 5,
  PAGESZ: 6,
  BASE: 7,
  FLAGS: 8,
  ENTRY: 9,
  UID: 11,
  EUID: 12,
  GID: 13,
  EGID: 14,
  PLATFORM: 15,
  HWCAP: 16,
  CLKTCK: 17,
  SECURE: 23,
  RANDOM: 25,
  EXECFN: 31,
} as const;

const NUL = new Uint8Array(1);
const PLATFORM = latin1Bytes('x86_64');

/** argv, envp, the auxiliary vector and their strings, as create_elf_tables lays them out; the stack pointer. E2BIG. */
function buildStack(
  kernel: Kernel,
  task: Task,
  program: Program,
  path: string,
  argv: readonly Uint8Array[],
  envp: readonly Uint8Array[],
): bigint {
  const size = [...argv, ...envp].reduce((sum, value) => sum + value.length + 9, 0);
  if (size > ARGUMENTS_LIMIT) fail('E2BIG');
  // downwards from the top, as they are put
  const pieces: Uint8Array[] = [];
  let at = STACK_TOP - 16n;
  const put = (bytes: Uint8Array): bigint => {
    pieces.push(bytes);
    return (at -= BigInt(bytes.length));
  };
  const text = (value: Uint8Array): bigint => {
    put(NUL);
    return put(value);
  };
  const executable = text(latin1Bytes(path));
  const environment = envp.map(text);
  const argumentPointers = argv.map(text);
  const platform = text(PLATFORM);
  const random = new Uint8Array(16);
  const words = new DataView(random.buffer);
  words.setBigUint64(0, random64(kernel), true);
  words.setBigUint64(8, random64(kernel), true);
  const randomBytes = put(random);
  copyToUser(kernel, task, at, joinBytes(pieces.toReversed()));
  const auxiliary: readonly (readonly [number, bigint])[] = [
    [AT.HWCAP, featureWords()['1.edx']],
    [AT.PAGESZ, 4096n],
    [AT.CLKTCK, 100n],
    [AT.PHDR, program.headersAddress],
    [AT.PHENT, BigInt(PHDR_SIZE)],
    [AT.PHNUM, BigInt(program.headers.length)],
    [AT.BASE, 0n],
    [AT.FLAGS, 0n],
    [AT.ENTRY, program.entry],
    [AT.UID, 0n],
    [AT.EUID, 0n],
    [AT.GID, 0n],
    [AT.EGID, 0n],
    [AT.SECURE, 0n],
    [AT.RANDOM, randomBytes],
    [AT.EXECFN, executable],
    [AT.PLATFORM, platform],
    [AT.NULL, 0n],
  ];
  const vector = [BigInt(argv.length), ...argumentPointers, 0n, ...environment, 0n, ...auxiliary.flat().map(BigInt)];
  const image = new DataView(new ArrayBuffer(vector.length * 8));
  vector.forEach((value, n) => image.setBigUint64(n * 8, value, true));
  at = (at - BigInt(image.byteLength)) & ~15n;
  copyToUser(kernel, task, at, new Uint8Array(image.buffer));
  return at;
}

/** What a program starts with. */
interface Start {
  readonly entry: bigint;
  readonly stackPointer: bigint;
}

/** load_elf_binary: fills `space`, which is `task`'s, with the program of `inode` and its stack. */
function loadProgram(
  kernel: Kernel,
  task: Task,
  space: AddressSpace,
  path: string,
  inode: Inode,
  argv: readonly Uint8Array[],
  envp: readonly Uint8Array[],
): Start {
  setProgram(kernel, space, inode.id);
  const program = readProgram(kernel, inode);
  mapSegments(kernel, task, space, program, path, inode);
  insertArea(kernel, space, {
    ...privateArea,
    start: STACK_TOP - 0x21000n,
    end: STACK_TOP,
    protection: Protection.read | Protection.write,
    flags: MapFlag.private | MapFlag.growsDown,
    name: '[stack]',
  });
  return { entry: program.entry, stackPointer: buildStack(kernel, task, program, path, argv, envp) };
}

/**
 * Replaces `task`'s program by the ELF file of `inode`. Strings are bytes without their NUL. Nothing has changed when it fails: ETXTBSY,
 * ENOEXEC, ENOENT (dynamically linked), E2BIG, ENOMEM. `cpu` is the task's when it is running.
 */
export function execute(
  kernel: Kernel,
  cpu: Cpu | undefined,
  task: Task,
  path: string,
  inode: Inode,
  argv: readonly Uint8Array[],
  envp: readonly Uint8Array[],
): void {
  const previous = task.addressSpace;
  const space = createAddressSpace(kernel);
  task.addressSpace = space.id;
  let start: Start;
  try {
    start = loadProgram(kernel, task, space, path, inode, argv, envp);
  } catch (error) {
    task.addressSpace = previous;
    releaseAddressSpace(kernel, space.id);
    // all that is written to is mapped: there was no page for it
    if (error instanceof Errno && error.code === 'EFAULT') fail('ENOMEM');
    throw error;
  }
  if (cpu !== undefined) loadAddressSpace(kernel, cpu, task);
  if (previous !== undefined) releaseAddressSpace(kernel, previous);
  closeOnExec(kernel, task.fileTable);
  task.executable = path;
  setComm(kernel, task, path.slice(path.lastIndexOf('/') + 1));
  for (const [number, action] of task.signals.actions) {
    if (action.handler !== 1n) task.signals.actions.delete(number);
  }
  task.signals.alternateStack = { pointer: 0n, size: 0n, flags: 2 };
  task.clearChildTid = 0n;
  startThread(kernel, cpu, task, start.entry, start.stackPointer);
  for (const event of enabledByExec(kernel, task.pid)) setEnabled(kernel, event, true);
  if (cpu !== undefined) traceExec(kernel, cpu, task, path);
  kernel.events.push({ type: 'exec', pid: task.pid, path });
}

const ORIG_AX = BigInt(pt_regs.fields.orig_ax.offset);

/** start_thread: fresh user registers; the number of the call stays. */
function startThread(kernel: Kernel, cpu: Cpu | undefined, task: Task, entry: bigint, stackPointer: bigint): void {
  const regs = new DataView(new ArrayBuffer(pt_regs.size));
  const set = (name: keyof typeof pt_regs.fields, value: bigint): void =>
    regs.setBigUint64(pt_regs.fields[name].offset, value, true);
  set('ip', entry);
  set('sp', stackPointer);
  set('cs', BigInt(constants.USER_CS));
  set('ss', BigInt(constants.USER_DS));
  set('flags', 0x202n);
  if (cpu !== undefined) set('orig_ax', readKernelU64(kernel, userRegisters(task) + ORIG_AX) ?? 0n);
  writeKernel(kernel, userRegisters(task), new Uint8Array(regs.buffer));
  const slots: readonly (readonly [number, bigint])[] = [
    [Slot.fsBase, 0n],
    [Slot.kernelGsBase, 0n],
    ...initialFloatingSlots,
  ];
  for (const [slot, value] of slots) {
    if (cpu === undefined) task.context[contextIndex(slot)] = value;
    else cpu.slots[slot] = value;
  }
}
