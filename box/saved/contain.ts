/**
 * A box of a file that was forged may have records that do not go together, which shows only when something is done with it:
 * what is thrown then is a SavedBoxError as well. What the caller's own functions throw stays as it is.
 */
import { EngineDifferenceError } from '../../cpu/translator/both.ts';
import { PcapError } from '../../kernel/net/pcap.ts';
import type { Box } from '../box.ts';
import { BoxError } from '../errors.ts';
import { SavedBoxError } from './error.ts';

type Call = (...args: readonly unknown[]) => unknown;

/** What a box's functions throw on purpose. */
const meant = [BoxError, SavedBoxError, PcapError, EngineDifferenceError];

/** Members of a box that are groups of functions. */
const groups: ReadonlySet<string> = new Set(['files', 'rex', 'symbols', 'network'] satisfies (keyof Box)[]);

/** The box that `make` makes: each of its functions throws what it is meant to, or SavedBoxError with the cause. */
export function contain(make: (theirs: <Value>(value: Value) => Value) => Box): Box {
  /** thrown by a function of the caller's */
  const foreign = new WeakSet<object>();

  const theirs =
    (call: Call): Call =>
    (...args) => {
      try {
        return call(...args);
      } catch (error) {
        if (typeof error === 'object' && error !== null) foreign.add(error);
        throw error;
      }
    };
  /** A function of the caller's, or what has one, so that it is known what comes out of it. */
  const withTheirs = <Value>(value: Value): Value => {
    if (typeof value === 'function') return theirs(value as unknown as Call) as Value;
    // SpawnOptions
    if (typeof value !== 'object' || value === null || !('stdin' in value)) return value;
    return { ...value, stdin: withTheirs(value.stdin) };
  };
  const contained =
    (call: Call): Call =>
    (...args) => {
      try {
        return call(...args.map(withTheirs));
      } catch (error) {
        if (meant.some((type) => error instanceof type) || foreign.has(error as object)) throw error;
        throw new SavedBoxError('malformed', `its records do not go together: ${String(error)}`, { cause: error });
      }
    };

  const containAll = <Target extends object>(target: Target): Target => {
    const descriptors = Object.getOwnPropertyDescriptors(target) as Record<string, PropertyDescriptor>;
    for (const [name, descriptor] of Object.entries(descriptors)) {
      const { get, value } = descriptor;
      if (get !== undefined) descriptor.get = contained(() => get.call(target) as unknown);
      else if (typeof value === 'function') descriptor.value = contained(value as Call);
      else if (groups.has(name)) descriptor.value = containAll(value as object);
    }
    return Object.create(Object.prototype, descriptors) as Target;
  };
  return containAll(contained(() => make(withTheirs))() as Box);
}
