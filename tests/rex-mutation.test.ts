/** The unwinding property notices every mistake of one line in rex_64.S: what it lets pass, it does not promise. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { counterexample, scenarioArbitrary } from './support/rex-property.ts';
import { createRexMachine, rexSource } from './support/rex-machine.ts';

const CPUS = 2;
const RUNS = 100;
const SEED = 1;

interface Mutation {
  readonly what: string;
  readonly source: string;
}

const lines = rexSource.split('\n');
const isInstruction = (line: string): boolean => /^\t[a-z]/.test(line);

const dropped: readonly Mutation[] = lines.flatMap((line, at) =>
  isInstruction(line)
    ? [{ what: `line ${at + 1} dropped: ${line.trim()}`, source: lines.toSpliced(at, 1).join('\n') }]
    : [],
);

/** Neighbours that may not change places: pairs whose first line is a push, a pop, or takes what the second gives. */
const swapped: readonly Mutation[] = lines.flatMap((line, at) =>
  /^\t(push|pop)\t/.test(line) && /^\t(push|pop)\t/.test(lines[at + 1]!)
    ? [
        {
          what: `lines ${at + 1} and ${at + 2} swapped: ${line.trim()}`,
          source: lines.toSpliced(at, 2, lines[at + 1]!, line).join('\n'),
        },
      ]
    : [],
);

/** One line read otherwise. */
const replacements: readonly (readonly [line: string, instead: string])[] = [
  ['mov	%rsp, (%rbp)', 'mov	%rsp, -8(%rbp)'],
  ['mov	%gs:rex_stack_ptr, %rbp', 'lea	rex_stack_ptr, %rbp'],
  ['mov	%rsi, %gs:rex_curr_prog', 'mov	%rdi, %gs:rex_curr_prog'],
  ['mov	%r11, %gs:rex_prog_start_time', 'mov	%rdx, %gs:rex_prog_start_time'],
  ['movq	$0, %gs:rex_curr_prog', 'movq	$1, %gs:rex_curr_prog'],
  ['movq	$0, %gs:rex_curr_prog', 'movl	$0, %gs:rex_curr_prog'],
  ['movq	$0, %gs:rex_curr_prog', 'movq	$0, %gs:rex_stack_ptr'],
  ['pop	%rsp', 'mov	(%rbp), %rsp'],
  ['pop	%rsp', 'mov	%rbp, %rsp'],
  ['xor	%eax, %eax', 'mov	$1, %eax'],
  ['mov	%gs:rex_stack_ptr, %rsp', 'mov	%rbp, %rsp'],
  ['jmp	rex_exit', 'ret'],
];

const replaced: readonly Mutation[] = replacements.map(([line, instead]) => {
  assert.ok(rexSource.includes(`\t${line}\n`), `rex_64.S has no line ${line}`);
  return { what: `${line} replaced by ${instead}`, source: rexSource.replace(`\t${line}\n`, `\t${instead}\n`) };
});

/** Whether some scenario shows the mutation, within RUNS. */
function isNoticed(source: string): boolean {
  const machine = createRexMachine(source, CPUS);
  const holds = fc.property(scenarioArbitrary(CPUS), (scenario) => counterexample(machine, scenario).length === 0);
  return fc.check(holds, { numRuns: RUNS, seed: SEED, endOnFailure: true }).failed;
}

test(`rex_64.S itself passes ${RUNS} runs`, () => {
  assert.not(isNoticed(rexSource));
});

for (const { what, source } of [...dropped, ...swapped, ...replaced]) {
  test(`noticed: ${what}`, () => {
    assert.ok(isNoticed(source), `no scenario among ${RUNS} (seed ${SEED}) shows: ${what}`);
  });
}

test.run();
