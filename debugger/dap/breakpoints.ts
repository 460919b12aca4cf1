/**
 * The client's breakpoints as stops of the debugger. A request replaces all of a kind (or of a source); what has not changed
 * keeps its number and its hits. A line without code is moved to the next that has some, as soon as something is loaded.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { BoxError } from '../../box/errors.ts';
import { DebuggerError } from '../error.ts';
import type { Debugger, Stop, StopTarget } from '../types.ts';
import { RequestError } from './errors.ts';

export type BreakpointKind = 'line' | 'function' | 'instruction' | 'data' | 'exception';

/** What a client asks for. */
export interface Wanted {
  /** What to stop at. @throws {DebuggerError | RequestError} what the breakpoint is answered with */
  resolve(): { readonly target: StopTarget; readonly condition?: string | undefined };
  readonly condition: string | undefined;
  readonly hitCondition: string | undefined;
  /** of a line, which may be moved */
  readonly source?: DebugProtocol.Source;
  /** the same for the same breakpoint */
  readonly key: string;
}

export interface Breakpoint {
  readonly id: number;
  readonly kind: BreakpointKind;
  /** of the debugger's stop; undefined where it could not be set */
  readonly stop: number | undefined;
}

export interface Breakpoints {
  /** Replaces all of `kind` in `group`. Answers in the order of `wanted`. */
  replace(kind: BreakpointKind, group: string, wanted: readonly Wanted[]): DebugProtocol.Breakpoint[];
  /** By the number of the debugger's stop. */
  find(stop: number): Breakpoint | undefined;
  /** Those of which something has changed, as by loading: their descriptions. */
  changed(): DebugProtocol.Breakpoint[];
  /** whether a line waits for something to be loaded */
  readonly waiting: boolean;
  clear(): void;
}

/** more are refused */
const MOST = 1000;
/** lines that a breakpoint is moved down at most to one that has code */
const MOST_LINES = 10;

interface Entry {
  readonly id: number;
  readonly kind: BreakpointKind;
  readonly wanted: Wanted;
  stop: number | undefined;
  problem: string | undefined;
  told: string;
}

/** `3`, `>= 3`: the third and every later hit; `> 3`: behind the third. The hits that are let pass. */
function ignoredHits(text: string | undefined): number {
  if (text === undefined || text.trim() === '') return 0;
  const found = /^\s*(>=?)?\s*(\d{1,15})\s*$/.exec(text);
  if (found === null)
    throw new RequestError(`got hit condition ${JSON.stringify(text)}, expected a number, as 3, >= 3, > 3`);
  const count = Number(found[2]);
  return found[1] === '>' ? count : Math.max(0, count - 1);
}

function bothConditions(one: string | undefined, other: string | undefined): string | undefined {
  const present = [one, other].filter((text): text is string => text !== undefined && text.trim() !== '');
  return present.length === 0
    ? undefined
    : present.length === 1
      ? present[0]
      : present.map((text) => `(${text})`).join(' && ');
}

type Stops = ReadonlyMap<number, Stop>;

const needsAddresses = ({ kind }: StopTarget): boolean => kind === 'symbol' || kind === 'line';

