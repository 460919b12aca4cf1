/** Discovery: which guest code becomes a region, and how it is divided. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { discover, placeKey, type Context, type Discovered, type Range } from '../cpu/translator/discover.ts';
import { flowOf } from '../cpu/translator/flow.ts';
import { guestCode, randomGuestCode, type GuestCode, type GuestOptions } from './support/guest-code.ts';

const RUNS = process.env['TEST_TIER'] === 'slow' ? 20_000 : 500;
const WIDE = { instructions: 100, depth: 3 };

/** `return < caller's return` of the call that a range is in; empty outside of calls. */
const describeContext = (code: GuestCode, context: Context | undefined): string =>
  context === undefined ? '' : ` in ${code.name(context.returnTo)}${describeContext(code, context.caller)}`;

/** A line for each range: where it begins, how many instructions it has, how it ends. */
const describeRanges = (code: GuestCode, { ranges }: Discovered): string[] =>
  ranges.map(
    ({ rip, context, instructions, flow, callee }) =>
      `${code.name(rip)}${describeContext(code, context)}: ${instructions.length} ${flow.kind}${callee === undefined ? '' : ', followed'}`,
  );

function explore(text: string, options: GuestOptions = {}, limits = WIDE) {
  const code = guestCode(text, options);
  const discovered = discover(code, code.at('start'), limits);
  return {
    ranges: describeRanges(code, discovered),
    unknown: [...discovered.unknown].map((rip) => code.name(rip)),
    discovered,
  };
}

test('straight code is one range, up to what leads away', () => {
  const { ranges, unknown } = explore('start: nop; incq %rax; hlt; after: nop');
  assert.equal(ranges, ['start: 3 away']);
  assert.equal(unknown, []);
});

test('a branch is followed both ways, and a loop is entered once', () => {
  const { ranges } = explore(`
    start: movl $9, %ecx
    again: subl $1, %ecx
    jnz again
    behind: hlt`);
  assert.equal(ranges, ['start: 1 next', 'again: 2 branch', 'behind: 1 away']);
});

test('where two ways meet the code is divided, whichever is found first', () => {
  const diamond = explore(`
    start: testl %eax, %eax
    jz other
    one: incl %ecx
    jmp join
    other: decl %ecx
    join: hlt`);
  assert.equal(diamond.ranges, ['start: 2 branch', 'one: 2 jump', 'other: 1 next', 'join: 1 away']);
  const backwards = explore(`
    early: nop
    middle: nop
    hlt
    start: jz middle
    jmp early`);
  assert.equal(
    backwards.ranges.toSorted(),
    ['early: 1 next', 'middle: 2 away', 'start: 1 branch', '0x400005: 1 jump'].toSorted(),
  );
});

test('a jump into the middle of an instruction has ranges of its own', () => {
  // the immediate is nop; hlt
  const { ranges, discovered } = explore(
    'start: jz inside; .byte 0xb8; inside: .byte 0x90, 0xf4, 0x90, 0x90; end: hlt',
  );
  assert.equal(ranges, ['start: 1 branch', '0x400002: 2 away', 'inside: 2 away']);
  assert.is(discovered.ranges[1]!.instructions[0]!.instruction.mnemonic, 'mov');
  // the immediate is four nops: the two are one again behind it
  const joined = explore('start: jz inside; .byte 0xb8; inside: .byte 0x90, 0x90, 0x90, 0x90; end: hlt');
  assert.equal(joined.ranges, ['start: 1 branch', '0x400002: 1 next', 'end: 1 away', 'inside: 4 next']);
});

test('what has not been executed is left out and named', () => {
  const { ranges, unknown } = explore('start: testl %eax, %eax; jz rare; nop; next: hlt; rare: hlt', {
    cold: ['rare', 'next'],
  });
  assert.equal(ranges, ['start: 2 branch', '0x400004: 1 next']);
  assert.equal(unknown.toSorted(), ['next', 'rare']);
});

test('an entry that has not been executed is no region', () => {
  const { ranges, unknown } = explore('start: hlt', { cold: ['start'] });
  assert.equal(ranges, []);
  assert.equal(unknown, ['start']);
});

test('a call is followed, and its return leads behind it', () => {
  const { ranges } = explore(`
    start: call f
    back: hlt
    f: incl %eax
    ret`);
  assert.equal(ranges, ['start: 1 call, followed', 'f in back: 2 return', 'back: 1 away']);
});

