/** register_kprobe and unregister_kprobe: kernel/kprobes.c and arch/x86/kernel/kprobes/core.c. */
import { decode } from '../../cpu/decoder.ts';
import type { Instruction } from '../../cpu/instruction.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { KERNEL_DATA, KERNEL_TEXT } from '../layout/address-map.ts';
import { charging, unchargeObject } from '../mm/objects.ts';
import { readKernel, writeKernel } from '../mm/kernel-memory.ts';
import { symbolAt, type KernelSymbol } from '../symbols.ts';
import { blacklisted, canStep } from './blacklist.ts';
import { copyToSlot, releaseSlot } from './slots.ts';
import { fixUpOf } from './step.ts';
import type { Kprobe } from './types.ts';

const INT3 = Uint8Array.of(0xcc);
/** no function of the kernel is longer; more is a broken symbol table */
const LONGEST_FUNCTION = 1 << 20;

export interface KprobeTarget {
  /** a name of kallsyms, or '' to go by `address` alone */
  readonly symbol: string;
  /** bytes from the symbol, or from `address` */
  readonly offset: bigint;
  readonly address: bigint;
}

function targetAddress(kernel: Kernel, { symbol, offset, address }: KprobeTarget): bigint {
  if (symbol === '') return address === 0n ? fail('EINVAL') : BigInt.asUintN(64, address + offset);
  if (address !== 0n) fail('EINVAL');
  const found = kernel.symbols.byName.get(symbol) ?? fail('ENOENT');
  return BigInt.asUintN(64, found.address + offset);
}

/** The bytes of `symbol` as they are without probes. */
function originalText(kernel: Kernel, symbol: KernelSymbol): Uint8Array {
  const text = readKernel(kernel, symbol.address, symbol.size) ?? fail('EINVAL');
  for (const probe of kernel.kprobes.probes.values()) {
    const offset = probe.address - symbol.address;
    if (offset >= 0n && offset < BigInt(text.length)) text[Number(offset)] = probe.original[0]!;
  }
  return text;
}

/** can_probe: decodes from the start of the function; EILSEQ unless an instruction starts at `address`. */
function instructionAt(
  kernel: Kernel,
  symbol: KernelSymbol,
  address: bigint,
): { readonly instruction: Instruction; readonly bytes: Uint8Array } {
  if (symbol.size > LONGEST_FUNCTION) fail('EINVAL');
  const text = originalText(kernel, symbol);
  const target = Number(address - symbol.address);
  for (let at = 0; at <= target;) {
    const instruction = decode(text, at, text.length);
    if (typeof instruction !== 'object') return fail('EILSEQ');
    if (at === target) return { instruction, bytes: text.slice(at, at + instruction.length) };
    at += instruction.length;
  }
  return fail('EILSEQ');
}

function createProbe(kernel: Kernel, address: bigint): Kprobe {
  const symbol = address >= KERNEL_TEXT && address < KERNEL_DATA ? symbolAt(kernel.symbols, address) : undefined;
  if (symbol === undefined || blacklisted(symbol.name) !== undefined) return fail('EINVAL');
  const { instruction, bytes } = instructionAt(kernel, symbol, address);
  if (!canStep(instruction.mnemonic)) fail('EINVAL');
  const slot = copyToSlot(kernel, instruction, bytes, address);
  const offset = address - symbol.address;
  const name = `${symbol.name}+0x${offset.toString(16)}`;
  const label = offset === 0n ? symbol.name : name;
  return { address, name, label, original: bytes, slot, fixUp: fixUpOf(instruction), events: [], hits: 0, missed: 0 };
}

/**
 * Arms a probe for perf event `eventId` and gives its address. The first event at an address patches int3 in; later
 * ones share it. Errors: ENOENT no such symbol; EINVAL not kernel text, blacklisted, or an instruction that cannot be
 * stepped elsewhere; EILSEQ not the start of an instruction; ENOMEM.
 */
export function registerKprobe(kernel: Kernel, target: KprobeTarget, eventId: number): bigint {
  const { probes } = kernel.kprobes;
  const address = targetAddress(kernel, target);
  let probe = probes.get(address);
  if (probe === undefined) {
    probe = charging(kernel, 'kprobe', () => createProbe(kernel, address));
    if (!writeKernel(kernel, address, INT3)) {
      releaseSlot(kernel, probe.slot);
      unchargeObject(kernel, 'kprobe');
      fail('EFAULT');
    }
    probes.set(address, probe);
  }
  probe.events.push(eventId);
  return address;
}

/** Takes `eventId` from the probe at `address`; the last one restores the instruction. Unknown ones are ignored. */
export function unregisterKprobe(kernel: Kernel, address: bigint, eventId: number): void {
  const probe = kernel.kprobes.probes.get(address);
  const index = probe?.events.indexOf(eventId) ?? -1;
  if (probe === undefined || index === -1) return;
  probe.events.splice(index, 1);
  if (probe.events.length > 0) return;
  writeKernel(kernel, address, probe.original.slice(0, 1));
  kernel.kprobes.probes.delete(address);
  unchargeObject(kernel, 'kprobe');
  releaseSlot(kernel, probe.slot);
}
