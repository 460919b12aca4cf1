/**
 * A shadow of every task's stacks, kept by watching instructions: calls, returns, exceptions, system calls, and switches of
 * the stack. It is what a story must agree with, and knows nothing of how the story is found.
 */
import type { Box } from '../../box/box.ts';
import { decode } from '../../cpu/decoder.ts';
import type { Cpu } from '../../cpu/cpu.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { readKernel } from '../../kernel/mm/kernel-memory.ts';
import { peekUser } from '../../kernel/mm/peek-user.ts';
import { symbolAt } from '../../kernel/symbols.ts';
import type { StoryFrame } from '../../debugger/types.ts';

export interface ShadowFrame {
  kind: StoryFrame['kind'];
  /** the stack pointer when it was entered */
  readonly sp: bigint;
}

const KERNEL_HALF = 1n << 63n;
/** bytes of a Rex stack */
const STACK = 0x8000n;
const MODULES = 0xffff_ffff_c000_0000n;
/** of the kernel's text that every exception's end shares, where it is no longer to be seen what it was */
const sharedReturn =
  /^(error_return|swapgs_restore_regs_and_return_to_usermode|restore_regs_and_return_to_kernel|native_iret)$/;

interface Before {
  readonly rip: bigint;
  readonly rsp: bigint;
  readonly pid: number;
}

export interface Shadow {
  /** Executes one instruction; the processor that did, undefined when nothing can run. */
  step(): Cpu | undefined;
  /** Of the task on `cpu`, innermost first. */
  frames(cpu: Cpu): readonly ShadowFrame[];
}

function mnemonicAt(kernel: Kernel, pid: number, address: bigint): string {
  const task = kernel.tasks.get(pid);
  let bytes: Uint8Array | undefined;
  if (address >= KERNEL_HALF) bytes = readKernel(kernel, address, 15) ?? readKernel(kernel, address, 1);
  else if (task !== undefined) bytes = peekUser(kernel, task, address, 15);
  const instruction = bytes === undefined ? 'truncated' : decode(bytes, 0, bytes.length);
  return typeof instruction === 'string' ? '' : instruction.mnemonic;
}

/**
 * `box` must have no task that has executed anything yet, or but for `begun` tasks that are at the first instruction of a
 * program; others, which are not followed, are known once they execute a program of their own.
 */
