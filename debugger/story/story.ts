/** How execution came where it is: a call stack over privilege levels and stacks, each level with what was entered. */
import type { Kernel } from '../../kernel/kernel.ts';
import { constants } from '../../kernel/layout/constants.ts';
import { readPtReg } from '../../kernel/kprobe/pt-regs.ts';
import type { Task } from '../../kernel/task.ts';
import { KERNEL_HALF, originalAddress, type SavedRegisters, type Sources } from '../source/index.ts';
import { withoutTag } from '../source/words.ts';
import type { StoryFrame } from '../types.ts';
import type { CodeRules } from './code-rules.ts';
import { cpuOf, cpuRegisters, savedRegisters } from './registers.ts';
import {
  exceptionTitle,
  interruptedAt,
  isInterrupt,
  kprobeTitle,
  programTitle,
  syscallOf,
  syscallTitle,
} from './titles.ts';
import { unwind, type RawFrame, type Walker } from './unwind.ts';

/** Whose story: that of a processor, or of a task, on a processor or not. */
export interface StoryWhere {
  readonly cpu?: number;
  readonly pid?: number;
}

const dispatchers: ReadonlySet<string> = new Set(['rex_dispatcher_func', 'rex_exit', 'rex_landingpad_asm']);
const PROBE_HANDLER = 'kprobe_int3_handler';

interface Named {
  readonly frame: RawFrame;
  /** where the code is: of a frame that waits, in the call */
  readonly code: bigint;
  readonly name: string;
  /** of the function's first instruction */
  readonly start: bigint | undefined;
  readonly space: 'user' | 'kernel' | 'extension';
}

function nameFrames({ kernel, sources, task }: Walker, frames: readonly RawFrame[]): Named[] {
  return frames.map((frame) => {
    const { ip } = frame.registers;
    const code = frame.caller ? ip - 1n : ip < KERNEL_HALF ? ip : originalAddress(kernel, ip);
    const symbol = sources.symbolAt(code, task);
    const { space } = sources.describe(code, task);
    return { frame, code, name: symbol?.name ?? '', start: symbol?.address, space };
  });
}

interface Entered {
  readonly kind: StoryFrame['kind'];
  readonly title: string;
}

/** The return code that all exceptions, and some system calls, share. */
function describeReturn(walker: Walker, { frame, name }: Named): Entered {
  const { kernel, task, cpu } = walker;
  const number = frame.ptRegs === undefined ? undefined : readPtReg(kernel, frame.ptRegs, 'orig_ax');
  const userRegisters = task === undefined ? undefined : task.stack + BigInt(constants.THREAD_SIZE);
  const ofUser = frame.ptRegs !== undefined && userRegisters !== undefined && frame.ptRegs + 168n === userRegisters;
  if (ofUser && number !== undefined && BigInt.asIntN(64, number) >= 0n) return describeSyscall(walker, frame, true);
  const kind = isInterrupt(name) ? 'interrupt' : 'exception';
  return { kind, title: exceptionTitle(kernel, cpu, name, interruptedAt(kernel, frame)) };
}

function describeSyscall({ kernel, task }: Walker, frame: RawFrame, complete: boolean): Entered {
  const call = syscallOf(kernel, frame, complete);
  if (task === undefined || call === undefined) return { kind: 'syscall', title: 'system call' };
  return { kind: 'syscall', title: syscallTitle(kernel, task, call.number, call.args) };
}

function describeInterruptFrame(walker: Walker, named: Named): Entered {
  if (named.name.startsWith('asm_')) {
    const kind = isInterrupt(named.name) ? 'interrupt' : 'exception';
    const { kernel, cpu } = walker;
    return { kind, title: exceptionTitle(kernel, cpu, named.name, interruptedAt(kernel, named.frame)) };
  }
  return describeReturn(walker, named);
}

function describeFrame(walker: Walker, named: Named, caller: Named | undefined): Entered {
  const { kernel, rules, cpu } = walker;
  const { frame, name, space, start } = named;
  const title = name === '' ? `0x${named.code.toString(16)}` : withoutTag(name);
  if (space === 'user') return { kind: 'user', title: frame.signal ? `${title}, interrupted by a signal` : title };
  if (frame.entrance === 'syscall') {
    return describeSyscall(walker, frame, frame.caller || frame.registers.ip >= rules.syscallReturn);
  }
  if (frame.entrance === 'interrupt') return describeInterruptFrame(walker, named);
  if (space === 'kernel' && dispatchers.has(name)) return { kind: 'dispatcher', title };
  if (name === PROBE_HANDLER) return { kind: 'kprobe', title: kprobeTitle(kernel, cpu) };
  const calledBy = caller !== undefined && caller.frame.caller ? caller : undefined;
  if (space === 'extension' && calledBy?.space === 'kernel' && dispatchers.has(calledBy.name)) {
    return { kind: 'program', title: programTitle(kernel, cpu, start) };
  }
  if (space === 'kernel' && calledBy?.space === 'extension') return { kind: 'helper', title };
  return { kind: 'function', title };
}

/** Frames between the innermost and what is shown at last; the innermost first. */
function tell(walker: Walker, frames: readonly RawFrame[]): StoryFrame[] {
  const named = nameFrames(walker, frames);
  return named.map((one, n) => {
    const { frame } = one;
    const { ip, sp } = frame.registers;
    return {
      ...walker.sources.describe(ip, walker.task, frame.caller),
      ...describeFrame(walker, one, named[n + 1]),
      stackPointer: sp,
      stack: frame.stack?.kind ?? '',
      ...(frame.guessed ? { guessed: true as const } : undefined),
    };
  });
}

interface Found {
  readonly walker: Walker;
  readonly frames: readonly RawFrame[];
}

function find(kernel: Kernel, sources: Sources, rules: CodeRules, where: StoryWhere): Found | undefined {
  const { cpu = kernel.turn.cpu, pid = kernel.perCpu[cpu]?.current } = where;
  const task: Task | undefined = kernel.tasks.get(pid ?? 0);
  if (task === undefined || task.state === 'zombie') return undefined;
  const on = cpuOf(kernel, task);
  const walker: Walker = { kernel, sources, rules, task, cpu: on?.index ?? cpu };
  return { walker, frames: unwind(walker, on === undefined ? savedRegisters(task) : cpuRegisters(on)) };
}

/** [] for a processor that is idle, and for what does not exist. */
export function story(kernel: Kernel, sources: Sources, rules: CodeRules, where: StoryWhere): StoryFrame[] {
  const found = find(kernel, sources, rules, where);
  return found === undefined ? [] : tell(found.walker, found.frames);
}

/** Every struct pt_regs that an exception has left between here and user mode, innermost first. */
export function registersOnStacks(
  kernel: Kernel,
  sources: Sources,
  rules: CodeRules,
  where: StoryWhere,
): SavedRegisters[] {
  const found = find(kernel, sources, rules, where);
  if (found === undefined) return [];
  return nameFrames(found.walker, found.frames)
    .filter(({ frame }) => frame.entrance === 'interrupt' && frame.ptRegs !== undefined)
    .map((named) => ({ address: named.frame.ptRegs!, of: describeInterruptFrame(found.walker, named).title }));
}