export function createBreakpoints(host: Debugger, lineBase: number): Breakpoints {
  /** by kind and group: entries in the order of the request */
  const groups = new Map<string, Entry[]>();
  const all = (): Entry[] => [...groups.values()].flat();
  let nextId = 1;

  // each look at the debugger's stops resolves all of them
  const stopsNow = (): Stops => new Map(host.stops.map((stop) => [stop.id, stop]));
  const stopOf = ({ stop }: Entry, stops: Stops): Stop | undefined =>
    stop === undefined ? undefined : stops.get(stop);

  const remove = (entry: Entry, stops: Stops): void => {
    if (stopOf(entry, stops) !== undefined) host.removeStop(entry.stop!);
    entry.stop = undefined;
  };

  /** The line itself, or the first one below that has code; itself where nothing has. */
  const movedLine = (target: Extract<StopTarget, { kind: 'line' }>): typeof target => {
    for (let down = 0; down <= MOST_LINES; down++) {
      if (host.addressesOf(target.file, target.line + down).length > 0) return { ...target, line: target.line + down };
    }
    return target;
  };

  const set = (entry: Entry): void => {
    const { wanted } = entry;
    try {
      const { target, condition } = wanted.resolve();
      const ignore = ignoredHits(wanted.hitCondition);
      const both = bothConditions(condition, wanted.condition);
      const options = { ignore, ...(both === undefined ? undefined : { condition: both }) };
      entry.stop = host.addStop(target.kind === 'line' ? movedLine(target) : target, options).id;
      entry.problem = undefined;
    } catch (error) {
      if (!(error instanceof DebuggerError) && !(error instanceof RequestError) && !(error instanceof BoxError))
        throw error;
      entry.problem = error.message;
    }
  };

  const describe = (entry: Entry, stops: Stops): DebugProtocol.Breakpoint => {
    const { id, wanted, problem } = entry;
    const stop = stopOf(entry, stops);
    const source = wanted.source === undefined ? undefined : { source: wanted.source };
    if (stop === undefined)
      return { id, verified: false, ...source, message: problem ?? 'it has been removed', reason: 'failed' };
    const { target, addresses } = stop;
    const line = target.kind === 'line' ? { line: target.line - 1 + lineBase } : undefined;
    if (needsAddresses(target) && addresses.length === 0) {
      return {
        id,
        verified: false,
        ...source,
        ...line,
        message: 'nothing of that name is loaded yet',
        reason: 'pending',
      };
    }
    const [address] = addresses;
    const reference = address === undefined ? undefined : { instructionReference: `0x${address.toString(16)}` };
    return { id, verified: true, ...source, ...line, ...reference };
  };
  const tell = (entry: Entry, stops: Stops): DebugProtocol.Breakpoint => {
    const described = describe(entry, stops);
    entry.told = JSON.stringify(described);
    return described;
  };

  const isWaiting = (entry: Entry, stops: Stops): boolean => {
    const stop = stopOf(entry, stops);
    return stop !== undefined && stop.target.kind === 'line' && stop.addresses.length === 0;
  };

  return {
    replace(kind, group, wanted) {
      const name = `${kind} ${group}`;
      const before = groups.get(name) ?? [];
      if (all().length - before.length + wanted.length > MOST)
        throw new RequestError(`there may be ${MOST} breakpoints`);
      const stops = stopsNow();
      const kept = new Set<Entry>();
      const entries = wanted.map((each): Entry => {
        const same = before.find(
          (entry) => entry.wanted.key === each.key && !kept.has(entry) && entry.stop !== undefined,
        );
        if (same !== undefined && stopOf(same, stops) !== undefined) {
          kept.add(same);
          return same;
        }
        return { id: nextId++, kind, wanted: each, stop: undefined, problem: undefined, told: '' };
      });
      for (const entry of before) if (!kept.has(entry)) remove(entry, stops);
      for (const entry of entries) if (!kept.has(entry)) set(entry);
      if (entries.length === 0) groups.delete(name);
      else groups.set(name, entries);
      const now = stopsNow();
      return entries.map((entry) => tell(entry, now));
    },
    find: (stop) => all().find((entry) => entry.stop === stop),
    changed() {
      const stops = stopsNow();
      for (const entry of all().filter((each) => isWaiting(each, stops))) {
        const { target } = stopOf(entry, stops)!;
        if (target.kind !== 'line' || movedLine(target).line === target.line) continue;
        remove(entry, stops);
        set(entry);
      }
      const now = stopsNow();
      return all()
        .filter((entry) => JSON.stringify(describe(entry, now)) !== entry.told)
        .map((entry) => tell(entry, now));
    },
    get waiting() {
      const stops = stopsNow();
      return all().some((entry) => isWaiting(entry, stops));
    },
    clear() {
      const stops = stopsNow();
      for (const entry of all()) remove(entry, stops);
      groups.clear();
    },
  };
}
