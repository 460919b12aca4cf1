/** What the runner waits for, and the moments at which it asks whether that has come. */
import type { MemoryWatch, StopHit as BoxHit } from '../../box/stops.ts';
import type { KernelEvent } from '../../kernel/events.ts';
import type { ReadSlot, RegisterRow } from '../registers/index.ts';

export type Details = Readonly<Record<string, string | number | bigint>>;

/** What has just happened. */
export type Cause =
  /** an address has been reached: its instruction is the next one */
  | { readonly kind: 'address'; readonly address: bigint }
  /** the instruction at `address` has been executed, and has accessed what is watched */
  | {
      readonly kind: 'memory';
      readonly address: bigint;
      readonly access: 'read' | 'write';
      readonly watch: (BoxHit & { kind: 'memory' })['watch'];
    }
  /** an instruction has been executed that has changed a register */
  | { readonly kind: 'register'; readonly row: RegisterRow; readonly before: bigint; readonly after: bigint }
  /** an instruction has been executed that made the kernel tell of this */
  | { readonly kind: 'event'; readonly event: KernelEvent };

/** A point in time as a stop sees it. */
export interface Moment {
  readonly cause: Cause;
  /** the processor and the task that it is about */
  readonly cpu: number;
  readonly pid: number;
  readonly slots: ReadSlot;
}

export type EventType = 'fork' | 'exec' | 'exit' | 'signal';

/** A stop, resolved for what is loaded now. */
export interface Trigger {
  readonly addresses?: readonly bigint[];
  readonly watch?: MemoryWatch;
  readonly register?: RegisterRow;
  readonly event?: EventType;
  /** What is known of it when it is met at this moment, of one of the causes above; undefined when it is not. */
  met(moment: Moment): Details | undefined;
}

/** One that the runner waits for. */
export interface Waiting {
  /** Anew for what is loaded now; `whenLoaded`: that can change while it runs. */
  resolve(): Trigger;
  readonly whenLoaded: boolean;
  /** It has been met: what is to be told of it when execution is to stop, undefined when it goes on. */
  hit(moment: Moment, details: Details): Details | undefined;
}
