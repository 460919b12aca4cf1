/** Instruction slots: 16-byte places in executable pages, where copies of probed instructions are stepped. */
import { decode } from '../../cpu/decoder.ts';
import type { Instruction } from '../../cpu/instruction.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { writeKernel } from '../mm/kernel-memory.ts';
import { setMemory, vmalloc } from '../mm/vmalloc.ts';

const SLOT_SIZE = 16;
const PAGE_SIZE = 4096;
const INT3 = 0xcc;

function allocateSlot(kernel: Kernel): bigint {
  const { freeSlots, slotPages } = kernel.kprobes;
  if (freeSlots.length === 0) {
    const page = vmalloc(kernel, 'modules', PAGE_SIZE);
    setMemory(kernel, page, PAGE_SIZE, 'rx');
    slotPages.push(page);
    // the lowest is handed out first
    for (let offset = PAGE_SIZE - SLOT_SIZE; offset >= 0; offset -= SLOT_SIZE) freeSlots.push(page + BigInt(offset));
  }
  return freeSlots.pop()!;
}

/** Gives `slot` back unless a probe or a CPU that is about to step in it still needs it. */
export function releaseSlot(kernel: Kernel, slot: bigint): void {
  const { probes, hits, freeSlots } = kernel.kprobes;
  for (const probe of probes.values()) if (probe.slot === slot) return;
  for (const list of hits.values()) if (list.some((hit) => hit.slot === slot)) return;
  freeSlots.push(slot);
}

const legacyPrefixes: ReadonlySet<number> = new Set([0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]);

/** Where the displacement of a RIP-relative operand starts: after prefixes, opcode and ModRM. */
function displacementOffset(bytes: Uint8Array): number {
  let at = 0;
  while (legacyPrefixes.has(bytes[at]!) || (bytes[at]! & 0xf0) === 0x40) at++;
  if (bytes[at] === 0x0f) at += bytes[at + 1] === 0x38 || bytes[at + 1] === 0x3a ? 2 : 1;
  return at + 2;
}

/** The instruction as it must read at `slot` to do what it does at `address`; EINVAL where it cannot reach. */
function relocated(instruction: Instruction, original: Uint8Array, address: bigint, slot: bigint): Uint8Array {
  const bytes = original.slice();
  const relative = instruction.operands.find((operand) => operand.kind === 1 && operand.ripRelative);
  if (relative === undefined || relative.kind !== 1) return bytes;
  const displacement = BigInt.asIntN(64, relative.displacement + address - slot);
  if (BigInt.asIntN(32, displacement) !== displacement) fail('EINVAL');
  new DataView(bytes.buffer).setInt32(displacementOffset(bytes), Number(displacement), true);
  const again = decode(bytes, 0, bytes.length);
  const operand = typeof again === 'object' ? again.operands.find((found) => found.kind === 1) : undefined;
  const right = operand?.kind === 1 && operand.ripRelative && BigInt.asIntN(64, operand.displacement) === displacement;
  return right ? bytes : fail('EINVAL');
}

/**
 * Copies an instruction into a slot of its own, its RIP-relative operand adjusted. Errors: EINVAL out of reach (more
 * than 2 GiB away), ENOMEM.
 */
export function copyToSlot(kernel: Kernel, instruction: Instruction, original: Uint8Array, address: bigint): bigint {
  const slot = allocateSlot(kernel);
  try {
    const bytes = new Uint8Array(SLOT_SIZE).fill(INT3);
    bytes.set(relocated(instruction, original, address, slot));
    if (!writeKernel(kernel, slot, bytes)) fail('EFAULT');
    return slot;
  } catch (error) {
    kernel.kprobes.freeSlots.push(slot);
    throw error;
  }
}
