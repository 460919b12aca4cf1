/**
 * Random control flow: blocks that go anywhere, by branches, jump tables, calls and returns that need not match, so that loops
 * are entered in their middle and flags outlive blocks; a limit of instructions ends it.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createRandom, type Random } from './native/random.ts';
import { At, runTwins, type Program } from './support/assembly-twins.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 3000 : 40));
const SEED = Number(process.env['SEED'] ?? 1);
const single = process.env['PROGRAM'];
const BUDGET = 1200;

const DATA = At.window + 4096 - 64;
/** rbp and rsp stay; r14 points to a border of two pages */
const registers = ['a', 'b', 'c', 'd'].map((name) => `%r${name}x`);
const others = ['%rsi', '%rdi', '%r8', '%r9', '%r10', '%r11', '%r12'];
const conditions = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];

const wide = (random: Random): string => random.pick([...registers, ...others]);
const narrow = (random: Random): string => random.pick(['%eax', '%ecx', '%edx', '%ebx', '%esi', '%r8d', '%r11d']);
const byte = (random: Random): string => random.pick(['%al', '%ah', '%bl', '%ch', '%dl', '%sil', '%r9b']);
const word = (random: Random): string => random.pick(['%ax', '%cx', '%di', '%r10w']);
const vector = (random: Random): string => `%xmm${random.below(6)}`;
const place = (random: Random): string => `${random.below(15) * 8}(%r14)`;
const number = (random: Random): number => random.pick([0, 1, -1, 7, 127, -128, 0x7fffffff, random.below(1000)]);

const instructions: readonly ((random: Random) => string)[] = [
  (r) => `add ${wide(r)}, ${wide(r)}`,
  (r) => `sub $${number(r)}, ${wide(r)}`,
  (r) => `adc ${narrow(r)}, ${narrow(r)}`,
  (r) => `sbb ${byte(r).replace('h', 'l')}, %dl`,
  (r) => `cmp ${wide(r)}, ${wide(r)}`,
  (r) => `cmp $${r.below(256) - 128}, %${r.pick(['al', 'ah', 'bl'])}`,
  (r) => `test ${narrow(r)}, ${narrow(r)}`,
  (r) => `inc ${wide(r)}`,
  (r) => `dec ${word(r)}`,
  (r) => `neg ${narrow(r)}`,
  (r) => `not ${wide(r)}`,
  (r) => `shl $${r.below(66)}, ${wide(r)}`,
  (r) => `shr %cl, ${narrow(r)}`,
  (r) => `sar %cl, ${word(r)}`,
  (r) => `rol $${r.below(9)}, ${wide(r)}`,
  (r) => `rcr $1, ${narrow(r)}`,
  (r) => `imul ${wide(r)}, ${wide(r)}`,
  (r) => `mul ${narrow(r)}`,
  (r) => `xor ${wide(r)}, ${wide(r)}`,
  (r) => `and $${number(r)}, ${narrow(r)}`,
  (r) => `or ${word(r)}, ${word(r)}`,
  (r) => `mov ${wide(r)}, ${wide(r)}`,
  (r) => `mov $${number(r)}, ${narrow(r)}`,
  (r) => `lea ${r.below(100)}(${wide(r)},${wide(r)},4), ${wide(r)}`,
  (r) => `set${r.pick(conditions)} ${r.pick(['%al', '%ah', '%bl', '%dl'])}`,
  (r) => `cmov${r.pick(conditions)} ${wide(r)}, ${wide(r)}`,
  (r) => `bt $${r.below(64)}, ${wide(r)}`,
  (r) => `bsf ${wide(r)}, ${wide(r)}`,
  (r) => `popcnt ${wide(r)}, ${wide(r)}`,
  (r) => `mov ${place(r)}, ${wide(r)}`,
  (r) => `mov ${wide(r)}, ${place(r)}`,
  (r) => `add ${narrow(r)}, ${place(r)}`,
  (r) => `sub ${place(r)}, ${wide(r)}`,
  (r) => `movzbl ${place(r)}, ${narrow(r)}`,
  (r) => `movswq ${place(r)}, ${wide(r)}`,
  (r) => `movups ${place(r)}, ${vector(r)}`,
  (r) => `movups ${vector(r)}, ${place(r)}`,
  (r) => `paddd ${vector(r)}, ${vector(r)}`,
  (r) => `pxor ${vector(r)}, ${vector(r)}`,
  (r) => `cvtsi2sd ${narrow(r)}, ${vector(r)}`,
  (r) => `addsd ${vector(r)}, ${vector(r)}`,
  (r) => `mulsd ${vector(r)}, ${vector(r)}`,
  (r) => `ucomisd ${vector(r)}, ${vector(r)}`,
  (r) => `cvttsd2si ${vector(r)}, ${wide(r)}`,
  () => 'pushf; popq 8(%r14)',
  () => 'cld',
  () => 'stc',
  () => 'cmc',
  () => 'lahf',
  () => 'sahf',
  () => 'cltq',
  () => 'cqto',
  () => 'cpuid',
  () => 'lodsb; lea (%r14), %rsi',
];

