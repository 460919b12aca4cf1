/** Holds an image with run-time checks against the one it was made of; shares nothing with what rewrote it but the thunk. */
import { readElf, readVirtual } from '../elf/index.ts';
import type { CallGraph } from './call-graph.ts';
import {
  constantAddress,
  directTarget,
  hex,
  readCode,
  type CodeImage,
  type ImageFunction,
  type PlacedInstruction,
} from './functions.ts';
import { CHECK_FUNCTION } from './limits.ts';
import { needsCheck } from './rewrite.ts';
import { readThunk, THUNK_SECTION, THUNK_SIZE, THUNK_SLOT, THUNK_SUFFIX } from './thunks.ts';

const targetOf = (placed: PlacedInstruction): number | undefined => directTarget(placed) ?? constantAddress(placed);

/** The function behind each thunk, by the thunk's address; `problems` gets what is wrong with them. */
function readThunks(before: CodeImage, after: CodeImage, problems: string[]): Map<number, ImageFunction> {
  const thunks = new Map<number, ImageFunction>();
  const check = after.functions.find(({ symbol }) => symbol === CHECK_FUNCTION)?.address ?? -1;
  const section = after.elf.sections.find(({ name }) => name === THUNK_SECTION);
  for (let at = Number(section?.address ?? 0), end = at + (section?.size ?? 0); at < end; at += THUNK_SLOT) {
    const target = readThunk(readVirtual(after.elf, BigInt(at), THUNK_SIZE), at, check);
    const one = target === undefined ? undefined : before.byAddress.get(target);
    const symbol = after.byAddress.get(at)?.symbol;
    if (one === undefined) problems.push(`thunk at ${hex(at)}: does not check, or leads to no function`);
    else if (symbol !== one.symbol + THUNK_SUFFIX) problems.push(`thunk ${symbol}: leads to ${one.symbol}`);
    else thunks.set(at, one);
  }
  return thunks;
}

/**
 * What is wrong with `bytes`, a sentence each: every instruction and pointer must be what it was, but for calls, leas and
 * pointers of functions that need a check, which must go to a thunk of that function.
 * @throws {StackSafetyError | ElfError} when it cannot be read at all
 */
export function verifyChecks(graph: CallGraph, bytes: Uint8Array): string[] {
  const before = graph.image;
  const after = readCode(readElf(bytes));
  const problems: string[] = [];
  const thunks = readThunks(before, after, problems);
  const compare = (what: string, was: number | undefined, is: number | undefined, mayStay: boolean): void => {
    const thunk = is === undefined ? undefined : thunks.get(is);
    if (thunk !== undefined ? thunk.address !== was : is !== was) {
      problems.push(
        `${what}: led to ${was === undefined ? 'nothing' : hex(was)}, leads to ${thunk?.name ?? String(is)}`,
      );
    }
    const one = was === undefined ? undefined : before.byAddress.get(was);
    if (one !== undefined && thunk === undefined && !mayStay && needsCheck(graph, one)) {
      problems.push(`${what}: reaches ${one.name} without a check`);
    }
  };
  for (const one of before.functions) {
    const other = after.byAddress.get(one.address);
    if (other?.code.length !== one.code.length) {
      problems.push(`${one.name}: is not the function it was`);
      continue;
    }
    one.code.forEach((placed, n) => {
      const { mnemonic, length } = placed.instruction;
      const now = other.code[n]!;
      if (now.instruction.mnemonic !== mnemonic || now.instruction.length !== length) {
        problems.push(`${one.name}: ${mnemonic} at ${hex(placed.address)} is ${now.instruction.mnemonic}`);
      }
      const isCall = mnemonic === 'call' && directTarget(placed) !== undefined;
      compare(
        `${one.name}: ${mnemonic} at ${hex(placed.address)}`,
        targetOf(placed),
        targetOf(now),
        !isCall && mnemonic !== 'lea',
      );
    });
  }
  for (const [slot, { target }] of before.pointers) {
    const now = after.pointers.get(slot)?.target;
    if (typeof target === 'string' || typeof now === 'string') {
      if (now !== target) problems.push(`slot ${hex(slot)}: held ${target}, holds ${String(now)}`);
    } else compare(`slot ${hex(slot)}`, target, now, false);
  }
  return problems;
}
