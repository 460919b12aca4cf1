/** The plan of a region: dirty registers, live flags, and how far control can go between two questions. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { registerNames } from '../cpu/state.ts';
import type { Body, End, RegisterSet } from '../cpu/translator/block.ts';
import { exitsOf } from '../cpu/translator/count-uses.ts';
import { discover, type Located } from '../cpu/translator/discover.ts';
import { createNode } from '../cpu/translator/node.ts';
import { asksHost, planRegion, type Plan } from '../cpu/translator/plan.ts';
import { readRegion, type RegionBlock } from '../cpu/translator/region-code.ts';
import { none, registersIn, union } from '../cpu/translator/register-set.ts';
import { guestCode, randomGuestCode, type GuestCode, type GuestOptions } from './support/guest-code.ts';

const RUNS = process.env['TEST_TIER'] === 'slow' ? 20_000 : 400;

interface Planned {
  readonly blocks: readonly RegionBlock[];
  readonly plan: Plan;
  /** guest instructions of each block, the one that the host executes included */
  readonly instructions: readonly (readonly Located[])[];
}

function planCode(code: GuestCode, entry: bigint, limits = { instructions: 200, depth: 2 }): Planned | undefined {
  const { ranges } = discover(code, entry, limits);
  if (ranges.length === 0) return undefined;
  const targetsOf = (rip: bigint): readonly bigint[] => code.targetsOf(rip);
  const blocks = readRegion(ranges, { state: 0, kernel: true, vectors: true, apart: new Set(), targetsOf });
  const instructions: (readonly Located[])[] = [];
  for (const range of ranges) {
    // a range is a block, or several where the host executes instructions of it
    for (let from = 0; from < range.instructions.length;) {
      const { body } = blocks[instructions.length]!;
      const { kind } = body.end;
      const to = from + body.instructions + (asksHost(body.end) || kind === 'leave' ? 1 : 0);
      instructions.push(range.instructions.slice(from, to));
      from = kind === 'leave' ? range.instructions.length : to;
    }
  }
  assert.is(instructions.length, blocks.length);
  return { blocks, plan: planRegion(blocks), instructions };
}

function planText(text: string, options: GuestOptions = {}) {
  const code = guestCode(text, options);
  const { blocks, plan, instructions } = planCode(code, code.at('start'))!;
  const names = blocks.map(({ rip }) => code.name(rip));
  const of = <T>(list: readonly T[]): Record<string, T> => Object.fromEntries(names.map((name, n) => [name, list[n]!]));
  return {
    instructions,
    dirtyIn: of(plan.dirtyIn.map(describe)),
    dirtyOut: of(plan.dirtyOut.map(describe)),
    flagsLive: of(plan.flagsLive),
    longest: of(plan.longest),
    checked: names.filter((_, n) => plan.checked.has(n)),
    used: describe(plan.used),
  };
}

const describe = ({ general, xmm, flags }: RegisterSet): string =>
  [
    ...registersIn(general).map((n) => registerNames[n]!),
    ...registersIn(xmm).map((n) => `xmm${n}`),
    ...(flags ? ['flags'] : []),
  ].join(' ');

// dirty registers

test('what a block changes is dirty behind it, on every way that leads there', () => {
  const { dirtyIn, dirtyOut } = planText(`
    start: testl %eax, %eax
    jz other
    one: movq %rax, %rcx
    jmp join
    other: movups %xmm3, %xmm4
    join: movq %rax, %rdx
    hlt`);
  assert.equal(dirtyIn, { start: '', one: 'flags', other: 'flags', join: 'rcx xmm4 flags' });
  assert.is(dirtyOut['join'], 'rcx rdx xmm4 flags');
});

test('around a loop what is changed later is dirty at its beginning', () => {
  const { dirtyIn } = planText(
    'start: movl $9, %ecx; again: leaq 1(%rbx), %rbx; movq %rbx, %rsi; loop again; end: hlt',
  );
  assert.equal(dirtyIn, { start: '', again: 'rcx rbx rsi', end: 'rcx rbx rsi' });
});

