/**
 * Up the stacks, frame by frame: across calls, exceptions, the Rex stack and the border to user mode. It reads guest
 * memory that anything may have overwritten: what makes no sense ends it, and it has a bound on frames.
 */
import { decode } from '../../cpu/decoder.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { isUserMode, readPtRegs } from '../../kernel/kprobe/pt-regs.ts';
import { constants } from '../../kernel/layout/constants.ts';
import { pt_regs } from '../../kernel/layout/structures.ts';
import { readKernelU64 } from '../../kernel/mm/kernel-memory.ts';
import { readPerCpu } from '../../kernel/per-cpu.ts';
import { findArea, Protection } from '../../kernel/mm/areas.ts';
import type { Task } from '../../kernel/task.ts';
import { peek, peekCode, peekU64 } from '../source/code-bytes.ts';
import { KERNEL_HALF, originalAddress, type Sources } from '../source/index.ts';
import { stackAt, type Stack } from '../source/stacks.ts';
import type { CodeRules, Entrance } from './code-rules.ts';
import { interruptedRegisters, type FrameRegisters, type Others } from './registers.ts';
import { signalContext } from './signal-frame.ts';
import type { StackRule } from './stack-rules.ts';

/** One level, as it is found: what it is called comes later. */
export interface RawFrame {
  readonly registers: FrameRegisters;
  /** `registers.ip` is where a call will return to, and not the next instruction */
  readonly caller: boolean;
  readonly entrance: Entrance;
  /** of an entrance from elsewhere: where struct pt_regs lies, or will */
  readonly ptRegs: bigint | undefined;
  readonly stack: Stack | undefined;
  /** found by what looks like a return address */
  readonly guessed: boolean;
  /** a signal's handler was called by the kernel here */
  readonly signal: boolean;
}

export interface Walker {
  readonly kernel: Kernel;
  readonly sources: Sources;
  readonly rules: CodeRules;
  readonly task: Task | undefined;
  readonly cpu: number;
}

const MAX_FRAMES = 256;
/** words of a stack that are looked through for a return address */
const MAX_SCAN = 512;
const LONGEST_CALL = 7;
const WORD = 8n;
const AT = (field: keyof typeof pt_regs.fields): bigint => BigInt(pt_regs.fields[field].offset);

/** Where the walk goes on. */
interface Next {
  readonly registers: FrameRegisters;
  readonly caller: boolean;
  readonly guessed?: boolean;
  readonly signal?: boolean;
}

/** Whether the instruction that ends at `address` is a call. */
function followsCall(kernel: Kernel, task: Task | undefined, address: bigint): boolean {
  const start = address - BigInt(LONGEST_CALL);
  const bytes = peekCode(kernel, task, start, LONGEST_CALL);
  if (bytes.length < LONGEST_CALL) return false;
  for (let length = 2; length <= LONGEST_CALL; length++) {
    const instruction = decode(bytes, LONGEST_CALL - length, LONGEST_CALL);
    if (typeof instruction !== 'string' && instruction.mnemonic === 'call' && instruction.length === length)
      return true;
  }
  return false;
}

/** Whether a call may return to `address`: it follows a call, in code. */
function isReturnAddress({ kernel, sources, task }: Walker, address: bigint): boolean {
  if (address === 0n || (address < KERNEL_HALF && task === undefined)) return false;
  if (address >= KERNEL_HALF && sources.symbolAt(address - 1n, task) === undefined) return false;
  if (address < KERNEL_HALF && !isExecutable(kernel, task!, address - 1n)) return false;
  return followsCall(kernel, task, address);
}

function isExecutable(kernel: Kernel, task: Task, address: bigint): boolean {
  const space = kernel.addressSpaces.get(task.addressSpace ?? -1);
  return space !== undefined && ((findArea(space, address)?.protection ?? 0) & Protection.execute) !== 0;
}

const waiting = (ip: bigint, sp: bigint, bp: bigint): FrameRegisters => ({ ip, sp, bp, others: undefined });

/** The frame's end, when the rule and the registers say it. */
function frameEnd({ sp, bp }: StackRule, registers: FrameRegisters): bigint | undefined {
  if (sp !== undefined) return registers.sp + BigInt(sp);
  return bp === undefined ? undefined : registers.bp + BigInt(bp);
}

