/** The stops of a debugger: what each waits for, whether it is to stop now, what has come of it. */
import type { Context } from '../context.ts';
import { DebuggerError } from '../error.ts';
import type { Node } from '../expression/index.ts';
import { compile, evaluateIn } from '../scope.ts';
import type { Stop, StopOptions, StopTarget } from '../types.ts';
import { changesWhenLoaded, checkTarget, resolveTarget, settleTarget } from './kinds.ts';
import { targetText } from './text.ts';
import type { Details, Moment, Waiting } from './trigger.ts';

/** more are refused: each costs something at every resolution */
const MOST_STOPS = 10_000;

interface Entry {
  readonly id: number;
  readonly target: StopTarget;
  condition: { readonly text: string; readonly node: Node } | undefined;
  ignore: number;
  once: boolean;
  enabled: boolean;
  hits: number;
}

/** One that waits, and whose it is. */
export interface WaitingStop extends Waiting {
  readonly stop: { readonly id: number; readonly target: StopTarget; readonly once: boolean };
}

export interface StopList {
  add(target: StopTarget, options?: StopOptions): Stop;
  remove(id: number): void;
  change(id: number, options: StopOptions): Stop;
  readonly all: readonly Stop[];
  /**
   * The enabled ones. `counting`: hits are counted, and the first ones let pass that are to be ignored; without it, as when
   * time goes backwards, every hit counts for itself.
   */
  waiting(counting: boolean): readonly WaitingStop[];
}

/** A hit that does not stop has no details; a condition that cannot be evaluated stops, and says so. */
function heldDetails(context: Context, entry: Entry, moment: Moment, details: Details): Details | undefined {
  if (entry.condition === undefined) return details;
  try {
    return evaluateIn(context, entry.condition.node, moment) === 0n ? undefined : details;
  } catch (error) {
    if (!(error instanceof DebuggerError)) throw error;
    return { ...details, error: `condition ${entry.condition.text}: ${error.message}` };
  }
}

function checkIgnore(ignore: number): number {
  if (Number.isSafeInteger(ignore) && ignore >= 0) return ignore;
  throw new DebuggerError('range', `ignore: got ${ignore}, expected a whole number from 0`);
}

export function createStopList(context: Context): StopList {
  const entries = new Map<number, Entry>();
  let nextId = 1;

  const conditionOf = (text: string | undefined): Entry['condition'] =>
    text === undefined ? undefined : { text, node: compile(context, text) };
  const entryOf = (id: number): Entry => {
    const entry = entries.get(id);
    if (entry !== undefined) return entry;
    const ids = [...entries.keys()].join(', ');
    throw new DebuggerError('not-there', `there is no stop ${id}${ids === '' ? '' : `: there are ${ids}`}`);
  };
  const describe = (entry: Entry): Stop => {
    const { id, target, ignore, once, enabled, hits } = entry;
    const condition = entry.condition?.text;
    return {
      id,
      target,
      condition,
      ignore,
      once,
      enabled,
      hits,
      addresses: resolveTarget(target, context).addresses ?? [],
      text: targetText(target) + (condition === undefined ? '' : ` if ${condition}`),
    };
  };
  const waitingOf = (entry: Entry, counting: boolean): WaitingStop => ({
    stop: { id: entry.id, target: entry.target, once: entry.once },
    whenLoaded: changesWhenLoaded(entry.target),
    resolve: () => resolveTarget(entry.target, context),
    hit(moment, details) {
      const held = heldDetails(context, entry, moment, details);
      if (held === undefined || !counting) return held;
      entry.hits++;
      return entry.hits <= entry.ignore ? undefined : held;
    },
  });

  return {
    add(target, { condition, ignore = 0, once = false, enabled = true } = {}) {
      if (entries.size >= MOST_STOPS) {
        throw new DebuggerError('range', `there are ${MOST_STOPS} stops already: remove some`);
      }
      checkTarget(target, context);
      const entry: Entry = {
        id: nextId,
        target: settleTarget(target, context),
        condition: conditionOf(condition),
        ignore: checkIgnore(ignore),
        once,
        enabled,
        hits: 0,
      };
      nextId++;
      entries.set(entry.id, entry);
      return describe(entry);
    },
    remove(id) {
      entries.delete(entryOf(id).id);
    },
    change(id, options) {
      const entry = entryOf(id);
      const condition = options.condition === undefined ? entry.condition : conditionOf(options.condition || undefined);
      const ignore = checkIgnore(options.ignore ?? entry.ignore);
      entry.condition = condition;
      entry.ignore = ignore;
      entry.once = options.once ?? entry.once;
      entry.enabled = options.enabled ?? entry.enabled;
      return describe(entry);
    },
    get all() {
      return [...entries.values()].map(describe);
    },
    waiting: (counting) =>
      [...entries.values()].filter(({ enabled }) => enabled).map((entry) => waitingOf(entry, counting)),
  };
}
