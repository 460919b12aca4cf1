/** What motions are made of: running until something of their own, or one of the user's stops, has come. */
import { decode, MAX_INSTRUCTION_LENGTH } from '../../cpu/decoder.ts';
import type { Instruction } from '../../cpu/instruction.ts';
import { hasEnded } from '../../box/spawn.ts';
import type { Context } from '../context.ts';
import { readMapped } from '../memory.ts';
import { findRegister, slotsOfCpu, taskSlots, type ReadSlot } from '../registers/index.ts';
import type { WaitingStop } from '../stops/list.ts';
import type { Met, Outcome } from '../stops/runner.ts';
import type { Moment, Trigger, Waiting } from '../stops/trigger.ts';
import { savedRip, whoseTurn } from '../turn.ts';

/** How a motion has ended. */
export type Ending =
  | { readonly reason: 'stepped' | 'budget' | 'idle' | 'dead' | 'exited' | 'beginning' | 'interrupted' }
  | { readonly reason: 'stopped'; readonly met: Met<WaitingStop> };

/** How a part of one has: `own`, by what the motion itself waited for; its place among that. */
export type Arrival = Ending | { readonly reason: 'own'; readonly index: number };

/** Something that takes long, in slices: whoever drives it can listen at each `yield`. */
export type Slices<Result> = Generator<undefined, Result, undefined>;

/** All of them, one after the other. */
export function finish<Result>(slices: Slices<Result>): Result {
  for (;;) {
    const { done, value } = slices.next();
    if (done === true) return value;
  }
}

export interface Travel {
  readonly context: Context;
  /** Forward to the user's stops and to `own`, at most so many instructions. */
  run(own: readonly Trigger[], budget: number): Slices<Arrival>;
}

/** instructions of a slice that is run, and that is stepped one by one */
export const SLICE = 500_000;
export const STEPS = 1000;

/** A run as slices. */
export function* inSlices({ box }: Context, budget: number, run: (budget: number) => Arrival): Slices<Arrival> {
  const end = box.instructions + budget;
  for (;;) {
    const left = Math.max(0, end - box.instructions);
    const arrival = run(Math.min(left, SLICE));
    if (arrival.reason !== 'budget' || left <= SLICE) return arrival;
    yield;
  }
}

export const STEPPED: Ending = { reason: 'stepped' };

/** The user's stops come first where several things have been met at once. */
export function arrivalOf(
  outcome: Outcome<Waiting>,
  own: readonly Waiting[],
  isOfUser: (waiting: Waiting) => waiting is WaitingStop,
): Arrival {
  if (outcome.reason !== 'stopped') return outcome;
  const user = outcome.met.find(({ waiting }) => isOfUser(waiting));
  if (user !== undefined) return { reason: 'stopped', met: user as Met<WaitingStop> };
  return { reason: 'own', index: own.indexOf(outcome.met[0]!.waiting) };
}

/** A trigger as something that waits for itself. */
export const waitFor = (trigger: Trigger): Waiting => ({
  whenLoaded: false,
  resolve: () => trigger,
  hit: (_moment, details) => details,
});

/** Before one of these instructions, where `test` holds. */
export const atAddresses = (addresses: readonly bigint[], test: (moment: Moment) => boolean): Trigger => ({
  addresses,
  met: (moment) => (test(moment) ? {} : undefined),
});

/** Behind the instruction with which a task ends or begins another program. */
export const onEvent = (event: 'exec' | 'exit', pid: number): Trigger => ({
  event,
  met: ({ cause }) =>
    cause.kind === 'event' && cause.event.type === event && cause.event.pid === pid ? {} : undefined,
});

const rspRow = findRegister('rsp');
export const stackPointer = (slots: ReadSlot): bigint => rspRow.read(slots);

/** A task, and where it goes on. */
export interface Place {
  readonly pid: number;
  readonly rip: bigint;
  readonly rsp: bigint;
}

/** Where the task is whose turn it is. */
export function presentPlace({ kernel }: Context): Place {
  const { cpu, pid, rip } = whoseTurn(kernel);
  const slots = pid === 0 ? slotsOfCpu(kernel, cpu) : taskSlots(kernel, pid);
  return { pid, rip, rsp: stackPointer(slots) };
}

/** Where task `pid` is, on a processor or not; undefined when it has ended. */
export function placeOfTask({ kernel }: Context, pid: number): Place | undefined {
  if (!kernel.tasks.has(pid) || hasEnded(kernel, { pid })) return undefined;
  const cpu = kernel.perCpu.findIndex(({ current }) => current === pid);
  const rip = cpu < 0 ? savedRip(kernel, pid) : kernel.cpus[cpu]!.registers.rip;
  return { pid, rip, rsp: stackPointer(taskSlots(kernel, pid)) };
}

/** The instruction at `address` as task `pid` has it mapped; undefined where there is none. */
export function instructionAt({ kernel }: Context, address: bigint, pid: number): Instruction | undefined {
  const bytes = new Uint8Array(MAX_INSTRUCTION_LENGTH);
  const mapped = readMapped(kernel, address, MAX_INSTRUCTION_LENGTH, pid);
  bytes.set(mapped);
  const decoded = decode(bytes, 0, mapped.length);
  return typeof decoded === 'object' ? decoded : undefined;
}