test('where the host executes an instruction memory has all registers', () => {
  const { dirtyIn, dirtyOut } = planText('start: movq %rax, %rdi; cpuid; behind: movq %rdi, %rsi; jmp end; end: hlt');
  assert.is(dirtyOut['start'], 'rdi');
  assert.is(dirtyIn['behind'], '');
  assert.is(dirtyIn['end'], 'rsi');
});

test('used is what is read or written, and nothing else', () => {
  assert.is(planText('start: leaq 5(%rsi), %r9; movups %xmm7, %xmm1; hlt').used, 'rsi r9 xmm1 xmm7');
  assert.is(planText('start: nop; hlt').used, '');
});

test('what no way leads to is as if it were not there', () => {
  // the host leaves for good in the middle of the range
  const { dirtyIn, flagsLive } = planText('start: movq %rax, %rcx; jmp end; never: movq %rax, %rdx; end: hlt');
  assert.equal(dirtyIn, { start: '', end: 'rcx' });
  assert.equal(Object.keys(flagsLive), ['start', 'end']);
});

// live flags

test('flags that a later block asks for are live on the way there', () => {
  for (const asks of ['adcq %rdx, %rax', 'sete %bl', 'lahf', 'jb start', 'cmovs %rdx, %rax']) {
    const text = `start: addq %rcx, %rax; jmp mid; mid: movq %rax, %rsi; jmp end; end: ${asks}; subq %rdx, %rax; hlt`;
    const { flagsLive } = planText(text);
    assert.is(flagsLive['start'], true, asks);
    assert.is(flagsLive['mid'], true, asks);
  }
});

test('a way out in a block asks for the flags of before it, as it goes back to the last store', () => {
  for (const end of ['movq (%rdi), %rdx; subq %rdx, %rax', 'subq %rsi, %rax; movq (%rdi), %rdx']) {
    const { flagsLive } = planText(`start: addq %rcx, %rax; jmp end; end: ${end}; hlt`);
    assert.is(flagsLive['start'], true, end);
  }
});

test('a question about the budget may be the way out', () => {
  const { flagsLive } = planText('start: addq %rcx, %rax; jmp again; again: subq %rdx, %rax; jnz again; end: hlt');
  assert.equal(flagsLive, { start: true, again: true, end: true });
});

test('an end that is no jump asks for everything', () => {
  for (const end of ['hlt', 'cpuid; subq %rax, %rcx; hlt', 'jmp *%rax', 'ret', 'cld; subq %rax, %rcx; hlt']) {
    assert.is(planText(`start: addq %rcx, %rax; ${end}`).flagsLive['start'], true, end);
  }
});

// questions

test('the entry and the headers of loops ask, and what follows an instruction of the host', () => {
  const { checked } = planText(`
    start: movl $9, %ecx
    again: subl $1, %ecx
    jnz again
    cpuid
    behind: nop
    jmp end
    end: hlt`);
  assert.equal(checked, ['start', 'again', 'behind']);
});

test('where loops are entered in the middle everybody asks', () => {
  const { checked } = planText('start: jz two; one: nop; two: testl %eax, %eax; jnz one; end: hlt');
  assert.equal(checked, ['start', 'one', 'two', 'end']);
});

test('the longest way ends before the next question, and counts what the host executes', () => {
  const { longest } = planText(`
    start: testl %eax, %eax
    jz short
    long: nop
    nop
    nop
    jmp again
    short: nop
    again: subl $1, %ecx
    jnz again
    tail: nop
    cpuid
    behind: nop
    hlt`);
  assert.is(longest['start'], 2 + 4);
  assert.is(longest['again'], 2 + 1 + 1);
  // hlt asks for itself
  assert.is(longest['behind'], 1);
});

// whatever the code

