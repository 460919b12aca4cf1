/** To behind the return of the present function, by the instructions that leave it. */
import { decode, MAX_INSTRUCTION_LENGTH } from '../../cpu/decoder.ts';
import type { Instruction } from '../../cpu/instruction.ts';
import type { Context } from '../context.ts';
import { readMemory } from '../memory.ts';
import type { Moment } from '../stops/trigger.ts';
import { isEntryCode, leaveEntry } from './leave-entry.ts';
import { isBackAt, stepInto } from './step-over.ts';
import {
  atAddresses,
  instructionAt,
  onEvent,
  presentPlace,
  STEPPED,
  STEPS,
  stackPointer,
  type Ending,
  type Slices,
  type Travel,
} from './travel.ts';

/** longer ones are taken for what is no function, bytes */
const LONGEST_FUNCTION = 1 << 20;
/** jumps to another function whose return is this one's, one after the other */
const MOST_JUMPS = 1000;

/** instructions that are stepped one by one */
const MOST_STEPS = 200_000;

const returning: ReadonlySet<string> = new Set(['ret', 'iretq', 'iret', 'sysret', 'sysretq', 'retf']);

interface Function {
  readonly start: bigint;
  readonly end: bigint;
  /** addresses of returns, and of jumps that lead out of it or may */
  readonly exits: readonly bigint[];
}

/** The function's bytes as they are without probes. */
function codeOf({ kernel }: Context, start: bigint, size: number, pid: number): Uint8Array {
  const bytes = readMemory(kernel, start, size, pid) ?? new Uint8Array(0);
  for (const { address, original } of kernel.kprobes.probes.values()) {
    if (address >= start && address < start + BigInt(bytes.length)) bytes[Number(address - start)] = original[0]!;
  }
  return bytes;
}

function leads({ mnemonic, operands }: Instruction, next: bigint, start: bigint, end: bigint): boolean {
  if (returning.has(mnemonic)) return true;
  const [target] = operands;
  if (!mnemonic.startsWith('j') || target === undefined) return false;
  if (target.kind !== 2) return true;
  const to = BigInt.asUintN(64, next + target.value);
  return to < start || to >= end;
}

/** Undefined where no function is known. */
function functionAt(context: Context, address: bigint, pid: number): Function | undefined {
  const symbol = context.sources.symbolAt(address, context.kernel.tasks.get(pid));
  if (symbol === undefined || symbol.size <= 0n || symbol.size > BigInt(LONGEST_FUNCTION)) return undefined;
  const start = symbol.address;
  const bytes = codeOf(context, start, Number(symbol.size), pid);
  const end = start + BigInt(bytes.length);
  const exits: bigint[] = [];
  for (let at = 0; at < bytes.length;) {
    const decoded = decode(bytes, at, Math.min(bytes.length, at + MAX_INSTRUCTION_LENGTH));
    if (typeof decoded !== 'object') {
      at++; // padding or data
      continue;
    }
    const next = start + BigInt(at + decoded.length);
    if (leads(decoded, next, start, end)) exits.push(start + BigInt(at));
    at += decoded.length;
  }
  return { start, end, exits };
}

/** Without a known function: to the first return with the stack not below, instruction by instruction. */
function* stepToReturn(travel: Travel, budget: number): Slices<Ending> {
  const { context } = travel;
  const { pid, rsp } = presentPlace(context);
  const end = context.box.instructions + budget;
  for (let n = 0; n < MOST_STEPS && context.box.instructions < end; n++) {
    if (n % STEPS === STEPS - 1) yield;
    const place = presentPlace(context);
    const mnemonic = instructionAt(context, place.rip, pid)?.mnemonic ?? '';
    const ending = yield* stepInto(travel, end - context.box.instructions);
    if (ending.reason !== 'stepped' || place.pid === 0) return ending;
    if (returning.has(mnemonic) && isBackAt(rsp, place.rsp)) return STEPPED;
  }
  return { reason: 'budget' };
}

const isReturned =
  (pid: number, rsp: bigint) =>
  (moment: Moment): boolean =>
    moment.pid === pid && isBackAt(rsp, stackPointer(moment.slots));

const atExit = (context: Context, { exits }: Function): boolean => exits.includes(presentPlace(context).rip);

export function* stepOut(travel: Travel, budget: number): Slices<Ending> {
  const { context } = travel;
  const { box } = context;
  const end = box.instructions + budget;
  const { pid } = presentPlace(context);
  for (let jump = 0; jump < MOST_JUMPS; jump++) {
    const { rip, rsp } = presentPlace(context);
    const left = end - box.instructions;
    if (pid !== 0 && isEntryCode(context, rip)) return yield* leaveEntry(travel, left);
    const present = pid === 0 ? undefined : functionAt(context, rip, pid);
    if (present === undefined) return yield* stepToReturn(travel, left);
    const returned = isReturned(pid, rsp);
    const triggers = [
      atAddresses(present.exits, returned),
      onEvent('exit', pid),
      onEvent('exec', pid),
      // or it falls into the next, as assembly does between its labels
      atAddresses([present.end], returned),
    ];
    // through the jumps that stay inside after all
    for (let inside = true; inside;) {
      const arrival = atExit(context, present) ? undefined : yield* travel.run(triggers, end - box.instructions);
      if (arrival !== undefined) {
        if (arrival.reason !== 'own') return arrival;
        if (arrival.index === 1) return { reason: 'exited' };
        if (arrival.index === 2) return STEPPED;
        if (arrival.index === 3) break;
      }
      const mnemonic = instructionAt(context, presentPlace(context).rip, pid)?.mnemonic ?? '';
      const ending = yield* stepInto(travel, Math.max(1, end - box.instructions));
      if (ending.reason !== 'stepped' || returning.has(mnemonic)) return ending;
      const now = presentPlace(context);
      inside = now.rip >= present.start && now.rip < present.end;
    }
  }
  return { reason: 'budget' };
}
