/** Switches of the host's engine, for hosts that have `node:v8`: Node and what is like it. */
import { setFlagsFromString } from 'node:v8';

/** Versions of V8 that know the switches (Node 20 to 26): elsewhere they would be complained about. */
const KNOWN = { least: 11, most: 14 };

/** Places what is seldom executed behind the rest of a function, as the translator's modules say. */
const BRANCH_HINTS = '--experimental-wasm-branch-hinting';

/**
 * How far the heap may grow beyond what the last collection left, per cent (Node 20 to 26). V8's own choice is up to four
 * times as much, and as long it keeps the machine code of regions that have been dropped: a guest that makes new code for
 * ever took 510 MiB by that, 300 so, for some per cent of processor time.
 */
const HEAP_GROWTH = '--heap-growing-percent=60';

const isKnown = (version: string | undefined): boolean => {
  const major = Number.parseInt(version ?? '', 10);
  return major >= KNOWN.least && major <= KNOWN.most;
};

/** For the whole process, from the next collection on; what V8 does not know is left alone. */
export function limitHeapGrowth(version: string | undefined = process.versions.v8): boolean {
  if (!isKnown(version)) return false;
  setFlagsFromString(HEAP_GROWTH);
  return true;
}

/** To be called before the first WebAssembly module is compiled; what V8 does not know is left alone. */
export function allowBranchHints(version: string | undefined = process.versions.v8): boolean {
  if (!isKnown(version)) return false;
  setFlagsFromString(BRANCH_HINTS);
  return true;
}
