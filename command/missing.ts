/** What a program wanted and the box does not have: each thing once, in words. */
import type { Box } from '../box/box.ts';
import { createSymbolizer, describePlace } from '../box/symbolizer.ts';
import type { KernelEvent } from '../kernel/events.ts';
import { syscallName } from '../kernel/syscalls/numbers.ts';

type UnknownInstruction = Extract<KernelEvent, { type: 'unknown-instruction' }>;

interface MissingInstruction {
  readonly event: UnknownInstruction;
  readonly symbol: string;
}

export interface Missing {
  readonly instructions: Map<string, MissingInstruction>;
  readonly syscalls: Set<number>;
}

export const createMissing = (): Missing => ({ instructions: new Map(), syscalls: new Set() });

/** Must be told while the task still has its program: its symbols are looked up. */
export function noteMissing(missing: Missing, box: Box, event: KernelEvent): void {
  if (event.type === 'unknown-syscall') missing.syscalls.add(event.number);
  if (event.type !== 'unknown-instruction') return;
  const key = event.bytes.join();
  if (missing.instructions.has(key)) return;
  const task = box.kernel.tasks.get(event.pid);
  const place = event.symbol === '' ? createSymbolizer(box.kernel)(task, event.address) : undefined;
  missing.instructions.set(key, { event, symbol: place === undefined ? event.symbol : describePlace(place) });
}

export const isMissing = ({ instructions, syscalls }: Missing): boolean => instructions.size > 0 || syscalls.size > 0;

const hexBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** One line each, without an end. Loads the disassembler when there is an instruction to name. */
export async function describeMissing({ instructions, syscalls }: Missing): Promise<string[]> {
  const lines = Array.from(
    syscalls,
    (number) => `system call ${number} (${syscallName(number)}) is not implemented: the program was given ENOSYS`,
  );
  if (instructions.size === 0) return lines;
  const { loadDisassembler } = await import('../box/disassemble.ts');
  const disassemble = await loadDisassembler();
  for (const { event, symbol } of instructions.values()) {
    const bytes = Uint8Array.from(event.bytes);
    const { text, length } = disassemble(bytes, event.address);
    const where = `0x${event.address.toString(16)}${symbol === '' ? '' : ` (${symbol})`}`;
    lines.push(`instruction "${text}" (${hexBytes(bytes.subarray(0, length))}) at ${where} is not implemented: #UD`);
  }
  return lines;
}