function callerBp(walker: Walker, { callerBp: where }: StackRule, end: bigint, bp: bigint): bigint {
  if (typeof where !== 'number') return where === 'register' ? bp : 0n;
  return peekU64(walker.kernel, walker.task, end - BigInt(where)) ?? 0n;
}

/** The caller by the frame's end. */
function byEnd(walker: Walker, rule: StackRule, end: bigint, bp: bigint): Next | undefined {
  const { kernel, task } = walker;
  const ip = peekU64(kernel, task, end - WORD);
  if (ip === undefined) return undefined;
  const context = signalContext(kernel, task, ip, end);
  if (context !== undefined) return { registers: context, caller: false, signal: true };
  // what is stepped in a probe's slot has pushed an address of the slot
  const to = ip >= KERNEL_HALF ? originalAddress(kernel, ip) : ip;
  if (!isReturnAddress(walker, to)) return undefined;
  return { registers: waiting(to, end, callerBp(walker, rule, end, bp)), caller: true };
}

/** From the Rex stack to the stack that the dispatcher left: its pointer is in the top slot. */
function fromRexStack(walker: Walker, frame: RawFrame, rule: StackRule): Next | undefined {
  const { kernel, rules } = walker;
  const { stack, registers } = frame;
  const depth = rules.dispatcherDepth() ?? rule.left;
  if (stack?.kind !== 'rex' || depth === undefined) return undefined;
  const old = readKernelU64(kernel, stack.end - WORD);
  if (old === undefined || stackAt(kernel, old)?.kind !== 'kernel') return undefined;
  return byEnd(walker, rule, old + BigInt(depth), registers.bp);
}

/** What an interrupted or calling context has on the frame that brought it here. */
function fromPtRegs(walker: Walker, frame: RawFrame): Next | undefined {
  const { kernel } = walker;
  const base = frame.ptRegs!;
  const ip = readKernelU64(kernel, base + AT('ip'));
  const cs = readKernelU64(kernel, base + AT('cs'));
  const sp = readKernelU64(kernel, base + AT('sp'));
  if (ip === undefined || cs === undefined || sp === undefined) return undefined;
  const saved = (field: keyof typeof pt_regs.fields): boolean => base + AT(field) >= frame.registers.sp;
  const whole = readPtRegs(kernel, base);
  // what is not pushed yet, or popped already, is in its register
  const now = frame.registers.others;
  const other = (field: keyof Others): bigint =>
    saved(field) || now === undefined ? (whole?.[field] ?? 0n) : now[field];
  const fields = ['ax', 'cx', 'dx', 'si', 'di', 'r8', 'r9', 'r10'] as const;
  const others = Object.fromEntries(fields.map((field) => [field, other(field)])) as Others;
  const bp = saved('bp') ? (whole?.bp ?? 0n) : frame.registers.bp;
  const registers = { ip: isUserMode(cs) ? ip : interruptedAddress(walker, frame, ip), sp, bp, others };
  return { registers, caller: false };
}

/** Behind a probe's int3, or in its slot, the probed instruction is meant. */
function interruptedAddress({ kernel, sources }: Walker, frame: RawFrame, ip: bigint): bigint {
  const entry = sources.symbolAt(frame.caller ? frame.registers.ip - 1n : frame.registers.ip, undefined);
  if (entry?.name === 'asm_exc_int3' && kernel.kprobes.probes.has(ip - 1n)) return ip - 1n;
  return originalAddress(kernel, ip);
}

/** The user's side of a system call. */
function fromSyscall(walker: Walker, frame: RawFrame): Next | undefined {
  const { kernel, rules, cpu } = walker;
  const { registers, caller } = frame;
  const complete = caller || registers.ip >= rules.syscallReturn;
  const base = frame.ptRegs;
  if (complete && base !== undefined && registers.sp >= KERNEL_HALF) {
    const regs = readPtRegs(kernel, base);
    return regs === undefined ? undefined : { registers: interruptedRegisters(regs), caller: false };
  }
  const { others } = registers;
  if (others === undefined) return undefined;
  const switched = registers.sp >= KERNEL_HALF;
  const sp = switched ? readPerCpu(kernel, cpu, 'cpu_tss_rw_sp2') : registers.sp;
  return { registers: { ip: others.cx, sp, bp: registers.bp, others }, caller: false };
}