/** All that can be counted from `block` on before the next question; throws where control can go round without one. */
function longestOf(blocks: readonly RegionBlock[], { checked, successors }: Plan, start: number): number {
  const known = new Map<number, number>();
  const open = new Set<number>();
  const walk = (block: number): number => {
    if (known.has(block)) return known.get(block)!;
    assert.not(open.has(block), `a loop without a question at block ${block}`);
    open.add(block);
    const { body } = blocks[block]!;
    const further = successors[block]!.filter((to) => !checked.has(to)).map(walk);
    open.delete(block);
    const result = body.instructions + (asksHost(body.end) ? 1 : 0) + Math.max(0, ...further);
    known.set(block, result);
    return result;
  };
  return walk(start);
}

function checkQuestions(blocks: readonly RegionBlock[], plan: Plan): void {
  assert.ok(plan.checked.has(0));
  for (const block of plan.graph.order) {
    if (plan.checked.has(block)) assert.is(plan.longest[block], longestOf(blocks, plan, block), `block ${block}`);
    // the host has changed what is left
    if (asksHost(blocks[block]!.body.end)) for (const to of plan.successors[block]!) assert.ok(plan.checked.has(to));
  }
}

const zero = createNode('constant', 'i64', [], 0n);

function emptyBody(instructions: number, end: End): Body {
  const flags = { kind: zero, left: zero, right: zero, result: zero, settled: zero, own: {} };
  const registers = { general: [], xmm: [], flags, changed: none };
  return { statements: [], instructions, registers, entry: registers, end };
}

const ends: readonly End[] = [
  { kind: 'jump', target: 0n },
  { kind: 'step', rip: 0n, next: 0n },
  { kind: 'native', id: 0, length: 6, rip: 0n, next: 0n },
  { kind: 'cli', next: 0n },
];

const graphs: fc.Arbitrary<readonly RegionBlock[]> = fc.integer({ min: 1, max: 9 }).chain((count) =>
  fc.array(
    fc
      .tuple(
        fc.uniqueArray(fc.integer({ min: 0, max: count - 1 }), { maxLength: 3 }),
        fc.integer({ min: 0, max: 20 }),
        fc.constantFrom(...ends),
      )
      .map(([successors, instructions, end]) => ({
        rip: 0n,
        body: emptyBody(instructions, end),
        edges: successors.map((to) => ({ kind: 'block', to }) as const),
        targets: [],
      })),
    { minLength: count, maxLength: count },
  ),
);

test('whatever the graph, no way between two questions is longer than the longest', () => {
  fc.assert(
    fc.property(graphs, (blocks) => checkQuestions(blocks, planRegion(blocks))),
    { numRuns: RUNS * 2 },
  );
});

test('an execution of a region never counts more between two questions than the first has asked for', () => {
  fc.assert(
    fc.property(randomGuestCode, fc.array(fc.nat(), { minLength: 60, maxLength: 60 }), (code, choices) => {
      const planned = planCode(code, code.at('b0'));
      if (planned === undefined) return;
      const { blocks, plan, instructions } = planned;
      checkQuestions(blocks, plan);
      let block: number | undefined = 0;
      let left = 0;
      for (const choice of choices) {
        if (plan.checked.has(block)) left = plan.longest[block]!;
        const { kind } = blocks[block]!.body.end;
        // what leaves is asked for by whoever executes it
        left -= instructions[block]!.length - (kind === 'leave' ? 1 : 0);
        assert.ok(left >= 0, `${-left} too many at ${code.name(blocks[block]!.rip)}`);
        const next: readonly number[] = plan.successors[block]!;
        block = next[choice % next.length];
        if (block === undefined) return;
      }
    }),
    { numRuns: RUNS },
  );
});

/** Blocks from which control comes to `block`. */
const predecessorsOf = ({ successors, graph }: Plan, block: number): readonly number[] =>
  graph.order.filter((from) => successors[from]!.includes(block));

