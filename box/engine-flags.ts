/** Switches of the host's engine, for hosts that have `node:v8`: Node and what is like it. */
import { setFlagsFromString } from 'node:v8';

/**
 * Versions of V8 that know the switch (Node 20 to 26): elsewhere it would be complained about. It places what is seldom
 * executed behind the rest of a function, as the translator's modules say, which V8 without it does not read.
 */
const KNOWN = { least: 11, most: 14 };
const BRANCH_HINTS = '--experimental-wasm-branch-hinting';

/** To be called before the first WebAssembly module is compiled; what V8 does not know is left alone. */
export function allowBranchHints(version: string | undefined = process.versions.v8): boolean {
  const major = Number.parseInt(version ?? '', 10);
  if (!(major >= KNOWN.least && major <= KNOWN.most)) return false;
  setFlagsFromString(BRANCH_HINTS);
  return true;
}