/** rbp as a frame pointer, where the code does not say. */
function byFramePointer(walker: Walker, { registers, stack }: RawFrame): Next | undefined {
  const { kernel, task } = walker;
  const { bp, sp } = registers;
  if ((bp & 7n) !== 0n || bp < sp || stackAt(kernel, bp)?.kind !== stack?.kind) return undefined;
  const saved = peekU64(kernel, task, bp);
  const ip = peekU64(kernel, task, bp + WORD);
  if (saved === undefined || ip === undefined || !isReturnAddress(walker, ip)) return undefined;
  return { registers: waiting(ip, bp + 2n * WORD, saved), caller: true, guessed: true };
}

/** The first word up the stack that looks like a return address. */
function byScan(walker: Walker, { registers, stack }: RawFrame): Next | undefined {
  if (stack === undefined || (registers.sp & 7n) !== 0n) return undefined;
  const { kernel, task } = walker;
  const room = stack.kind === 'user' ? MAX_SCAN : Number(stack.end - registers.sp) / 8;
  const bytes = peek(kernel, task, registers.sp, Math.min(MAX_SCAN, Math.max(0, room)) * 8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const ip = view.getBigUint64(at, true);
    if (!isReturnAddress(walker, ip)) continue;
    return { registers: waiting(ip, registers.sp + BigInt(at) + WORD, registers.bp), caller: true, guessed: true };
  }
  return undefined;
}

/** Where a program begins: nothing has called it. */
const isStart = (name: string | undefined): boolean => name === '_start' || name === '__clone';

function callerOf(walker: Walker, frame: RawFrame, rule: StackRule | undefined): Next | undefined {
  if (frame.entrance === 'thread') return undefined;
  if (frame.entrance === 'syscall') return fromSyscall(walker, frame);
  if (frame.entrance === 'interrupt') return frame.ptRegs === undefined ? undefined : fromPtRegs(walker, frame);
  const { registers, caller } = frame;
  const symbol = walker.sources.symbolAt(caller ? registers.ip - 1n : registers.ip, walker.task);
  if (registers.ip < KERNEL_HALF && isStart(symbol?.name)) return undefined;
  if (!caller) {
    const context = signalContext(walker.kernel, walker.task, registers.ip, registers.sp, true);
    if (context !== undefined) return { registers: context, caller: false, signal: true };
  }
  let found: Next | undefined;
  if (rule?.left !== undefined) found = fromRexStack(walker, frame, rule);
  else if (rule !== undefined) {
    const end = frameEnd(rule, registers);
    if (end !== undefined) found = byEnd(walker, rule, end, registers.bp);
  }
  return found ?? byFramePointer(walker, frame) ?? byScan(walker, frame);
}

/** Where struct pt_regs of the frame lies. */
function ptRegsOf(walker: Walker, entrance: Entrance, rule: StackRule | undefined, sp: bigint): bigint | undefined {
  if (entrance === 'syscall') {
    return walker.task === undefined
      ? undefined
      : walker.task.stack + BigInt(constants.THREAD_SIZE) - BigInt(pt_regs.size);
  }
  if (entrance !== 'interrupt' || rule?.sp === undefined) return undefined;
  return sp + BigInt(rule.sp) - WORD - AT('ip');
}

function frameAt(
  walker: Walker,
  { registers, caller, guessed = false, signal = false }: Next,
): {
  readonly frame: RawFrame;
  readonly rule: StackRule | undefined;
} {
  const { kernel, task } = walker;
  const { ip, sp } = registers;
  const at = caller || ip < KERNEL_HALF ? ip : originalAddress(kernel, ip);
  const { entrance, rule } = walker.rules.at(at, task, caller);
  const ptRegs = ptRegsOf(walker, entrance, rule, sp);
  return { frame: { registers, caller, entrance, ptRegs, stack: stackAt(kernel, sp), guessed, signal }, rule };
}

/** Innermost first; at most 256. */
export function unwind(walker: Walker, start: FrameRegisters): RawFrame[] {
  const frames: RawFrame[] = [];
  let next: Next | undefined = { registers: start, caller: false };
  while (next !== undefined && frames.length < MAX_FRAMES) {
    const { frame, rule } = frameAt(walker, next);
    frames.push(frame);
    next = callerOf(walker, frame, rule);
    const last = frame.registers;
    const here = next?.registers;
    // a stack that leads to itself
    if (here !== undefined && here.sp === last.sp && here.ip === last.ip && frame.caller) break;
  }
  return frames;
}