/** Where a block goes. A table is of eight blocks, by the low bits of a register. */
function ending(random: Random, n: number, blocks: number): string {
  const to = (): string => `block${random.below(blocks)}`;
  const kind = random.below(18);
  const condition = random.pick(conditions);
  if (kind < 6) return `j${condition} ${to()}`;
  if (kind < 7) return `j${condition} ${to()}; j${random.pick(conditions)} ${to()}`;
  if (kind < 8) return `jmp ${to()}`;
  if (kind < 9) return `loop 2f; jmp 3f; 2: jmp ${to()}; 3:`;
  if (kind < 10) return `jrcxz 2f; jmp 3f; 2: jmp ${to()}; 3:`;
  if (kind < 12) {
    const index = random.pick([...registers, '%r8']);
    return `mov ${index}, %r13; and $7, %r13d; jmp *table${n}(,%r13,8)`;
  }
  // the stack is a ring: what is called need not return, what returns need not have been called
  if (kind < 14) return `call ${to()}`;
  if (kind < 15) {
    return `lea ${to()}(%rip), %r13; cmp $${At.stackTop - 64}, %rsp; ja 1f; lea 64(%rsp), %rsp; 1: push %r13; ret`;
  }
  // a register whose value is known where it is jumped to, so that one jump goes to one of two places
  if (kind < 16) {
    const [one, other] = [to(), to()];
    return `j${condition} 2f; lea ${one}(%rip), %r13; jmp *%r13; 2: lea ${other}(%rip), %r13; ${random.pick(['jmp', 'call'])} *%r13`;
  }
  return '';
}

/** A place that discovery knows one way to, and that a jump to a constant address leads to as well; by other flags. */
const foldedJump = `
  mov $2147483647, %rdi
  dec %di
  jl known
again:
  jnp 2f
  lea other(%rip), %r13
  jmp *%r13
2:
  lea again(%rip), %r13
  call *%r13
other:
known:
  call again`;

test('a computed jump to a constant place, which has not been gone before', () => {
  for (const piece of [Infinity, 37])
    assert.equal(runTwins({ text: foldedJump, budget: BUDGET }, [], piece).differences, []);
});

function generate(seed: number): Program {
  const random = createRandom(seed);
  const blocks = 3 + random.below(14);
  const lines = Array.from({ length: blocks }, (_, n) => {
    const body = Array.from({ length: random.below(7) }, () => random.pick(instructions)(random));
    const end = ending(random, n, blocks);
    // calls without returns go down: back to the top now and then
    const reset = random.chance(0.3) ? [`lea ${At.stackTop - 512}, %rsp`] : [];
    return [`block${n}:`, ...body, ...reset, end].join('\n  ');
  });
  const tables = Array.from({ length: blocks }, (_, n) => {
    const targets = Array.from({ length: 8 }, () => `block${random.below(blocks)}`);
    return `  .balign 8\ntable${n}:\n  .quad ${targets.join(', ')}`;
  });
  const setup = [...registers, ...others].map((name) => `mov $${number(random)}, ${name}`);
  return {
    text: [
      `mov $${DATA}, %r14`,
      `mov $${At.stackTop - 512}, %rsp`,
      ...setup,
      ...lines,
      'hlt',
      'jmp block0',
      ...tables,
    ].join('\n'),
    budget: BUDGET,
    ...(random.chance(0.3) ? { cold: true } : {}),
    ...(random.chance(0.3) ? { options: { instructions: 12, depth: random.below(3) } } : {}),
  };
}

/** Lines of the program that can go without the difference going. */
function shrink(program: Program, differs: (program: Program) => boolean): Program {
  let lines = program.text.split('\n');
  for (let again = true; again;) {
    again = false;
    for (let n = lines.length - 1; n >= 0; n--) {
      const fewer = { ...program, text: lines.toSpliced(n, 1).join('\n') };
      try {
        if (!differs(fewer)) continue;
      } catch {
        // no program any more
        continue;
      }
      lines = lines.toSpliced(n, 1);
      again = true;
    }
  }
  return { ...program, text: lines.join('\n') };
}

function check(seed: number, piece: number): void {
  const program = generate(seed);
  if (runTwins(program, [], piece).differences.length === 0) return;
  const smallest = shrink(program, (candidate) => runTwins(candidate, [], piece).differences.length > 0);
  const { differences } = runTwins(smallest, [], piece);
  throw new Error(
    [smallest.text, ...differences, `PROGRAM=${seed},${piece} npx tsx tests/translator-control.test.ts`].join('\n'),
  );
}

if (single === undefined) {
  for (const piece of [Infinity, 1, 5, 37]) {
    test(`${RUNS} programs in pieces of ${piece}`, () => {
      for (let n = 0; n < RUNS; n++) check(SEED * 1_000_003 + n, piece);
    });
  }
} else test(single, () => check(...(single.split(',').map(Number) as [number, number])));

test.run();
