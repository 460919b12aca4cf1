/** Out of the kernel's entry code, which no `ret` leaves: to where the system call or exception returns to. */
import { KERNEL_HALF } from '../../kernel/layout/address-map.ts';
import { readNumber } from '../stops/arguments.ts';
import { SAVED_RSP } from './exceptions.ts';
import {
  atAddresses,
  instructionAt,
  onEvent,
  presentPlace,
  STEPPED,
  stackPointer,
  type Ending,
  type Slices,
  type Travel,
} from './travel.ts';
import type { Context } from '../context.ts';

const entries =
  /^(?:asm_\w+|entry_SYSCALL_64(?:_after_hwframe)?|ret_from_fork_asm|error_return|swapgs_restore_regs_and_return_to_usermode|restore_regs_and_return_to_kernel|native_iret)$/;

/** bytes from the stack pointer at iretq to the selector of the code that it returns to */
const SAVED_CS = 8n;
const USER = 3n;
const LONGEST_ENTRY = 4096;

export function isEntryCode({ kernel, sources }: Context, address: bigint): boolean {
  if (address < KERNEL_HALF) return false;
  return entries.test(sources.symbolAt(address, undefined)?.name ?? '') && kernel.symbols.byName.has('native_iret');
}

/** The instructions with which the kernel returns. */
function returnsOf(context: Context): { readonly iret: bigint; readonly sysret: readonly bigint[] } {
  const { byName } = context.kernel.symbols;
  const { address = 0n, size = 0 } = byName.get('entry_SYSCALL_64_after_hwframe') ?? {};
  const sysret: bigint[] = [];
  for (let at = 0; at < Math.min(size, LONGEST_ENTRY);) {
    const instruction = instructionAt(context, address + BigInt(at), 0);
    if (instruction?.mnemonic.startsWith('sysret') === true) sysret.push(address + BigInt(at));
    at += instruction?.length ?? 1;
  }
  return { iret: byName.get('native_iret')!.address, sysret };
}

/** In entry code: runs until the task is where it came from, or in its program. */
export function* leaveEntry(travel: Travel, budget: number): Slices<Ending> {
  const { context } = travel;
  const { kernel } = context;
  const { cpu } = kernel.turn;
  const { pid } = presentPlace(context);
  const { iret, sysret } = returnsOf(context);
  const below = context.inspector.story({ cpu, pid })[1];
  const interrupted = below === undefined || below.space === 'user' ? undefined : below.stackPointer;
  const returns = atAddresses([iret, ...sysret], ({ pid: who, cause, slots }) => {
    if (who !== pid || cause.kind !== 'address') return false;
    if (cause.address !== iret) return interrupted === undefined;
    const sp = stackPointer(slots);
    if (interrupted !== undefined) return readNumber(kernel, sp + SAVED_RSP, 8) === interrupted;
    return ((readNumber(kernel, sp + SAVED_CS, 8) ?? 0n) & USER) === USER;
  });
  if (![iret, ...sysret].includes(presentPlace(context).rip)) {
    const arrival = yield* travel.run([returns, onEvent('exit', pid)], budget);
    if (arrival.reason !== 'own') return arrival;
    if (arrival.index === 1) return { reason: 'exited' };
  }
  const last = yield* travel.run([], 1);
  return last.reason === 'budget' || last.reason === 'own' ? STEPPED : last;
}
