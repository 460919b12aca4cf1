/**
 * The frame-pointer unwinder (arch/x86/kernel/unwind_frame.c) and dump_stack. It reads guest memory that anything may
 * have overwritten: it stops at what it cannot read, never goes down a stack, and has a bound on frames.
 */
import type { Cpu } from '../cpu/cpu.ts';
import type { Kernel } from './kernel.ts';
import { isUserMode, readPtRegs, type PtRegs } from './kprobe/pt-regs.ts';
import { readKernel, readKernelU64 } from './mm/kernel-memory.ts';
import { readPerCpu } from './per-cpu.ts';
import { onRexStack } from './rex-dispatcher/stacks.ts';
import { symbolAt } from './symbols.ts';
import { utsname } from './version.ts';

const MAX_FRAMES = 64;
/** rbp and the return address */
const FRAME_SIZE = 16n;
/** what rex_dispatcher_func leaves below its caller: r15 r14 r13 r12 rbx rbp, then the return address */
const SAVED_RBP = 40n;
const SAVED_RETURN = 48n;

export type TraceSection = 'REX' | 'IRQ' | 'TASK';

export interface TraceFrame {
  /** of the instruction, or the one to return to */
  readonly address: bigint;
  /** the line as dump_stack prints it: ` symbol+0xoffset/0xsize`, or a line of user registers */
  readonly text: string;
  readonly section: TraceSection;
}

/** Where to start: a CPU's own registers, or those of a frame. */
export interface TraceStart {
  readonly ip: bigint;
  readonly bp: bigint;
  readonly sp: bigint;
}

/** Functions that call with a pt_regs lying right above the return address. */
const entrySymbol = /^(asm_exc_|asm_sysvec_|entry_SYSCALL_64_after_hwframe$)/;

interface Walk {
  readonly kernel: Kernel;
  readonly rexTop: bigint;
  readonly frames: { address: bigint; text: string; section: TraceSection }[];
  section: TraceSection;
  bp: bigint;
  /** the frame just added was called by entry code, whose pt_regs come next */
  entry: { readonly name: string; readonly regs: bigint } | undefined;
  /** index of the first frame since the last interrupted context */
  contextStart: number;
}

/** Adds a frame; a return address belongs to the call before it, and `above` it may lie a pt_regs. */
function addFrame(walk: Walk, address: bigint, above?: bigint): void {
  const isReturn = above !== undefined;
  const symbol = symbolAt(walk.kernel.symbols, isReturn ? address - 1n : address);
  const place =
    symbol === undefined
      ? `0x${address.toString(16).padStart(16, '0')}`
      : `${symbol.name}+0x${(address - symbol.address).toString(16)}/0x${symbol.size.toString(16)}`;
  walk.frames.push({ address, text: ` ${place}`, section: walk.section });
  const called = isReturn && symbol !== undefined && entrySymbol.test(symbol.name);
  walk.entry = called ? { name: symbol.name, regs: above } : undefined;
}

const hex = (value: bigint, digits: number): string => value.toString(16).padStart(digits, '0');

/** __show_regs for user mode. */
function userRegisterLines(regs: PtRegs): string[] {
  const row = (...names: (readonly [string, bigint])[]): string =>
    names.map(([name, value]) => `${name}: ${hex(value, 16)}`).join(' ');
  const origAx = BigInt.asIntN(64, regs.orig_ax) === -1n ? '' : ` ORIG_RAX: ${hex(regs.orig_ax, 16)}`;
  return [
    `RIP: ${hex(regs.cs & 0xffffn, 4)}:0x${regs.ip.toString(16)}`,
    `RSP: ${hex(regs.ss & 0xffffn, 4)}:${hex(regs.sp, 16)} EFLAGS: ${hex(regs.flags, 8)}${origAx}`,
    row(['RAX', regs.ax], ['RBX', regs.bx], ['RCX', regs.cx]),
    row(['RDX', regs.dx], ['RSI', regs.si], ['RDI', regs.di]),
    row(['RBP', regs.bp], ['R08', regs.r8], ['R09', regs.r9]),
    row(['R10', regs.r10], ['R11', regs.r11], ['R12', regs.r12]),
    row(['R13', regs.r13], ['R14', regs.r14], ['R15', regs.r15]),
  ];
}

/** Where the interrupted instruction really is: behind a probe's int3 or in its slot, the probed one. */
function interruptedAddress(kernel: Kernel, entry: string, ip: bigint): bigint {
  const { probes } = kernel.kprobes;
  if (entry === 'asm_exc_int3' && probes.has(ip - 1n)) return ip - 1n;
  for (const probe of probes.values()) if (probe.slot === ip) return probe.address;
  return ip;
}

const RET = 0xc3;
const PUSH_RBP = 0x55;
const endbr64 = [0xf3, 0x0f, 0x1e, 0xfa];

function textByte(kernel: Kernel, address: bigint): number | undefined {
  return kernel.kprobes.probes.get(address)?.original[0] ?? readKernel(kernel, address, 1)?.[0];
}

/**
 * Where the return address of a function lies that was interrupted while rbp was still its caller's: before and after
 * `push %rbp` at its start, and at its `ret`. Undefined when its frame is set up.
 */
