/**
 * The guest code of a region: from its entry along every way that has been executed before, calls and returns included.
 * A call is followed as a jump into a new *context*, which knows where its return leads; the same code in two contexts
 * is two places.
 */
import type { Instruction } from '../instruction.ts';
import { flowOf, type Flow } from './flow.ts';

export interface Context {
  readonly number: number;
  readonly returnTo: bigint;
  readonly caller: Context | undefined;
  readonly depth: number;
}

export interface Located {
  readonly rip: bigint;
  readonly instruction: Instruction;
}

/** Instructions that follow each other; control enters at the first only and leaves at the last. */
export interface Range {
  readonly rip: bigint;
  readonly context: Context | undefined;
  readonly instructions: readonly Located[];
  /** of the last instruction; `next` also where another range begins behind it */
  readonly flow: Flow;
  /** what a call enters, where it is followed */
  readonly callee: Context | undefined;
}

export interface Guest {
  /** The instruction at `rip`, if it has been executed and may be again. */
  instructionAt(rip: bigint): Instruction | undefined;
  /** Where the computed jump or call at `rip` has gone. */
  targetsOf(rip: bigint): readonly bigint[];
}

export interface Limits {
  readonly instructions: number;
  /** of calls that are followed into each other */
  readonly depth: number;
}

export const placeKey = (rip: bigint, context: Context | undefined): string => `${context?.number ?? 0} ${rip}`;

interface Place {
  readonly rip: bigint;
  readonly context: Context | undefined;
}

interface Draft {
  readonly place: Place;
  readonly instructions: Located[];
  flow: Flow;
  callee: Context | undefined;
}

class Discovery {
  private readonly guest: Guest;
  private readonly limits: Limits;
  private readonly leaders = new Set<string>();
  private readonly scanned = new Set<string>();
  private readonly unknown = new Set<bigint>();
  private readonly drafts: Draft[] = [];
  private readonly waiting: Place[] = [];
  /** entries of functions: their turn comes when the function itself is known */
  private readonly calls: Place[] = [];
  private instructions = 0;
  private contexts = 0;

  constructor(guest: Guest, limits: Limits) {
    this.guest = guest;
    this.limits = limits;
  }

  run(rip: bigint): Discovered {
    this.waiting.push({ rip, context: undefined });
    for (;;) {
      const place = this.waiting.shift() ?? this.calls.shift();
      if (place === undefined || this.instructions >= this.limits.instructions) break;
      this.visit(place);
    }
    return { ranges: this.drafts.flatMap((draft) => this.cut(draft)), unknown: this.unknown };
  }

  private visit(place: Place): void {
    const key = placeKey(place.rip, place.context);
    if (this.leaders.has(key)) return;
    this.leaders.add(key);
    // in the middle of a range: it is cut there later
    if (this.scanned.has(key)) return;
    this.scan(place);
  }

  private scan(place: Place): void {
    const draft: Draft = { place, instructions: [], flow: { kind: 'next' }, callee: undefined };
    let { rip } = place;
    while (this.instructions < this.limits.instructions) {
      const key = placeKey(rip, place.context);
      if (this.scanned.has(key)) {
        this.leaders.add(key);
        break;
      }
      const instruction = this.guest.instructionAt(rip);
      if (instruction === undefined) {
        this.unknown.add(rip);
        break;
      }
      this.scanned.add(key);
      this.instructions++;
      draft.instructions.push({ rip, instruction });
      const next = BigInt.asUintN(64, rip + BigInt(instruction.length));
      const flow = flowOf(instruction, next);
      rip = next;
      if (flow.kind === 'next') continue;
      draft.flow = flow;
      this.follow(draft, flow, rip);
      break;
    }
    if (draft.instructions.length > 0) this.drafts.push(draft);
  }

  private follow(draft: Draft, flow: Flow, next: bigint): void {
    const { context } = draft.place;
    const from = draft.instructions.at(-1)!.rip;
    switch (flow.kind) {
      case 'branch':
        this.waiting.push({ rip: next, context }, { rip: flow.target, context });
        return;
      case 'jump':
        this.waiting.push({ rip: flow.target, context });
        return;
      case 'call':
        draft.callee = this.enter(context, next);
        if (draft.callee !== undefined) this.calls.push({ rip: flow.target, context: draft.callee });
        return;
      case 'computed-jump':
        for (const rip of this.guest.targetsOf(from)) this.waiting.push({ rip, context });
        return;
      case 'computed-call':
        draft.callee = this.enter(context, next);
        if (draft.callee === undefined) return;
        for (const rip of this.guest.targetsOf(from)) this.calls.push({ rip, context: draft.callee });
        return;
      case 'return':
        if (context !== undefined) this.waiting.push({ rip: context.returnTo, context: context.caller });
        return;
      default:
    }
  }

  private enter(caller: Context | undefined, returnTo: bigint): Context | undefined {
    const depth = (caller?.depth ?? 0) + 1;
    return depth > this.limits.depth ? undefined : { number: ++this.contexts, returnTo, caller, depth };
  }

  /** A range ends where another begins. */
  private cut(draft: Draft): Range[] {
    const { instructions, place, flow, callee } = draft;
    const ranges: Range[] = [];
    let start = 0;
    const add = (end: number, last: boolean): void => {
      const part = instructions.slice(start, end);
      const { context } = place;
      const way = last ? { flow, callee } : { flow: { kind: 'next' } as const, callee: undefined };
      ranges.push({ rip: part[0]!.rip, context, instructions: part, ...way });
      start = end;
    };
    for (let n = 1; n < instructions.length; n++) {
      if (this.leaders.has(placeKey(instructions[n]!.rip, place.context))) add(n, false);
    }
    add(instructions.length, true);
    return ranges;
  }
}

export interface Discovered {
  /** the first begins at the entry; none where nothing is known there */
  readonly ranges: readonly Range[];
  /** addresses in the way that have not been executed yet */
  readonly unknown: ReadonlySet<bigint>;
}

export function discover(guest: Guest, rip: bigint, limits: Limits): Discovered {
  return new Discovery(guest, limits).run(rip);
}
