/** What of an outcome is compared, as text, and where the manuals leave room. */
import { instructionOf, stateOf, type X87Case, type X87Outcome, type X87State } from './cases.ts';

/** One ulp is allowed, and with it C1, which says how it was rounded. */
const approximate = new Set(['fsin', 'fcos', 'fsincos', 'fptan', 'fpatan', 'f2xm1', 'fyl2x', 'fyl2xp1']);
const C1 = 0x200;

/** FIP, FOP, FDP and selectors are the address space's: bytes of a stored environment that are not compared. */
function forgetPointers(test: X87Case, memory: readonly bigint[]): bigint[] {
  const i = instructionOf(test);
  if (i.mnemonic !== 'fnstenv' && i.mnemonic !== 'fnsave') return [...memory];
  const bytes = new Uint8Array(BigUint64Array.from(memory).buffer);
  if (i.width === 16) bytes.fill(0, 6, 14);
  else bytes.fill(0, 12, 28);
  return [...new BigUint64Array(bytes.buffer)];
}

const hex = (value: bigint | number): string => value.toString(16);

/** One of the two registers that a result can be in. */
const inUse = (state: X87State, n: number): boolean => ((n - (state.fsw >> 11)) & 7) < 2;

/** `trap=… fsw=… st1=… m0=… …`: what is not as before. */
export function outcomeText(test: X87Case, outcome: X87Outcome): string {
  const start = stateOf(test);
  const parts: string[] = [];
  if (outcome.trap !== 0) parts.push(`trap=${outcome.trap}`);
  const approximates = approximate.has(instructionOf(test).mnemonic);
  const fsw = approximates ? outcome.fsw & ~C1 : outcome.fsw;
  parts.push(`fsw=${hex(fsw)}`);
  if (outcome.fcw !== start.fcw) parts.push(`fcw=${hex(outcome.fcw)}`);
  if (outcome.ftw !== start.ftw) parts.push(`ftw=${hex(outcome.ftw)}`);
  if (outcome.rflags !== start.rflags) parts.push(`rflags=${hex(outcome.rflags)}`);
  if (outcome.rax !== start.rax) parts.push(`rax=${hex(outcome.rax)}`);
  // by physical register, so that a push or pop does not move them all
  const physical = (state: { fsw: number; st: readonly bigint[] }, n: number): bigint =>
    state.st[(n - (state.fsw >> 11)) & 7]!;
  for (let n = 0; n < 8; n++) {
    const after = physical(outcome, n);
    if (after !== physical(start, n) || (approximates && inUse(outcome, n))) parts.push(`r${n}=${hex(after)}`);
  }
  const before = forgetPointers(test, start.memory);
  forgetPointers(test, outcome.memory).forEach((after, n) => after !== before[n] && parts.push(`m${n}=${hex(after)}`));
  return parts.join(' ');
}

/** Equal, or results of a transcendental function that are neighbours. */
export function agree(test: X87Case, ours: string, real: string): boolean {
  if (ours === real) return true;
  if (!approximate.has(instructionOf(test).mnemonic)) return false;
  const left = ours.split(' ');
  const right = real.split(' ');
  if (left.length !== right.length) return false;
  return left.every((part, n) => {
    const other = right[n]!;
    if (part === other) return true;
    const [name, value] = part.split('=') as [string, string];
    const [otherName, otherValue] = other.split('=') as [string, string];
    if (name !== otherName || !name.startsWith('r')) return false;
    const distance = magnitude(value) - magnitude(otherValue);
    return distance >= -1n && distance <= 1n;
  });
}

/** Patterns in an order in which neighbours differ by 1: without the leading bit, which the exponent implies. */
function magnitude(text: string): bigint {
  const bits = BigInt(`0x${text}`);
  return ((bits >> 64n) << 63n) | (bits & 0x7fff_ffff_ffff_ffffn);
}