function returnWithoutFrame(kernel: Kernel, at: bigint, sp: bigint): bigint | undefined {
  const symbol = symbolAt(kernel.symbols, at);
  if (symbol === undefined) return undefined;
  const hasEndbr = endbr64.every((byte, n) => textByte(kernel, symbol.address + BigInt(n)) === byte);
  const push = symbol.address + (hasEndbr ? 4n : 0n);
  if (at <= push || textByte(kernel, at) === RET) return sp;
  if (at === push + 1n && textByte(kernel, push) === PUSH_RBP) return sp + 8n;
  return undefined;
}

/** Goes on in the context that entry code interrupted; false when that is user mode or unreadable. */
function leaveEntry(walk: Walk, entry: { readonly name: string; readonly regs: bigint }): boolean {
  const { kernel } = walk;
  if (entry.name.startsWith('asm_sysvec_')) {
    // the handler's frames are the interrupt's; its entry stub is the interrupted context's
    for (const frame of walk.frames.slice(walk.contextStart, -1)) frame.section = 'IRQ';
  }
  const regs = readPtRegs(kernel, entry.regs);
  if (regs === undefined) return false;
  if (isUserMode(regs.cs)) {
    for (const text of userRegisterLines(regs)) walk.frames.push({ address: regs.ip, text, section: walk.section });
    return false;
  }
  walk.section = onRexStack(walk.rexTop, regs.sp) ? 'REX' : 'TASK';
  walk.contextStart = walk.frames.length;
  walk.bp = regs.bp;
  addFrame(walk, regs.ip);
  const slot = returnWithoutFrame(kernel, interruptedAddress(kernel, entry.name, regs.ip), regs.sp);
  const returnTo = slot === undefined ? undefined : readKernelU64(kernel, slot);
  if (slot !== undefined && returnTo !== undefined) addFrame(walk, returnTo, slot + 8n);
  return true;
}

/** The top slot of the Rex stack leads to the stack of the dispatcher's caller. */
function leaveRexStack(walk: Walk): boolean {
  const { kernel } = walk;
  const old = readKernelU64(kernel, walk.rexTop);
  if (old === undefined) return false;
  const bp = readKernelU64(kernel, old + SAVED_RBP);
  const returnTo = readKernelU64(kernel, old + SAVED_RETURN);
  if (bp === undefined || returnTo === undefined) return false;
  walk.section = 'TASK';
  walk.contextStart = walk.frames.length;
  walk.bp = bp;
  addFrame(walk, returnTo, old + SAVED_RETURN + 8n);
  return true;
}

/** One frame up; false at the end. */
function step(walk: Walk): boolean {
  const { kernel, bp, entry } = walk;
  if (entry !== undefined) return leaveEntry(walk, entry);
  if (walk.section === 'REX' && bp === walk.rexTop) return leaveRexStack(walk);
  if ((bp & 7n) !== 0n) return false;
  const saved = readKernelU64(kernel, bp);
  const returnTo = readKernelU64(kernel, bp + 8n);
  if (saved === undefined || returnTo === undefined || returnTo === 0n) return false;
  addFrame(walk, returnTo, bp + FRAME_SIZE);
  walk.bp = saved;
  // a chain that goes down or round is garbage, unless entry code starts another
  return saved > bp || walk.entry !== undefined;
}

/** Frames from `start` (a CPU's current instruction if absent) outwards, newest first; at most 64 and user registers. */
export function stackTrace(kernel: Kernel, cpu: Cpu, start?: TraceStart): TraceFrame[] {
  const { ip, bp, sp } = start ?? { ip: cpu.current, bp: cpu.registers.rbp, sp: cpu.registers.rsp };
  const rexTop = readPerCpu(kernel, cpu.index, 'rex_stack_ptr');
  const section = rexTop !== 0n && onRexStack(rexTop, sp) ? 'REX' : 'TASK';
  const walk: Walk = { kernel, rexTop, frames: [], section, bp, entry: undefined, contextStart: 0 };
  addFrame(walk, ip);
  // code that was interrupted anywhere may have no frame yet, or no longer
  const slot = start === undefined ? undefined : returnWithoutFrame(kernel, ip, sp);
  const returnTo = slot === undefined ? undefined : readKernelU64(kernel, slot);
  if (slot !== undefined && returnTo !== undefined) addFrame(walk, returnTo, slot + 8n);
  while (walk.frames.length < MAX_FRAMES && step(walk));
  return walk.frames;
}

/** `Call Trace:` and the frames, a line each, every section between ` <NAME>` and ` </NAME>`. */
export function formatStackTrace(kernel: Kernel, cpu: Cpu, start?: TraceStart): string[] {
  const frames = stackTrace(kernel, cpu, start);
  const lines = ['Call Trace:'];
  frames.forEach(({ section, text }, n) => {
    if (frames[n - 1]?.section !== section) lines.push(` <${section}>`);
    lines.push(text);
    if (frames[n + 1]?.section !== section) lines.push(` </${section}>`);
  });
  return lines;
}

/** What dump_stack prints: who, where, and the call trace; lines separated by newlines. */
export function dumpStack(kernel: Kernel, cpu: Cpu): string {
  const pid = kernel.perCpu[cpu.index]!.current;
  const comm = kernel.tasks.get(pid)?.comm ?? `swapper/${cpu.index}`;
  const build = utsname.version.split(' ')[0];
  return [
    `CPU: ${cpu.index} UID: 0 PID: ${pid} Comm: ${comm} Not tainted ${utsname.release} ${build}`,
    'Hardware name: kernel-in-a-box',
    ...formatStackTrace(kernel, cpu),
  ].join('\n');
}
