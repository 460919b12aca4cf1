/** One visit of rex_dispatcher_func, from its first instruction to its return, and what it must leave as it was. */
import type { Box } from '../box/box.ts';
import { constants } from '../kernel/layout/constants.ts';
import { readKernelU64 } from '../kernel/mm/kernel-memory.ts';
import { readPerCpu } from '../kernel/per-cpu.ts';

/** What a visit got wrong. */
export interface Violation {
  /** a register, a per-CPU variable, or what happened */
  readonly what: string;
  readonly got: string;
  readonly expected: string;
  /** in the words of the calling convention or of the kernel */
  readonly rule: string;
  /** address of the dispatcher's instruction that last wrote it, or was the last one */
  readonly culprit: bigint | undefined;
}

const calleeSaved = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const;
type Saved = (typeof calleeSaved)[number] | 'rsp' | 'rax';

/** Bytes that a dispatcher may have pushed before it switched stacks. */
const MOST_PUSHED = 512n;

export interface Visit {
  /** instructions that the box had executed */
  readonly begun: number;
  /** registers at the first instruction */
  readonly saved: Readonly<Record<Saved, bigint>>;
  readonly returnAddress: bigint;
  readonly context: bigint;
  readonly program: bigint;
  readonly function: bigint;
  readonly stackPointer: bigint;
  readonly jiffies: bigint;
  /** address of the dispatcher's instruction that last changed a register or a variable */
  readonly writers: Map<string, bigint>;
  /** of the dispatcher's instructions, in order of execution */
  readonly executed: bigint[];
  readonly violations: Violation[];
  /** the program has begun */
  entered: boolean;
  /** eax as the program left it; undefined while it runs, and after a panic */
  result: bigint | undefined;
  panicked: boolean;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const variables = ['rex_curr_prog', 'rex_stack_ptr', 'rex_prog_start_time'] as const;
const readVariable = ({ kernel }: Box, name: string): bigint => readPerCpu(kernel, 0, name);
const readJiffies = ({ kernel, symbols }: Box): bigint => readKernelU64(kernel, symbols.lookup('jiffies')!) ?? 0n;

/** The CPU stands at the dispatcher's first instruction. */
export function beginVisit(box: Box): Visit {
  const { rbx, rbp, r12, r13, r14, r15, rsp, rax, rdi, rsi, rdx } = box.registers();
  return {
    begun: box.instructions,
    saved: { rbx, rbp, r12, r13, r14, r15, rsp, rax },
    returnAddress: readKernelU64(box.kernel, rsp) ?? 0n,
    context: rdi,
    program: rsi,
    function: rdx,
    stackPointer: readVariable(box, 'rex_stack_ptr'),
    jiffies: readJiffies(box),
    writers: new Map(),
    executed: [],
    violations: [],
    entered: false,
    result: undefined,
    panicked: false,
  };
}

function expectEqual(visit: Visit, what: string, got: bigint, expected: bigint, rule: string): void {
  if (got === expected) return;
  visit.violations.push({
    what,
    got: hex(got),
    expected: hex(expected),
    rule,
    culprit: visit.writers.get(what) ?? visit.executed.at(-1),
  });
}

/** The CPU stands at the program's first instruction. */
export function checkEntry(box: Box, visit: Visit): void {
  const { rdi, rsp } = box.registers();
  const { stackPointer, saved } = visit;
  visit.entered = true;
  expectEqual(visit, 'rdi', rdi, visit.context, 'the program gets its context in rdi');
  expectEqual(visit, 'rex_curr_prog', readVariable(box, 'rex_curr_prog'), visit.program, 'says which program runs');
  expectEqual(
    visit,
    'rex_prog_start_time',
    readVariable(box, 'rex_prog_start_time'),
    visit.jiffies,
    'is jiffies at entry',
  );
  const lowest = stackPointer + 8n - BigInt(constants.REX_STACK_SIZE);
  if (rsp < lowest || rsp > stackPointer) {
    const culprit = visit.writers.get('rsp');
    const expected = `${hex(lowest)} to ${hex(stackPointer)}`;
    visit.violations.push({
      what: 'rsp',
      got: hex(rsp),
      expected,
      rule: "the program runs on its CPU's Rex stack",
      culprit,
    });
    return;
  }
  const top = readKernelU64(box.kernel, stackPointer) ?? 0n;
  if (top > saved.rsp || top < saved.rsp - MOST_PUSHED) {
    const rule =
      "the top slot of the Rex stack holds the caller's stack pointer: the landing pad and stack traces find it there";
    const expected = `${hex(saved.rsp)} or a little less`;
    visit.violations.push({ what: '[rex_stack_ptr]', got: hex(top), expected, rule, culprit: visit.executed.at(-1) });
  }
}

/** The CPU stands at the instruction behind the call of the dispatcher. */
export function checkReturn(box: Box, visit: Visit): void {
  const registers = box.registers();
  const { saved } = visit;
  expectEqual(visit, 'rsp', registers.rsp, saved.rsp + 8n, 'the stack is as the caller left it');
  for (const name of calleeSaved) {
    expectEqual(visit, name, registers[name], saved[name], 'a callee-saved register keeps its value');
  }
  expectEqual(visit, 'rex_curr_prog', readVariable(box, 'rex_curr_prog'), 0n, 'no program runs any more');
  expectEqual(visit, 'rex_stack_ptr', readVariable(box, 'rex_stack_ptr'), visit.stackPointer, 'belongs to the CPU');
  const result = BigInt.asUintN(32, registers.rax);
  if (visit.panicked) expectEqual(visit, 'rax', result, 0n, 'a panic looks like a program that returned 0');
  else if (visit.result !== undefined)
    expectEqual(visit, 'rax', result, visit.result, "the program's result comes back");
}

/** What the dispatcher's instruction at `address` is about to change is compared with `before` afterwards. */
export function readWatched(box: Box): Map<string, bigint> {
  const registers = box.registers();
  const watched = new Map<string, bigint>();
  for (const name of [...calleeSaved, 'rsp', 'rax', 'rdi'] as const) watched.set(name, registers[name]);
  for (const name of variables) watched.set(name, readVariable(box, name));
  return watched;
}

export function noteWriters(
  visit: Visit,
  address: bigint,
  before: ReadonlyMap<string, bigint>,
  after: ReadonlyMap<string, bigint>,
): void {
  visit.executed.push(address);
  for (const [name, value] of after) if (before.get(name) !== value) visit.writers.set(name, address);
}

/** A visit that ended without a return. */
export function abandon(visit: Visit, happened: string): void {
  visit.violations.push({
    what: 'the return',
    got: happened,
    expected: `a return to ${hex(visit.returnAddress)}`,
    rule: 'the dispatcher comes back to the kernel, whatever the program did',
    culprit: visit.executed.at(-1),
  });
}
