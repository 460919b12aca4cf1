/**
 * Random extension programs as assembly text, and what each must do. A program is a tree of calls; it clobbers
 * registers, flags and its stack, acquires and releases resources in rex_cleanup_entries, and panics at one of its
 * steps or at none. The panic routine does what the Rust crate's handler does.
 */
import * as fc from 'fast-check';

export type Step =
  | { readonly kind: 'register'; readonly name: string; readonly value: bigint }
  | { readonly kind: 'flags'; readonly instruction: string }
  | { readonly kind: 'vector'; readonly number: number; readonly value: bigint }
  | { readonly kind: 'push'; readonly value: number }
  | { readonly kind: 'acquire'; readonly entry: number; readonly hasFunction: boolean }
  | { readonly kind: 'release'; readonly entry: number }
  | { readonly kind: 'call'; readonly callee: Body };

export interface Body {
  /** bytes of locals, a multiple of 8 */
  readonly frame: number;
  readonly steps: readonly Step[];
}

export interface Program {
  /** whether functions keep rbp as a frame pointer: then a stack trace names them all */
  readonly framePointers: boolean;
  readonly result: number;
  readonly body: Body;
  /** panics before the step of this number, counted in the order of execution, modulo their count; or never */
  readonly panicAt: number | undefined;
}

/** What must be seen of a program's run. */
export interface Expectation {
  readonly panics: boolean;
  /** arguments of the cleanup functions in the order of their calls */
  readonly cleanups: readonly number[];
  /** functions on the stack at the panic, innermost first */
  readonly callers: readonly string[];
  /** the low half of rax */
  readonly result: number;
}

export interface GeneratedProgram {
  readonly source: string;
  readonly expectation: Expectation;
}

/** Offsets in the page of notes. */
export const Note = {
  currentProgram: 0,
  stackPointer: 8,
  startTime: 16,
  cpuNumber: 24,
  context: 32,
  cleanups: 256,
} as const;
export const PANIC_MESSAGE = 'panicked at generated.rs:1:1:\ntest';
const REX_CLEANUP_ENTRIES = 64;
const ENTRY_SIZE = 24;

const generalRegisters = [
  'rax',
  'rbx',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
  'rbp',
];
const word64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

const { body: bodyArbitrary } = fc.letrec<{ body: Body; step: Step; callee: Body }>((tie) => ({
  step: fc.oneof(
    { maxDepth: 5, depthIdentifier: 'calls', withCrossShrink: true },
    fc.record({ kind: fc.constant('register' as const), name: fc.constantFrom(...generalRegisters), value: word64 }),
    fc.record({
      kind: fc.constant('flags' as const),
      instruction: fc.constantFrom('std', 'stc', 'cld', 'cmc', 'cli', 'add %r8, %r9'),
    }),
    fc.record({ kind: fc.constant('vector' as const), number: fc.nat(15), value: word64 }),
    fc.record({ kind: fc.constant('push' as const), value: fc.integer() }),
    fc.record({
      kind: fc.constant('acquire' as const),
      entry: fc.nat(REX_CLEANUP_ENTRIES - 1),
      hasFunction: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('release' as const), entry: fc.nat(REX_CLEANUP_ENTRIES - 1) }),
    { arbitrary: fc.record({ kind: fc.constant('call' as const), callee: tie('body') }), weight: 3 },
  ),
  body: fc.record({
    frame: fc.nat(64).map((words) => words * 8),
    steps: fc.array(tie('step'), { minLength: 0, maxLength: 8, depthIdentifier: 'calls' }),
  }),
  callee: tie('body'),
}));

export const programArbitrary: fc.Arbitrary<Program> = fc.record({
  framePointers: fc.boolean(),
  result: fc.integer({ min: 0, max: 0xffff_ffff }),
  body: bodyArbitrary,
  panicAt: fc.option(fc.nat(200), { nil: undefined, freq: 4 }),
});

function countSteps({ steps }: Body): number {
  // the end of a body is a place to panic at, too
  return steps.reduce((sum, step) => sum + 1 + (step.kind === 'call' ? countSteps(step.callee) : 0), 1);
}

interface Emission {
  readonly program: Program;
  readonly panicStep: number;
  readonly functions: string[][];
  readonly valid: Map<number, boolean>;
  readonly callStack: string[];
  step: number;
  panicked: { readonly callers: readonly string[]; readonly cleanups: readonly number[] } | undefined;
}

const entryField = (entry: number, offset: number): string => `%gs:rex_cleanup_entries+${entry * ENTRY_SIZE + offset}`;

function acquire(state: Emission, entry: number, hasFunction: boolean): string[] {
  if (state.panicked === undefined) state.valid.set(entry, hasFunction);
  return [
    `movq $1, ${entryField(entry, 0)}`,
    hasFunction ? 'lea cleanup(%rip), %rax' : 'xor %eax, %eax',
    `mov %rax, ${entryField(entry, 8)}`,
    `movq $${entry}, ${entryField(entry, 16)}`,
  ];
}

function release(state: Emission, entry: number): string[] {
  if (state.panicked === undefined) state.valid.delete(entry);
  return [`movq $0, ${entryField(entry, 0)}`];
}

/** Counts a place to panic at, and panics if it is the one. */
function mayPanic(state: Emission): string[] {
  if (state.step++ !== state.panicStep) return [];
  const cleanups = [...state.valid].filter(([, hasFunction]) => hasFunction).map(([entry]) => entry);
  state.panicked = {
    callers: state.callStack.toReversed(),
    cleanups: cleanups.toSorted((left, right) => left - right),
  };
  return ['call panic_routine', 'ud2'];
}