/** Registers that may not be in memory at the beginning of a block: by all ways back to where they were changed. */
function dirtyAt(blocks: readonly RegionBlock[], plan: Plan, block: number): RegisterSet {
  let dirty = none;
  const seen = new Set<number>();
  const waiting = [...predecessorsOf(plan, block)];
  for (let from = waiting.pop(); from !== undefined; from = waiting.pop()) {
    if (seen.has(from)) continue;
    seen.add(from);
    const { body } = blocks[from]!;
    if (asksHost(body.end)) continue;
    dirty = union(dirty, body.registers.changed);
    waiting.push(...predecessorsOf(plan, from));
  }
  return dirty;
}

test('a register is dirty just where a way leads from a change of it, and the host has not been asked since', () => {
  fc.assert(
    fc.property(randomGuestCode, (code) => {
      const planned = planCode(code, code.at('b0'));
      if (planned === undefined) return;
      const { blocks, plan } = planned;
      for (const block of plan.graph.order) {
        const dirty = dirtyAt(blocks, plan, block);
        assert.is(describe(plan.dirtyIn[block]!), describe(dirty), code.name(blocks[block]!.rip));
        assert.is(describe(plan.dirtyOut[block]!), describe(union(dirty, blocks[block]!.body.registers.changed)));
      }
    }),
    { numRuns: RUNS },
  );
});

// CF by itself, the other flags together: what the instructions of the random programs do to them
const CARRY = 1;
const OTHERS = 2;
const BOTH = CARRY | OTHERS;
const writes: Readonly<Record<string, number>> = {
  add: BOTH,
  sub: BOTH,
  cmp: BOTH,
  adc: BOTH,
  inc: OTHERS,
  stc: CARRY,
};
const reads: Readonly<Record<string, number>> = {
  je: OTHERS,
  jne: OTHERS,
  jb: CARRY,
  jg: OTHERS,
  js: OTHERS,
};

/** Whether flags of before a block may be asked for in it or behind it; what is taken into a value may be for nobody. */
function asksFor(planned: Planned, block: number, seen: Set<number>): boolean {
  const { blocks, plan, instructions } = planned;
  if (seen.has(block)) return false;
  seen.add(block);
  if (plan.checked.has(block)) return true;
  const { body } = blocks[block]!;
  const exits = new Set(exitsOf(body).map(({ executed }) => executed));
  let left = BOTH;
  for (const [n, { instruction }] of instructions[block]!.entries()) {
    // an exit is before an instruction
    if (exits.has(n)) return true;
    const { mnemonic } = instruction;
    // a branch both of whose ways are one does not ask
    if (body.end.kind === 'branch' && (left & (reads[mnemonic] ?? 0)) !== 0) return true;
    left &= ~(writes[mnemonic] ?? 0);
    if (left === 0) return false;
  }
  // at a block's end what is left of them and what has been set since become one
  return endAsksFor(planned, block, seen);
}

function endAsksFor(planned: Planned, block: number, seen: Set<number>): boolean {
  const { body, edges } = planned.blocks[block]!;
  if (body.end.kind !== 'branch' && body.end.kind !== 'jump') return true;
  if (edges.some(({ kind }) => kind === 'exit')) return true;
  return planned.plan.successors[block]!.some((to) => asksFor(planned, to, seen));
}

test('flags are live at the end of a block wherever a way leads to somebody who asks for them', () => {
  fc.assert(
    fc.property(randomGuestCode, (code) => {
      const planned = planCode(code, code.at('b0'));
      if (planned === undefined) return;
      const { blocks, plan } = planned;
      for (const block of plan.graph.order) {
        if (!endAsksFor(planned, block, new Set())) continue;
        assert.ok(plan.flagsLive[block], `dead at the end of ${code.name(blocks[block]!.rip)}`);
      }
    }),
    { numRuns: RUNS },
  );
});

test.run();
