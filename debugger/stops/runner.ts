/**
 * Forward until something that is waited for has come. Addresses and memory are the box's own stops, at full speed; what
 * the kernel tells of is looked for behind each native call, and registers behind each instruction.
 */
import type { RunStops } from '../../box/stops.ts';
import type { Process } from '../../box/spawn.ts';
import { hasEnded } from '../../box/spawn.ts';
import type { KernelEvent } from '../../kernel/events.ts';
import type { Context } from '../context.ts';
import { slotsOfCpu, taskSlots, type ReadSlot, type RegisterRow } from '../registers/index.ts';
import { whoseTurn, type Turn } from '../turn.ts';
import type { Cause, Details, EventType, Moment, Trigger, Waiting } from './trigger.ts';

export interface Met<Each extends Waiting> {
  readonly waiting: Each;
  readonly details: Details;
  readonly moment: Moment;
}

export type Outcome<Each extends Waiting> =
  /** in the order in which they are waited for; at least one */
  | { readonly reason: 'stopped'; readonly met: readonly Met<Each>[] }
  | { readonly reason: 'budget' | 'idle' | 'dead' | 'exited' };

export interface AdvanceOptions {
  /** instructions */
  readonly budget: number;
  /** the run ends when it does */
  readonly process?: Process | undefined;
  /** for several runs that are one motion; default: a motion begins here */
  readonly asked?: Asked;
}

/** Where it has been asked last whether an address is met: at one place, once. */
export interface Asked {
  place: string;
}

/** A motion begins: what it begins at is not stopped before. */
export const askedHere = ({ box, kernel }: Context): Asked => ({
  place: placeKey(box.instructions, whoseTurn(kernel)),
});

/** Native functions behind which code may be somewhere where there was none. */
const loaders = ['__x64_sys_execve', '__x64_sys_execveat', '__x64_sys_bpf'];
/** Native functions that alone can cause an event; any can end a process or send a signal. */
const causes: Readonly<Partial<Record<EventType, readonly string[]>>> = {
  fork: ['fork', 'vfork', 'clone', 'clone3'].map((name) => `__x64_sys_${name}`),
  exec: ['__x64_sys_execve', '__x64_sys_execveat'],
};

interface Plan<Each extends Waiting> {
  readonly triggers: readonly (readonly [Each, Trigger])[];
  readonly addresses: ReadonlySet<bigint>;
  readonly watches: NonNullable<RunStops['watches']>;
  /** of native calls that are executed by themselves */
  readonly alone: ReadonlySet<bigint>;
  readonly loads: ReadonlySet<bigint>;
  readonly registers: readonly RegisterRow[];
  readonly events: boolean;
}

function planOf<Each extends Waiting>({ natives }: Context, waiting: readonly Each[]): Plan<Each> {
  const triggers = waiting.map((each): [Each, Trigger] => [each, each.resolve()]);
  const loads = new Set(waiting.some(({ whenLoaded }) => whenLoaded) ? loaders.flatMap(natives.of) : []);
  const events = new Set(triggers.flatMap(([, { event }]) => (event === undefined ? [] : [event])));
  const alone = new Set(loads);
  for (const event of events) for (const at of causes[event]?.flatMap(natives.of) ?? natives.all) alone.add(at);
  const addresses = new Set(alone);
  for (const [, trigger] of triggers) for (const address of trigger.addresses ?? []) addresses.add(address);
  const registers = new Set(triggers.flatMap(([, { register }]) => (register === undefined ? [] : [register])));
  return {
    triggers,
    addresses,
    watches: triggers.flatMap(([, { watch }]) => (watch === undefined ? [] : [watch])),
    alone,
    loads,
    registers: [...registers],
    events: events.size > 0,
  };
}

function waitsFor({ addresses, watch, register, event }: Trigger, cause: Cause): boolean {
  switch (cause.kind) {
    case 'address':
      return addresses?.includes(cause.address) === true;
    case 'memory':
      return watch !== undefined;
    case 'register':
      return register === cause.row;
    default:
      return event === cause.event.type;
  }
}

/** Which of those that wait are met. Each is asked, so that all count their hits. */
function meet<Each extends Waiting>(plan: Plan<Each>, moment: Moment, found: Met<Each>[]): void {
  for (const [waiting, trigger] of plan.triggers) {
    if (!waitsFor(trigger, moment.cause)) continue;
    const details = trigger.met(moment);
    const told = details === undefined ? undefined : waiting.hit(moment, details);
    if (told !== undefined) found.push({ waiting, details: told, moment });
  }
}

function momentOf({ kernel }: Context, cpu: number, pid: number, cause: Cause): Moment {
  return { cause, cpu, pid, slots: momentSlots(kernel, cpu, pid) };
}

/** The task's own, wherever it is by now: it may have left its processor behind the instruction. */
function momentSlots(kernel: Context['kernel'], cpu: number, pid: number): ReadSlot {
  return kernel.tasks.has(pid) ? taskSlots(kernel, pid) : slotsOfCpu(kernel, cpu);
}

/** What has been told since `last` was. */
function eventsSince(events: readonly KernelEvent[], last: KernelEvent | undefined): KernelEvent[] {
  const at = last === undefined ? -1 : events.lastIndexOf(last);
  return events.slice(at + 1);
}

