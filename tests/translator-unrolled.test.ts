/**
 * Long bodies of loops, as compilers unroll them: both engines come to the same, everything is translated, and the code is
 * linear in the instructions.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createRandom } from './native/random.ts';
import { runTwins, type Program } from './support/assembly-twins.ts';
import { shrink } from './support/random-assembly.ts';
import { loopAround, unrolledBody } from './support/unrolled-assembly.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 20_000 : 150));
const SEED = Number(process.env['SEED'] ?? 1);
const single = process.env['PROGRAM'];
/** instructions of the longest body */
const LONGEST = 400;
const TIMES = 6;
/** WebAssembly of an instruction, at most (a product that is looked at for rounding), and what a region takes beside */
const BYTES = 420;
const REGION = 3000;

const program = (body: readonly string[]): Program => ({
  text: loopAround(body, TIMES),
  budget: LONGEST * TIMES * 2,
  halts: 1,
});

function generate(seed: number): Program {
  const random = createRandom(seed);
  return program(unrolledBody(random, 8 + random.below(LONGEST - 8)));
}

/** What is wrong with a program; empty: nothing. */
function faultsOf(one: Program, piece = Infinity): string[] {
  const { differences, stats } = runTwins(one, [], piece);
  const { failed, failure, bytes, regions, instructions } = stats!;
  const most = instructions * BYTES + regions * REGION;
  return [
    ...differences,
    ...(failed > 0 ? [`${failed} regions could not be made: ${failure}`] : []),
    ...(bytes > most ? [`${bytes} bytes of ${instructions} instructions in ${regions} regions`] : []),
  ];
}

function check(seed: number, piece: number): void {
  const one = generate(seed);
  if (faultsOf(one, piece).length === 0) return;
  const smallest = shrink(one, (candidate) => faultsOf(candidate, piece).length > 0);
  const replay = `PROGRAM=${seed},${piece} npx tsx tests/run-file.ts tests/translator-unrolled.test.ts`;
  throw new Error([smallest.text, ...faultsOf(smallest, piece), replay].join('\n'));
}

const repeated = (count: number, ...lines: readonly string[]): string[] =>
  Array.from({ length: count }, () => lines).flat();

if (single === undefined) {
  test(`${RUNS} loops of up to ${LONGEST} instructions`, () => {
    for (let n = 0; n < RUNS; n++) check(SEED * 1_000_003 + n, n % 8 === 0 ? 97 : Infinity);
  });

  // each of these doubled the code with every round
  const chains: readonly (readonly [string, readonly string[]])[] = [
    ['rotate and add', repeated(120, 'mov %eax, %ecx', 'rol $5, %ecx', 'add %ecx, %eax')],
    ['lea of twice the same', repeated(390, 'lea (%rax,%rax), %eax')],
    [
      'xorshift',
      repeated(
        44,
        ...[13, -17, 5].flatMap((by) => [
          'mov %eax, %ecx',
          `${by > 0 ? 'shl' : 'shr'} $${Math.abs(by)}, %ecx`,
          'xor %ecx, %eax',
        ]),
      ),
    ],
    ['add of itself, with carry', repeated(190, 'add %rax, %rax', 'adc %rax, %rax')],
    ['vectors', repeated(190, 'paddd %xmm0, %xmm0', 'pxor %xmm0, %xmm1')],
    ['cmov', repeated(190, 'cmp %rax, %rcx', 'cmovb %rax, %rcx')],
    ['parts of a register', repeated(190, 'mov %al, %ah', 'rol $8, %eax')],
    ['products', repeated(190, 'imul %rax, %rax', 'mul %rax')],
  ];
  for (const [name, body] of chains) test(`a chain: ${name}`, () => assert.equal(faultsOf(program(body)), []));
} else {
  test(single, () => {
    const [seed, piece] = single.split(',').map(Number);
    check(seed!, piece!);
  });
}

test.run();
