/** One instruction of the present task; calls and system calls to their return; interrupts and other tasks not followed. */
import { KERNEL_HALF } from '../../kernel/layout/address-map.ts';
import { probeOfSlot } from '../source/index.ts';
import { leaveException } from './exceptions.ts';
import {
  atAddresses,
  instructionAt,
  onEvent,
  placeOfTask,
  presentPlace,
  STEPPED,
  stackPointer,
  type Arrival,
  type Ending,
  type Place,
  type Slices,
  type Travel,
} from './travel.ts';

/** an instruction may fault for a page, be interrupted, be a probe's and be stepped elsewhere */
const MOST_ATTEMPTS = 64;
/** bytes between two stack pointers of the kernel that are on one stack */
const KERNEL_STACK = 65_536n;

/**
 * Whether a stack pointer means that what was called where it was `before` has returned: it is not below. The kernel's code
 * changes stacks; on another one, it has.
 */
export function isBackAt(before: bigint, rsp: bigint): boolean {
  if (rsp >= before) return true;
  return before >= KERNEL_HALF && rsp >= KERNEL_HALF && before - rsp > KERNEL_STACK;
}

/** Runs until the task is at `address` with its stack as it was, or has ended, or executes another program. */
function* runTo(travel: Travel, { pid, rsp }: Place, address: bigint, budget: number): Slices<Ending> {
  const returned = atAddresses([address], (moment) => moment.pid === pid && isBackAt(rsp, stackPointer(moment.slots)));
  const arrival = yield* travel.run([returned, onEvent('exit', pid), onEvent('exec', pid)], budget);
  if (arrival.reason !== 'own') return arrival;
  if (arrival.index === 1) return { reason: 'exited' };
  return STEPPED;
}

/** Runs until it is the turn of the task, which others have taken. */
function* waitForTurn(travel: Travel, place: Place, budget: number): Slices<Arrival> {
  if (presentPlace(travel.context).pid === place.pid) return STEPPED;
  const resumed = atAddresses([place.rip], ({ pid }) => pid === place.pid);
  const arrival = yield* travel.run([resumed, onEvent('exit', place.pid)], budget);
  if (arrival.reason !== 'own') return arrival;
  return arrival.index === 1 ? { reason: 'exited' } : STEPPED;
}

/** One instruction of the task whose turn it is, whatever it is; exceptions and others' turns are waited for. */
export function* stepInto(travel: Travel, budget: number): Slices<Ending> {
  const { context } = travel;
  const { box, kernel } = context;
  const end = box.instructions + budget;
  const before = presentPlace(context);
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const arrival = yield* travel.run([], 1);
    if (arrival.reason !== 'budget') return arrival as Ending;
    let now = placeOfTask(context, before.pid);
    if (before.pid === 0) return STEPPED;
    if (now === undefined) return { reason: 'exited' };
    const left = yield* leaveException(travel, now, end - box.instructions);
    if (left !== undefined) {
      if (left.reason !== 'stepped') return left as Ending;
      now = placeOfTask(context, before.pid);
      if (now === undefined) return { reason: 'exited' };
    }
    const turn = yield* waitForTurn(travel, now, end - box.instructions);
    if (turn.reason !== 'stepped') return turn as Ending;
    // the instruction is still to come: it was interrupted, or is stepped in a probe's slot
    if (left === undefined || (now.rip !== before.rip && probeOfSlot(kernel, now.rip) === undefined)) return STEPPED;
    if (box.instructions >= end) return { reason: 'budget' };
  }
  return STEPPED;
}

export function* stepOver(travel: Travel, budget: number): Slices<Ending> {
  const { context } = travel;
  const place = presentPlace(context);
  const instruction = place.pid === 0 ? undefined : instructionAt(context, place.rip, place.pid);
  const { mnemonic, repeat, length } = instruction ?? { mnemonic: '', repeat: '', length: 0 };
  if (mnemonic === 'call' || mnemonic === 'syscall' || repeat !== '') {
    return yield* runTo(travel, place, BigInt.asUintN(64, place.rip + BigInt(length)), budget);
  }
  return yield* stepInto(travel, budget);
}
