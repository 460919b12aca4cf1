/**
 * .debug_frame of the kernel's text, from the rules that the story is told by: gdb's backtraces go from a program over the Rex
 * stack, the exception and the system call to the user's code.
 */
import type { Box } from '../../box/box.ts';
import { KERNEL_TEXT } from '../../kernel/layout/address-map.ts';
import { pt_regs } from '../../kernel/layout/structures.ts';
import type { KernelSymbol } from '../../kernel/symbols.ts';
import { createSources } from '../source/index.ts';
import { createCodeRules, stackRules, type CodeRule, type StackRule } from '../story/index.ts';
import type { TextRange } from './kernel-debug-info.ts';
import { calledRow, endOf, isSameRow, unknownRow } from './frame-rows.ts';
import { DwarfRegister, frameSection, type FrameRow, type FrameStretch } from './frame-writer.ts';

const WORD = 8;
/** from the saved ip's end, where depths in entry code count from */
const PT_REGS_END = pt_regs.fields.ip.offset + WORD;
const ENTRY = 'entry_SYSCALL_64_after_hwframe';
const BREAKPOINT = 'asm_exc_int3';
/** bytes of int3: what has been interrupted is before it */
const INT3 = 1;

/** Registers in struct pt_regs. */
const fields: readonly (readonly [register: keyof typeof DwarfRegister, field: keyof typeof pt_regs.fields])[] = [
  ['r15', 'r15'],
  ['r14', 'r14'],
  ['r13', 'r13'],
  ['r12', 'r12'],
  ['rbp', 'bp'],
  ['rbx', 'bx'],
  ['r11', 'r11'],
  ['r10', 'r10'],
  ['r9', 'r9'],
  ['r8', 'r8'],
  ['rax', 'ax'],
  ['rcx', 'cx'],
  ['rdx', 'dx'],
  ['rsi', 'si'],
  ['rdi', 'di'],
  ['rip', 'ip'],
  ['rflags', 'flags'],
  ['rsp', 'sp'],
];

/** Entered by an exception or interrupt, and behind the first words of SYSCALL's entry: struct pt_regs, as far as it has been pushed. */
function interruptedRow({ sp }: StackRule): FrameRow {
  if (sp === undefined) return unknownRow;
  const saved = new Map<number, number | undefined>();
  for (const [register, field] of fields) {
    const offset = pt_regs.fields[field].offset - PT_REGS_END;
    if (offset >= -sp) saved.set(DwarfRegister[register], offset);
  }
  return { end: { kind: 'register', register: DwarfRegister.rsp, offset: sp }, saved };
}

function rowOf({ entrance, rule }: CodeRule): FrameRow {
  if (rule === undefined || entrance === 'thread' || entrance === 'syscall') return unknownRow;
  return entrance === 'call' ? calledRow(rule) : interruptedRow(rule);
}

/** Not by a call, or over to another stack: gdb must not compare the addresses of the two frames. */
const isSignal = ({ entrance, rule }: CodeRule): boolean =>
  entrance === 'interrupt' ||
  entrance === 'syscall' ||
  (rule !== undefined && endOf(rule)?.kind === 'saved-stack-pointer');

interface Instruction {
  readonly address: bigint;
  readonly next: bigint;
  readonly before: CodeRule;
  /** as it was before the call that returns here; undefined: none does */
  readonly returning: CodeRule | undefined;
  /** in the entry of int3 */
  readonly ofBreakpoint: boolean;
}

const isIn = (symbol: KernelSymbol | undefined, address: bigint): boolean =>
  symbol !== undefined && address >= symbol.address && address < symbol.address + BigInt(symbol.size);

function instructionsOf(box: Box, { low, high }: TextRange): Instruction[] {
  const { kernel } = box;
  const rules = createCodeRules(kernel, createSources(box));
  const [entry, breakpoint] = [ENTRY, BREAKPOINT].map((name) => kernel.symbols.byName.get(name));
  // the rules know SYSCALL by what it leaves in registers; here it is as an exception, with five words pushed
  const bytes = box.readMemory(KERNEL_TEXT, Number(high - KERNEL_TEXT)) ?? new Uint8Array(0);
  const syscall =
    entry === undefined
      ? undefined
      : stackRules(bytes, KERNEL_TEXT, [{ address: entry.address, depth: WORD, fixed: true }]);
  const ruleAt = (address: bigint, caller: boolean): CodeRule => {
    if (!isIn(entry, address)) return rules.at(address, undefined, caller);
    return { entrance: 'interrupt', rule: caller ? syscall?.calls.get(address) : syscall?.before.get(address) };
  };
  const addresses = [...kernel.listing.addresses].filter((address) => address >= low && address < high);
  return addresses.map((address, n) => {
    const returning = ruleAt(address, true);
    return {
      address,
      next: addresses[n + 1] ?? high,
      before: ruleAt(address, false),
      returning: returning.rule === undefined ? undefined : returning,
      ofBreakpoint: isIn(breakpoint, address),
    };
  });
}

/**
 * What returns into entry code or into the dispatcher is a stretch of its own, from the last byte of its call on: only as a
 * caller it is such a frame, and while it executes it has a name and a source.
 */
function stretchesOf(instructions: readonly Instruction[]): FrameStretch[] {
  const stretches: FrameStretch[] = [];
  let rows: { at: number; row: FrameRow }[] = [];
  let start = instructions[0]?.address ?? 0n;
  const end = (at: bigint): void => {
    if (rows.length > 0 && at > start) stretches.push({ start, size: Number(at - start), signal: false, rows });
    rows = [];
  };
  for (const { address, next, before, returning, ofBreakpoint } of instructions) {
    if (returning !== undefined && isSignal(returning)) {
      const from = address - 1n;
      end(from);
      const row = { ...rowOf(returning), ...(ofBreakpoint ? { back: INT3 } : {}) };
      stretches.push({ start: from, size: Number(next - from), signal: true, rows: [{ at: 0, row }] });
      continue;
    }
    if (rows.length === 0) start = address;
    const row = rowOf(before);
    if (!isSameRow(rows.at(-1)?.row, row)) rows.push({ at: Number(address - start), row });
  }
  end(instructions.at(-1)?.next ?? start);
  return stretches;
}

export const kernelFrames = (box: Box, text: TextRange): Uint8Array =>
  frameSection(stretchesOf(instructionsOf(box, text)));
