/** The stack rules of whatever code is at hand: the kernel's text as a whole, other code function by function. */
import type { Kernel } from '../../kernel/kernel.ts';
import { vectorRows } from '../../kernel/entry/vectors.ts';
import { KERNEL_TEXT } from '../../kernel/layout/address-map.ts';
import { pt_regs } from '../../kernel/layout/structures.ts';
import type { Task } from '../../kernel/task.ts';
import { areEqual, peekCode } from '../source/code-bytes.ts';
import type { Sources } from '../source/index.ts';
import { stackRules, type Root, type StackRule, type StackRules } from './stack-rules.ts';

/** How control came to some code. */
export type Entrance =
  /** by a call, which left a return address */
  | 'call'
  /** by an exception or interrupt: the return address is the first of five words, as in struct pt_regs */
  | 'interrupt'
  /** by SYSCALL: rcx is the return address, and the stack is the user's at first */
  | 'syscall'
  /** it is where a kernel thread begins */
  | 'thread';

export interface CodeRule {
  readonly entrance: Entrance;
  /** undefined where the code says nothing of its stack */
  readonly rule: StackRule | undefined;
}

export interface CodeRules {
  /** `caller`: `address` is a return address, and what counts is how it was before the call. */
  at(address: bigint, task: Task | undefined, caller: boolean): CodeRule;
  /** depth of the stack that the dispatcher leaves, as it leaves it */
  dispatcherDepth(): number | undefined;
  /** behind the call of do_syscall_64, from where on struct pt_regs is complete */
  readonly syscallReturn: bigint;
}

const WORD = 8;
/** of the saved ip in struct pt_regs, and behind it: what the interrupted frame's depth counts to */
const AT_PT_REGS = pt_regs.fields.ip.offset + WORD;

/** Functions that begin with rsp elsewhere than behind a return address. */
const interruptRoots: ReadonlyMap<string, number> = new Map([
  ...vectorRows.map(({ name, errorCode }) => [`asm_${name}`, errorCode ? 2 * WORD : WORD] as const),
  ...['ret_from_fork_asm', 'error_return', 'swapgs_restore_regs_and_return_to_usermode'].map(
    (name) => [name, AT_PT_REGS] as const,
  ),
  ['restore_regs_and_return_to_kernel', AT_PT_REGS],
]);
const syscallRoots: ReadonlySet<string> = new Set(['entry_SYSCALL_64', 'entry_SYSCALL_64_after_hwframe']);
const threadRoots: ReadonlySet<string> = new Set(['run_ksoftirqd']);

const DISPATCHER = 'rex_dispatcher_func';
/** a function of more bytes is not followed */
const MAX_FUNCTION = 1 << 18;
/** functions that are remembered */
const MAX_KNOWN = 4096;

interface KernelText {
  readonly rules: StackRules;
  readonly entrances: ReadonlyMap<bigint, Entrance>;
  readonly end: bigint;
  readonly dispatcher: number | undefined;
  readonly syscallReturn: bigint;
}

function rootsOf(kernel: Kernel): { roots: Root[]; entrances: Map<bigint, Entrance>; end: bigint } {
  const special: Root[] = [];
  const ordinary: Root[] = [];
  const entrances = new Map<bigint, Entrance>();
  let end = KERNEL_TEXT;
  for (const { name, address, size, kind } of kernel.symbols.sorted) {
    if (kind !== 'T') continue;
    if (address + BigInt(size) > end) end = address + BigInt(size);
    const depth = interruptRoots.get(name);
    if (depth !== undefined) entrances.set(address, 'interrupt');
    else if (syscallRoots.has(name)) entrances.set(address, 'syscall');
    else if (threadRoots.has(name)) entrances.set(address, 'thread');
    const fixed = entrances.has(address);
    (fixed ? special : ordinary).push({ address, depth: depth ?? WORD, fixed });
  }
  return { roots: [...special, ...ordinary], entrances, end };
}

/**
 * A function that is only jumped to begins as deep as the code that jumps to it, as rex_landingpad_asm: known once all
 * code has been followed, and then followed again.
 */
function followText(bytes: Uint8Array, roots: readonly Root[], fixed: ReadonlyMap<bigint, Entrance>): StackRules {
  const first = stackRules(bytes, KERNEL_TEXT, roots);
  const deeper = new Map<bigint, number>();
  for (const { target, depth } of first.jumps) if (depth !== WORD && !fixed.has(target)) deeper.set(target, depth);
  for (const target of first.called) deeper.delete(target);
  const jumped = roots.filter(({ address }) => deeper.has(address));
  if (jumped.length === 0) return first;
  const others = roots.filter(({ address }) => !deeper.has(address));
  return stackRules(bytes, KERNEL_TEXT, [
    ...others,
    ...jumped.map(({ address }) => ({ address, depth: deeper.get(address)! })),
  ]);
}

function readKernelText(kernel: Kernel): KernelText {
  const { roots, entrances, end } = rootsOf(kernel);
  const bytes = peekCode(kernel, undefined, KERNEL_TEXT, Number(end - KERNEL_TEXT));
  const rules = followText(bytes, roots, entrances);
  const dispatcher = kernel.symbols.byName.get(DISPATCHER)?.address;
  const entry = kernel.symbols.byName.get('entry_SYSCALL_64_after_hwframe')?.address ?? 0n;
  let left: number | undefined;
  let syscallReturn = 0n;
  for (const { root, left: depth } of rules.before.values()) if (root === dispatcher) left ??= depth;
  for (const [address, { root }] of rules.calls) {
    if (entrances.get(root) === 'syscall' && address > entry && syscallReturn === 0n) syscallReturn = address;
  }
  return { rules, entrances, end, dispatcher: left, syscallReturn };
}

interface Known {
  readonly bytes: Uint8Array;
  readonly rules: StackRules;
}

export function createCodeRules(kernel: Kernel, sources: Sources): CodeRules {
  let text: KernelText | undefined;
  const functions = new Map<bigint, Known>();
  const kernelText = (): KernelText => (text ??= readKernelText(kernel));

  const functionAt = (address: bigint, task: Task | undefined): StackRules | undefined => {
    const symbol = sources.symbolAt(address, task);
    if (symbol === undefined || symbol.size > BigInt(MAX_FUNCTION)) return undefined;
    const bytes = peekCode(kernel, task, symbol.address, Number(symbol.size));
    const known = functions.get(symbol.address);
    if (known !== undefined && areEqual(known.bytes, bytes)) return known.rules;
    const rules = stackRules(bytes, symbol.address, [{ address: symbol.address, depth: WORD }]);
    functions.delete(symbol.address);
    functions.set(symbol.address, { bytes, rules });
    if (functions.size > MAX_KNOWN) functions.delete(functions.keys().next().value!);
    return rules;
  };
  return {
    at(address, task, caller) {
      const { rules, entrances, end } = kernelText();
      if (address >= KERNEL_TEXT && address < end) {
        const rule = caller ? rules.calls.get(address) : rules.before.get(address);
        return { entrance: rule === undefined ? 'call' : (entrances.get(rule.root) ?? 'call'), rule };
      }
      const found = functionAt(caller ? address - 1n : address, task);
      return { entrance: 'call', rule: caller ? found?.calls.get(address) : found?.before.get(address) };
    },
    dispatcherDepth: () => kernelText().dispatcher,
    get syscallReturn() {
      return kernelText().syscallReturn;
    },
  };
}
