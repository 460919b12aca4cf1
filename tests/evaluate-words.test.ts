/**
 * The reading in words, which the interpreter runs, and the reading in BigInts do the same to the machine: cases of every row,
 * whose registers and memory favour edges. The rows that reach outside of the processor or end in another mode are left out.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compiledRows, decode, MAX_INSTRUCTION_LENGTH, type CompiledRow } from '../cpu/decoder.ts';
import { evaluate } from '../cpu/evaluate.ts';
import { evaluateWords } from '../cpu/evaluate-words.ts';
import { Slot } from '../cpu/state.ts';
import { beginInstruction } from '../cpu/word-values.ts';
import { caseOf } from './native/cases.ts';
import {
  attempt,
  createExplainedMachine,
  pictureOf,
  prepare,
  show,
  type Picture,
} from './support/explained-machine.ts';

const CASES = process.env['TEST_TIER'] === 'slow' ? 400 : 6;
const SEED = Number(process.env['SEED'] ?? 20_001);
const machine = createExplainedMachine();
const { cpu } = machine;

/** MXCSR: masked and nearest for most, so that the host's floats are used; with PE set, toward zero, FTZ and DAZ, unmasked. */
const controls = [0x1f80, 0x1f80, 0x1fa0, 0x1f80, 0x7f80, 0x9fc0, 0x1f80, 0x0f80, 0x0000, 0x5f80];

function differences(whole: Picture, words: Picture): string[] {
  const found: string[] = [];
  for (const part of ['slots', 'data'] as const) {
    whole[part].forEach((value, n) => {
      if (value === words[part][n]) return;
      // what flags were computed from is no state
      if (part === 'slots' && n >= Slot.flagsKind && n <= Slot.flagsResult) return;
      found.push(`${part} ${n}: in BigInts ${value.toString(16)}, in words ${words[part][n]!.toString(16)}`);
    });
  }
  return found;
}

/** What differs for one case, or undefined where the row cannot be made into one. */
function compareReadings(row: CompiledRow, seed: number): string | undefined {
  const made = caseOf(row, seed);
  if (made === undefined) return undefined;
  const bytes = new Uint8Array(MAX_INSTRUCTION_LENGTH).fill(0xcc);
  bytes.set(made.code);
  const instruction = decode(bytes, 0, bytes.length);
  if (typeof instruction !== 'object') return undefined;
  prepare(machine, made, instruction.length);
  cpu.slots[Slot.mxcsr] = BigInt(controls[seed % controls.length]!);
  const before = pictureOf(machine);
  const whole = evaluate(cpu);
  whole.floating.raised = 0;
  const expected = attempt(() => instruction.semantics(whole, instruction));
  const after = pictureOf(machine);
  show(machine, before);
  whole.floating.raised = 0;
  beginInstruction();
  const got = attempt(() => instruction.semantics(evaluateWords(cpu), instruction));
  const found = differences(after, pictureOf(machine));
  if (expected !== got) found.push(`exception: in BigInts ${expected}, in words ${got}`);
  if (found.length === 0) return '';
  return `${instruction.mnemonic} ${Buffer.from(made.code).toString('hex')} (row ${row.row.pattern}, seed ${seed}): ${found.join(', ')}`;
}

test('every row does the same in both readings', () => {
  const failures: string[] = [];
  let compared = 0;
  compiledRows.forEach((row, index) => {
    for (let n = 0; n < CASES; n++) {
      const found = compareReadings(row, SEED + index * 1000 + n);
      if (found === undefined) continue;
      compared++;
      if (found !== '') failures.push(found);
    }
  });
  assert.ok(compared > compiledRows.length * CASES * 0.8, `only ${compared} cases`);
  assert.is(failures.length, 0, `SEED=${SEED}, ${failures.length} of ${compared}\n${failures.slice(0, 12).join('\n')}`);
});

test.run();