export function createShadow(box: Box, begun: readonly number[] = []): Shadow {
  const { kernel } = box;
  const stacks = new Map<number, ShadowFrame[]>(begun.map((pid) => [pid, [{ kind: 'user', sp: 0n }]]));
  const nameAt = (address: bigint): string =>
    address < KERNEL_HALF ? '' : (symbolAt(kernel.symbols, address)?.name ?? '');
  const starts = (address: bigint): boolean => symbolAt(kernel.symbols, address)?.address === address;

  /** What is entered at `to` by a call or a jump of what is `from`. */
  const kindAt = (to: bigint, from: StoryFrame['kind'] | undefined, caller: bigint): StoryFrame['kind'] => {
    if (to < KERNEL_HALF) return 'user';
    const name = nameAt(to);
    if (/^(rex_dispatcher_func|rex_landingpad_asm|rex_exit)$/.test(name)) return 'dispatcher';
    if (name === 'kprobe_int3_handler') return 'kprobe';
    if (to >= MODULES) return from === 'dispatcher' ? 'program' : 'function';
    return caller >= MODULES ? 'helper' : 'function';
  };
  const stackOf = (pid: number): ShadowFrame[] => {
    let stack = stacks.get(pid);
    if (stack === undefined) {
      // a new task: it was made by a system call, which it returns from; one of the host's begins a program
      const parent = stacks.get(kernel.tasks.get(pid)?.parent ?? 0)?.filter(({ kind }) => kind === 'user');
      stack = [...(parent ?? [{ kind: 'user' as const, sp: 0n }]), { kind: 'syscall', sp: 0n }];
      stacks.set(pid, stack);
    }
    return stack;
  };

  const enterException = (stack: ShadowFrame[], entry: bigint, sp: bigint): void => {
    const name = nameAt(entry);
    stack.push({ kind: /^asm_(sysvec_|exc_nmi)/.test(name) ? 'interrupt' : 'exception', sp });
  };

  const follow = (stack: ShadowFrame[], mnemonic: string, at: bigint, before: Before, to: bigint, sp: bigint): void => {
    const top = stack.at(-1);
    if (mnemonic === 'call') stack.push({ kind: kindAt(to, top?.kind, at), sp });
    else if (mnemonic === 'ret') stack.pop();
    else if (mnemonic === 'syscall') stack.push({ kind: 'syscall', sp });
    else if (mnemonic === 'sysretq' || mnemonic === 'iretq') stack.pop();
    else if (mnemonic === 'jmp' && to >= KERNEL_HALF && starts(to) && top !== undefined) {
      if (['function', 'helper', 'dispatcher'].includes(top.kind) && nameAt(to) !== nameAt(at)) {
        const kind = kindAt(to, undefined, at);
        if (kind !== 'function') top.kind = kind;
      }
    } else if (mnemonic === 'mov' && top?.kind === 'dispatcher' && sp > before.rsp && sp - before.rsp < STACK) {
      // up the same stack, over everything: what is left is the dispatcher that it was entered from
      const left = stack.findLastIndex(({ sp: entered }) => entered < before.rsp || entered >= sp);
      stack.length = left + 1;
    }
  };
  const isEntry = (address: bigint): boolean => starts(address) && nameAt(address).startsWith('asm_');

  return {
    frames: (cpu) => stackOf(kernel.perCpu[cpu.index]!.current).toReversed(),
    step() {
      const before: Before[] = kernel.cpus.map((cpu, n) => ({
        rip: cpu.registers.rip,
        rsp: cpu.registers.rsp,
        pid: kernel.perCpu[n]!.current,
      }));
      const mnemonics = before.map(({ rip, pid }) => mnemonicAt(kernel, pid, rip));
      const spaces = new Map([...kernel.tasks.values()].map(({ pid, addressSpace }) => [pid, addressSpace]));
      const { instructions, cpu: index, pid } = box.step();
      if (instructions === 0) return undefined;
      const cpu = kernel.cpus[index]!;
      const was = before[index]!;
      const now = kernel.perCpu[index]!.current;
      const stack = stackOf(pid);
      const { rip, rsp } = cpu.registers;
      const switched = was.pid !== now || was.pid !== pid;
      const executed = cpu.current;
      if (!switched && executed !== was.rip && isEntry(executed)) {
        // an interrupt came first, and what has been executed is the first instruction of its entry
        enterException(stack, executed, rsp);
      } else if (!switched) {
        const entered = isEntry(rip);
        // a fault undoes its instruction, the trap of a single step comes behind it
        const faulted = entered && executed === was.rip;
        if (!faulted) follow(stack, mnemonics[index]!, was.rip, was, rip, rsp);
        if (entered) enterException(stack, rip, rsp);
      }
      for (const task of kernel.tasks.values()) {
        stackOf(task.pid);
        if (!spaces.has(task.pid) || spaces.get(task.pid) === task.addressSpace) continue;
        // execve: another program begins, and returns from the call
        const rest = stackOf(task.pid).filter(({ kind }) => kind !== 'user');
        stacks.set(task.pid, [{ kind: 'user', sp: 0n }, ...rest]);
      }
      return cpu;
    },
  };
}

/** Kinds as both can know them: in code that every exception shares, an interrupt is an exception. */
export function comparable(frames: readonly StoryFrame[]): string[] {
  return frames.map(({ kind, symbol }) =>
    kind === 'exception' && sharedReturn.test(symbol.replace(/\+.*/, '')) ? 'exception or interrupt' : kind,
  );
}

/** The first level at which they differ; undefined where they agree. */
export function firstDifference(story: readonly StoryFrame[], shadow: readonly ShadowFrame[]): number | undefined {
  const kinds = comparable(story);
  for (let n = 0; n < Math.max(kinds.length, shadow.length); n++) {
    const [got, expected] = [kinds[n], shadow[n]?.kind];
    const alike = got === expected || (got === 'exception or interrupt' && /exception|interrupt/.test(expected ?? ''));
    if (!alike) return n;
  }
  return undefined;
}
