/** Any decoded instruction in words: what it computes, reads, writes and where it goes next. See README.md. */
import type { FlagName } from '../algebra.ts';
import type { Instruction } from '../instruction.ts';
import { controlOf, type Control } from './control.ts';
import { effectsOf, faultsOf, type Effect } from './effects.ts';
import type { NamedFlag, Node, Statement } from './node.ts';
import { addressText, phraseOf } from './phrase.ts';
import { Reading } from './reading.ts';
import { sentenceOf } from './sentence.ts';
import { createView } from './view.ts';

export interface ExplainOptions {
  /** linear address of the instruction; then places relative to rip are shown as addresses */
  readonly address?: bigint;
  /** the name of an address, such as `main+0x12`, where it has one */
  readonly symbol?: (address: bigint) => string | undefined;
}

export interface Explanation {
  /** one line */
  readonly sentence: string;
  /** registers, memory and system state whose value counts; memory at every access, whether or not its value counts */
  readonly reads: readonly Effect[];
  readonly writes: readonly Effect[];
  readonly flags: {
    readonly read: readonly NamedFlag[];
    readonly written: readonly NamedFlag[];
    /** the result that they follow from, in words of the state before; without one, they are written one by one */
    readonly from?: string;
  };
  /** where execution goes */
  readonly control: Control;
  /** exceptions that the definition can raise: `#PF`, `#DE` … */
  readonly mayFault: readonly string[];
  /** what the sentence is made of, in expressions of the state before the instruction */
  readonly statements: readonly Statement[];
}

const noSymbol = (): undefined => undefined;

/**
 * Reads the definition of `instruction` with the explaining algebra. Needs no machine; pure. The length of the result is
 * bounded by the number of operations in the definition.
 */
export function explain(instruction: Instruction, options: ExplainOptions = {}): Explanation {
  const { address, symbol = noSymbol } = options;
  const next = address === undefined ? undefined : BigInt.asUintN(64, address + BigInt(instruction.length));
  const reading = new Reading(next);
  instruction.semantics(reading, instruction);
  const { statements } = reading;
  const context = {
    view: createView(),
    names: new Map<Node, string>(),
    symbol,
    notes: new Set<string>(),
    tight: false,
  };
  const effects = effectsOf(reading, (node) => addressText(node, context));
  const result = resultOf(statements);
  return {
    sentence: (instruction.lock ? 'atomically: ' : '') + sentenceOf(statements, reading, { symbol }),
    reads: effects.reads,
    writes: effects.writes,
    flags: {
      read: effects.flagsRead,
      written: effects.flagsWritten,
      ...(result === undefined ? {} : { from: phraseOf(result, context).text }),
    },
    control: controlOf(statements, reading),
    mayFault: faultsOf(reading),
    statements,
  };
}

/** The result that the flags follow from, wherever that is said. */
function resultOf(statements: readonly Statement[]): Node | undefined {
  for (const statement of statements) {
    if (statement.kind === 'flags') return statement.result;
    const inner =
      statement.kind === 'if' ? [...statement.yes, ...statement.no] : statement.kind === 'while' ? statement.body : [];
    const result = resultOf(inner);
    if (result !== undefined) return result;
  }
  return undefined;
}

export type { Control, Effect, FlagName, NamedFlag, Statement };