/** The registers that are watched, of each task that may execute the next instruction. */
function noteRegisters({ kernel }: Context, rows: readonly RegisterRow[]): Map<number, bigint[]> {
  const noted = new Map<number, bigint[]>();
  if (rows.length === 0) return noted;
  const { pid } = whoseTurn(kernel);
  const pids = pid === 0 ? [...kernel.tasks.keys()] : [pid];
  for (const each of pids) {
    const slots = taskSlots(kernel, each);
    noted.set(
      each,
      rows.map((row) => row.read(slots)),
    );
  }
  return noted;
}

/** The task that has executed the one instruction: by whose count has gone up. */
function executed({ kernel }: Context, turn: Turn, counts: readonly number[]): { cpu: number; pid: number } {
  const cpu = Math.max(
    0,
    kernel.cpus.findIndex(({ retired }, n) => retired > counts[n]!),
  );
  // by then it may have gone to sleep
  const pid = kernel.perCpu[cpu]!.current || (turn.cpu === cpu ? turn.pid : 0);
  return { cpu, pid };
}

/**
 * Executes one instruction by itself; `begin` is where it was. What has come of it is put into `found`.
 */
function advanceOne<Each extends Waiting>(
  context: Context,
  plan: Plan<Each>,
  turn: Turn,
  process: Process | undefined,
  found: Met<Each>[],
): ReturnType<Context['box']['run']> {
  const { box, kernel } = context;
  const last = plan.events ? box.events.at(-1) : undefined;
  const noted = noteRegisters(context, plan.registers);
  const counts = kernel.cpus.map(({ retired }) => retired);
  const result = runBox(context, plan, 1, process);
  if (result.instructions === 0) return result;
  const { cpu, pid } = executed(context, turn, counts);
  const before = noted.get(pid);
  if (before !== undefined) {
    const slots = momentSlots(kernel, cpu, pid);
    plan.registers.forEach((row, n) => {
      const after = row.read(slots);
      if (after === before[n]) return;
      meet(plan, momentOf(context, cpu, pid, { kind: 'register', row, before: before[n]!, after }), found);
    });
  }
  for (const event of plan.events ? eventsSince(box.events, last) : []) {
    meet(plan, momentOf(context, cpu, pid, { kind: 'event', event }), found);
  }
  return result;
}

/** At most `budget` instructions; when every task sleeps, the host is asked what it has to do. */
function runBox<Each extends Waiting>(
  { box, onQuiet }: Context,
  { addresses, watches }: Plan<Each>,
  budget: number,
  process: Process | undefined,
): ReturnType<Context['box']['run']> {
  const until = process === undefined ? undefined : { until: process };
  const end = box.instructions + budget;
  for (let wait = onQuiet === undefined ? Infinity : 0; ;) {
    const limit = wait === 0 ? { quiet: true } : wait === Infinity ? undefined : { time: wait };
    const result = box.run({ budget: end - box.instructions, stops: { addresses, watches }, ...until, ...limit });
    if (result.reason === 'quiet') wait = onQuiet!();
    else if (result.reason === 'time') wait = 0;
    else return { ...result, instructions: box.instructions - (end - budget) };
  }
}

/** Executes until one of `waiting` is met. The instruction at which a motion begins is not stopped before. */
export function advance<Each extends Waiting>(
  context: Context,
  waiting: readonly Each[],
  { budget, process, asked = askedHere(context) }: AdvanceOptions,
): Outcome<Each> {
  const { box, kernel } = context;
  const end = box.instructions + budget;
  const until = process !== undefined && !hasEnded(kernel, process) ? process : undefined;
  let plan = planOf(context, waiting);
  for (;;) {
    const found: Met<Each>[] = [];
    const turn = whoseTurn(kernel);
    const here = placeKey(box.instructions, turn);
    if (plan.addresses.has(turn.rip) && turn.pid !== 0 && asked.place !== here) {
      asked.place = here;
      meet(plan, momentOf(context, turn.cpu, turn.pid, { kind: 'address', address: turn.rip }), found);
      if (found.length > 0) return { reason: 'stopped', met: found };
    }
    const left = end - box.instructions;
    if (left <= 0) return { reason: 'budget' };
    const alone = plan.registers.length > 0 || plan.alone.has(turn.rip);
    const result = alone ? advanceOne(context, plan, turn, until, found) : runBox(context, plan, left, until);
    if (result.stop?.kind === 'memory') {
      const { cpu, pid, address, access, watch } = result.stop;
      meet(plan, momentOf(context, cpu, pid, { kind: 'memory', address, access, watch }), found);
    } else if (result.stop !== undefined) {
      const { cpu, pid, address } = result.stop;
      const place = placeKey(box.instructions, { cpu, pid, rip: address });
      if (place !== asked.place) meet(plan, momentOf(context, cpu, pid, { kind: 'address', address }), found);
      // asked already, and yet not let pass: whoever runs now is another than the one who was to
      else if (result.instructions === 0) box.step();
      asked.place = place;
    }
    if (found.length > 0) return { reason: 'stopped', met: found };
    if (result.reason === 'idle' || result.reason === 'dead' || result.reason === 'exited') {
      return { reason: result.reason };
    }
    if (plan.loads.has(turn.rip) && result.instructions > 0) plan = planOf(context, waiting);
  }
}

const placeKey = (instruction: number, { cpu, pid, rip }: Turn): string => `${instruction} ${cpu} ${pid} ${rip}`;