test('the same function called twice is there twice', () => {
  const { ranges } = explore(`
    start: call f
    one: call f
    two: hlt
    f: ret`);
  assert.equal(ranges, [
    'start: 1 call, followed',
    'f in one: 1 return',
    'one: 1 call, followed',
    'f in two: 1 return',
    'two: 1 away',
  ]);
});

test('code of the caller comes before code of what it calls', () => {
  const text = `
    start: testl %eax, %eax
    jz other
    call f
    back: hlt
    other: jz more
    hlt
    more: nop
    hlt
    f: nop
    ret`;
  const caller = [
    'start: 2 branch',
    '0x400004: 1 call, followed',
    'other: 1 branch',
    '0x40000c: 1 away',
    'more: 2 away',
  ];
  assert.equal(explore(text).ranges, [...caller, 'f in back: 2 return', 'back: 1 away']);
  // with room for the caller only, the function is what goes without
  assert.equal(explore(text, {}, { ...WIDE, instructions: 7 }).ranges, caller);
});

test('a function that does not return leaves what is behind the call out', () => {
  const { ranges } = explore('start: call f; back: hlt; f: jmp f');
  assert.equal(ranges, ['start: 1 call, followed', 'f in back: 1 jump']);
});

test('a return outside of any call that was followed ends the region', () => {
  assert.equal(explore('start: nop; ret; behind: hlt').ranges, ['start: 2 return']);
});

test('recursion goes as deep as it may', () => {
  const text = `
    start: call start
    back: ret`;
  assert.equal(explore(text, {}, { ...WIDE, depth: 2 }).ranges, [
    'start: 1 call, followed',
    'start in back: 1 call, followed',
    'start in back in back: 1 call',
  ]);
  const { ranges } = explore(
    `
    start: testl %ecx, %ecx
    jz out
    subl $1, %ecx
    call start
    back: nop
    out: ret`,
    {},
    { ...WIDE, depth: 1 },
  );
  assert.equal(ranges, [
    'start: 2 branch',
    '0x400004: 2 call, followed',
    'out: 1 return',
    'start in back: 2 branch',
    '0x400004 in back: 2 call',
    'out in back: 1 return',
    'back: 1 next',
  ]);
});

test('with no depth no call is followed', () => {
  assert.equal(explore('start: call f; back: hlt; f: ret', {}, { ...WIDE, depth: 0 }).ranges, ['start: 1 call']);
});

test('computed jumps and calls go where they have gone', () => {
  const jump = explore('start: jmp *%rax; one: hlt; two: nop; hlt; never: hlt', { targets: { start: ['two', 'one'] } });
  assert.equal(jump.ranges, ['start: 1 computed-jump', 'two: 2 away', 'one: 1 away']);
  const call = explore('start: call *%rax; back: hlt; f: nop; ret; g: ret', { targets: { start: ['f', 'g'] } });
  assert.equal(call.ranges, [
    'start: 1 computed-call, followed',
    'f in back: 2 return',
    'back: 1 away',
    'g in back: 1 return',
  ]);
  assert.equal(explore('start: jmp *%rax; hlt').ranges, ['start: 1 computed-jump']);
});

test('a loop that jumps to itself and one of a single instruction', () => {
  assert.equal(explore('start: jmp start').ranges, ['start: 1 jump']);
  assert.equal(explore('start: nop; again: loop again; hlt').ranges, [
    'start: 1 next',
    'again: 1 branch',
    '0x400003: 1 away',
  ]);
});

test('the limit of instructions cuts in the middle of a range, which goes on there', () => {
  const { ranges, unknown } = explore(`start: ${'nop;'.repeat(10)} hlt`, {}, { ...WIDE, instructions: 4 });
  assert.equal(ranges, ['start: 4 next']);
  // it has been executed: there is only no room
  assert.equal(unknown, []);
});

test('addresses go round at 2^64', () => {
  const nop = guestCode('start: nop').instructionAt(0x40_0000n)!;
  const last = (1n << 64n) - 1n;
  const { ranges, unknown } = discover(
    { instructionAt: (rip) => (rip === last || rip === 0n ? nop : undefined), targetsOf: () => [] },
    last,
    WIDE,
  );
  assert.equal(
    ranges.map(({ instructions }) => instructions.map(({ rip }) => rip)),
    [[last, 0n]],
  );
  assert.equal([...unknown], [1n]);
});