function emitStep(state: Emission, step: Step): string[] {
  switch (step.kind) {
    case 'register':
      return step.name === 'rbp' && state.program.framePointers ? [] : [`movabs $${step.value}, %${step.name}`];
    case 'flags':
      return [step.instruction];
    case 'vector':
      return [`movabs $${step.value}, %rax`, `movq %rax, %xmm${step.number}`];
    case 'push':
      return [`push $${step.value}`];
    case 'acquire':
      return acquire(state, step.entry, step.hasFunction);
    case 'release':
      return release(state, step.entry);
    case 'call':
      return [`call ${emitFunction(state, step.callee, [], [])}`];
  }
}

/** Emits a function and what it calls; its name. */
function emitFunction(state: Emission, body: Body, atStart: readonly string[], atEnd: readonly string[]): string {
  const lines: string[] = [];
  const name = `program_f${state.functions.push(lines) - 1}`;
  state.callStack.push(name);
  const { framePointers } = state.program;
  lines.push(`.globl ${name}`, `.type ${name}, @function`, `${name}:`, ...atStart);
  if (framePointers) lines.push('push %rbp', 'mov %rsp, %rbp');
  lines.push(`sub $${body.frame}, %rsp`);
  if (body.frame > 0) lines.push('mov %r8, (%rsp)', `mov %r9, ${body.frame - 8}(%rsp)`);
  let pushed = 0;
  for (const step of body.steps) {
    lines.push(...mayPanic(state), ...emitStep(state, step));
    if (step.kind === 'push') pushed += 8;
  }
  lines.push(...mayPanic(state), ...atEnd);
  lines.push(
    ...(framePointers ? ['leave'] : [`add $${body.frame + pushed}, %rsp`]),
    'ret',
    `.size ${name}, . - ${name}`,
  );
  state.callStack.pop();
  return name;
}

const messageStores = (): string[] => {
  const bytes = new Uint8Array(Math.ceil((PANIC_MESSAGE.length + 1) / 8) * 8);
  bytes.set(new TextEncoder().encode(PANIC_MESSAGE));
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 8 }, (_, n) => [
    `movabs $${view.getBigUint64(n * 8, true)}, %rax`,
    `mov %rax, %gs:rex_log_buf+${n * 8}`,
  ]).flat();
};

/** Both keep the C ABI. `cleanup` notes its argument and the termination state; the panic routine is rust_begin_unwind. */
const runtime = (notes: bigint): string[] => [
  'cleanup:',
  `movabs $${notes + BigInt(Note.cleanups)}, %rcx`,
  'mov (%rcx), %rax',
  'shl $8, %rdi',
  'mov %gs:rex_termination_state, %dil',
  'mov %rdi, 8(%rcx,%rax,8)',
  'incq (%rcx)',
  'ret',
  '.globl panic_routine',
  '.type panic_routine, @function',
  'panic_routine:',
  'push %rbp',
  'mov %rsp, %rbp',
  'movb $1, %gs:rex_termination_state',
  'xor %ebx, %ebx',
  '1: mov %gs:this_cpu_off, %r12',
  'lea rex_cleanup_entries(%r12,%rbx), %r12',
  'cmpq $0, (%r12)',
  'je 2f',
  'mov 8(%r12), %rax',
  'test %rax, %rax',
  'je 2f',
  'mov 16(%r12), %rdi',
  'call *%rax',
  '2: movq $0, (%r12)',
  `add $${ENTRY_SIZE}, %rbx`,
  `cmp $${ENTRY_SIZE * REX_CLEANUP_ENTRIES}, %rbx`,
  'jne 1b',
  ...messageStores(),
  'call rex_landingpad',
  'ud2',
  '.size panic_routine, . - panic_routine',
];

const noteCode = (notes: bigint): string[] => [
  `movabs $${notes}, %rcx`,
  `mov %rsp, ${Note.stackPointer}(%rcx)`,
  `mov %rdi, ${Note.context}(%rcx)`,
  'mov %gs:rex_curr_prog, %rax',
  `mov %rax, ${Note.currentProgram}(%rcx)`,
  'mov %gs:rex_prog_start_time, %rax',
  `mov %rax, ${Note.startTime}(%rcx)`,
  'mov %gs:cpu_number, %eax',
  `mov %rax, ${Note.cpuNumber}(%rcx)`,
];

/** Assembly text of `program`, whose first function comes first; `notes` is the page it writes what it sees into. */
export function generate(program: Program, notes: bigint): GeneratedProgram {
  const panicStep = program.panicAt === undefined ? -1 : program.panicAt % countSteps(program.body);
  const state: Emission = {
    program,
    panicStep,
    functions: [],
    valid: new Map(),
    callStack: [],
    step: 0,
    panicked: undefined,
  };
  // what a normal end still holds is released, as destructors do
  const everAcquired = new Set<number>();
  const collect = ({ steps }: Body): void => {
    for (const step of steps) {
      if (step.kind === 'acquire') everAcquired.add(step.entry);
      else if (step.kind === 'call') collect(step.callee);
    }
  };
  collect(program.body);
  const atEnd = [
    ...[...everAcquired].map((entry) => `movq $0, ${entryField(entry, 0)}`),
    `mov $${program.result}, %eax`,
  ];
  emitFunction(state, program.body, noteCode(notes), atEnd);
  const { panicked } = state;
  return {
    source: [...state.functions.flat(), ...runtime(notes)].map((line) => `\t${line}\n`).join(''),
    expectation: {
      panics: panicked !== undefined,
      cleanups: panicked?.cleanups ?? [],
      callers: panicked?.callers ?? [],
      result: panicked === undefined ? program.result : 0,
    },
  };
}
