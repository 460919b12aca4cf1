/** Exceptions and interrupts that come while a task is stepped: not followed, but waited for until they are over. */
import type { Context } from '../context.ts';
import { vectorRows } from '../../kernel/entry/vectors.ts';
import { readNumber } from '../stops/arguments.ts';
import {
  atAddresses,
  instructionAt,
  onEvent,
  STEPPED,
  type Arrival,
  type Place,
  type Slices,
  type Travel,
} from './travel.ts';
import { stackPointer } from './travel.ts';

/** bytes from the stack pointer at iretq to the stack pointer that it loads */
export const SAVED_RSP = 24n;
const LONGEST_PUSH = 5n;

/** Where the interrupted code's stack pointer is saved, when the instruction just executed has led to an exception's entry. */
function savedStackPointer(context: Context, { pid, rip, rsp }: Place): bigint | undefined {
  for (const { name, errorCode } of vectorRows) {
    const entry = context.kernel.symbols.byName.get(`asm_${name}`)?.address;
    if (entry === undefined || rip < entry || rip - entry > LONGEST_PUSH) continue;
    // a fault leads to the entry; an interrupt is taken before an instruction, which is then the entry's first: a push
    const pushed = rip === entry ? 0n : 8n;
    if (rip !== entry && rip !== entry + BigInt(instructionAt(context, entry, pid)?.length ?? 0)) return undefined;
    return rsp + pushed + (errorCode ? 8n : 0n) + SAVED_RSP;
  }
  return undefined;
}

/**
 * After one instruction of the task that is at `now`: when an exception or interrupt has begun, runs until it has returned to where
 * the stack is the interrupted code's, which may be elsewhere in it (a kprobe's override). Undefined when none has.
 */
export function* leaveException(travel: Travel, now: Place, budget: number): Slices<Arrival | undefined> {
  const { context } = travel;
  const { kernel, box } = context;
  const at = savedStackPointer(context, now);
  const saved = at === undefined ? undefined : readNumber(kernel, at, 8);
  const iret = kernel.symbols.byName.get('native_iret')?.address;
  if (saved === undefined || iret === undefined) return undefined;
  const end = box.instructions + budget;
  const returns = atAddresses(
    [iret],
    ({ pid, slots }) => pid === now.pid && readNumber(kernel, stackPointer(slots) + SAVED_RSP, 8) === saved,
  );
  const arrival = yield* travel.run([returns, onEvent('exit', now.pid)], budget);
  if (arrival.reason !== 'own') return arrival;
  if (arrival.index === 1) return { reason: 'exited' };
  if (instructionAt(context, iret, now.pid)?.mnemonic !== 'iretq') return STEPPED;
  const last = yield* travel.run([], 1);
  return last.reason === 'budget' && box.instructions < end ? STEPPED : last;
}