// whatever the code

const nextOf = ({ instructions }: Range): bigint => {
  const { rip, instruction } = instructions.at(-1)!;
  return BigInt.asUintN(64, rip + BigInt(instruction.length));
};

/** Places that a range may lead to, as the instruction at its end says. */
function followers(code: GuestCode, range: Range): (readonly [rip: bigint, context: Context | undefined])[] {
  const { context, callee, instructions } = range;
  const next = nextOf(range);
  const last = instructions.at(-1)!;
  const flow = flowOf(last.instruction, next);
  switch (flow.kind) {
    case 'next':
      return [[next, context]];
    case 'branch':
      return [
        [next, context],
        [flow.target, context],
      ];
    case 'jump':
      return [[flow.target, context]];
    case 'call':
      return callee === undefined ? [] : [[flow.target, callee]];
    case 'computed-jump':
      return code.targetsOf(last.rip).map((rip) => [rip, context] as const);
    case 'computed-call':
      return callee === undefined ? [] : code.targetsOf(last.rip).map((rip) => [rip, callee] as const);
    case 'return':
      return context === undefined ? [] : [[context.returnTo, context.caller]];
    case 'away':
      return [];
  }
}

function checkRange({ rip, context, instructions, flow, callee }: Range, depth: number): void {
  assert.is(instructions[0]!.rip, rip);
  let at = rip;
  for (const [n, located] of instructions.entries()) {
    assert.is(located.rip, at, 'instructions follow each other');
    at = BigInt.asUintN(64, at + BigInt(located.instruction.length));
    const own = flowOf(located.instruction, at);
    if (n < instructions.length - 1) assert.is(own.kind, 'next', 'control leaves at the end only');
    else assert.equal(own, flow, 'the end is that of the last instruction');
  }
  if (callee === undefined) return;
  assert.ok(flow.kind === 'call' || flow.kind === 'computed-call');
  assert.is(callee.returnTo, at);
  assert.is(callee.caller, context);
  assert.is(callee.depth, (context?.depth ?? 0) + 1);
  assert.ok(callee.depth <= depth);
}

const limits = fc.record({ instructions: fc.integer({ min: 1, max: 60 }), depth: fc.integer({ min: 0, max: 3 }) });

test('ranges do not overlap, end as their last instruction says, and stay within the limits', () => {
  fc.assert(
    fc.property(randomGuestCode, limits, (code, limit) => {
      const { ranges, unknown } = discover(code, code.at('b0'), limit);
      const all = ranges.flatMap(({ context, instructions }) => instructions.map(({ rip }) => placeKey(rip, context)));
      assert.is(new Set(all).size, all.length, 'no instruction is in two ranges of one context');
      assert.ok(all.length <= limit.instructions);
      for (const range of ranges) checkRange(range, limit.depth);
      for (const rip of unknown) assert.is(code.instructionAt(rip), undefined);
      if (ranges.length > 0)
        assert.is(placeKey(ranges[0]!.rip, ranges[0]!.context), placeKey(code.at('b0'), undefined));
      else assert.is(code.instructionAt(code.at('b0')), undefined);
    }),
    { numRuns: RUNS },
  );
});

test('with room enough, every way out of a range leads to the beginning of one, or to what is unknown', () => {
  fc.assert(
    fc.property(randomGuestCode, fc.integer({ min: 0, max: 2 }), (code, depth) => {
      const { ranges, unknown } = discover(code, code.at('b0'), { instructions: 10_000, depth });
      const begins = new Set(ranges.map(({ rip, context }) => placeKey(rip, context)));
      const wanted = new Set<string>();
      for (const range of ranges) {
        for (const [rip, context] of followers(code, range)) {
          const key = placeKey(rip, context);
          wanted.add(key);
          assert.ok(begins.has(key) || unknown.has(rip), `${code.name(range.rip)} leads to ${code.name(rip)}`);
        }
      }
      // and nothing else is there
      for (const range of ranges.slice(1)) assert.ok(wanted.has(placeKey(range.rip, range.context)));
    }),
    { numRuns: RUNS },
  );
});

test.run();
