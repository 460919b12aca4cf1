/**
 * Random control flow: blocks that go anywhere, by branches, jump tables, calls and returns that need not match, so that loops
 * are entered in their middle and flags outlive blocks; a limit of instructions ends it.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createRandom, type Random } from './native/random.ts';
import { At, runTwins, type Program } from './support/assembly-twins.ts';
import { conditions, DATA, instructions, number, others, registers, shrink } from './support/random-assembly.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 3000 : 40));
const SEED = Number(process.env['SEED'] ?? 1);
const single = process.env['PROGRAM'];
const BUDGET = 1200;

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
