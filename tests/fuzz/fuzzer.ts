import type { Random } from '../random-instructions.ts';

/** Inputs of one kind, and what becomes of each. All of an input follows from its seed. */
export interface Fuzzer<Input = unknown> {
  make(random: Random): Input;
  /** what the input is, for a person who replays it */
  text(input: Input): string;
  /** the input as a file, where it is one */
  bytes?(input: Input): Uint8Array;
  /** The name of the outcome, which is one of a few. Throws when the outcome is none that is allowed. */
  run(input: Input): string | Promise<string>;
}

/** What the process that runs the inputs reports, in this order for each input. */
export type Report =
  | { readonly kind: 'begin'; readonly seed: number }
  | { readonly kind: 'end'; readonly seed: number; readonly outcome: string; readonly memory: number }
  | { readonly kind: 'fail'; readonly seed: number; readonly error: string; readonly memory: number };
