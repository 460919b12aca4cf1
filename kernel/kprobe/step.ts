/** Single-stepping out of line: into the slot, and back with what the displaced instruction got wrong put right. */
import type { Cpu } from '../../cpu/cpu.ts';
import { decode } from '../../cpu/decoder.ts';
import { Flag } from '../../cpu/state.ts';
import type { Kernel } from '../kernel.ts';
import { readKernelU64, writeKernelU64 } from '../mm/kernel-memory.ts';
import { readPtRegs, writePtReg, type PtRegs } from './pt-regs.ts';
import { releaseSlot } from './slots.ts';
import type { KprobeHit } from './types.ts';

/** The hits under way on `cpu`, innermost last. */
export function hitsOf(kernel: Kernel, cpu: Cpu): KprobeHit[] {
  const { hits } = kernel.kprobes;
  let list = hits.get(cpu.index);
  if (list === undefined) hits.set(cpu.index, (list = []));
  return list;
}

/** Ends the innermost hit. */
export function endHit(kernel: Kernel, cpu: Cpu): void {
  const hit = hitsOf(kernel, cpu).pop();
  // its probe may have been removed meanwhile, on another CPU
  if (hit !== undefined && kernel.kprobes.probes.get(hit.address)?.slot !== hit.slot) releaseSlot(kernel, hit.slot);
}

/** The flags to return to the interrupted code with. */
const restored = (flags: bigint, hit: KprobeHit): bigint => (flags & ~(Flag.TF | Flag.IF)) | hit.flags;

/** setup_singlestep: false when `regs` is not mapped. */
export function beginStep(kernel: Kernel, regs: bigint, hit: KprobeHit): boolean {
  const before = readPtRegs(kernel, regs);
  if (before === undefined) return false;
  hit.stepping = true;
  return (
    writePtReg(kernel, regs, 'flags', (before.flags | Flag.TF) & ~Flag.IF) && writePtReg(kernel, regs, 'ip', hit.slot)
  );
}

/** Instructions after which IF is the instruction's own and not the interrupted code's. */
const interruptFlagModifiers: ReadonlySet<string> = new Set(['cli', 'sti', 'popf']);

/** What must be put right after the step, by mnemonic: is rip absolute already, and what lies on the stack. */
interface FixUp {
  readonly absolute: boolean;
  readonly stack: 'return address' | 'flags' | undefined;
}

function fixUpOf(original: Uint8Array): FixUp & { readonly mnemonic: string; readonly repeated: boolean } {
  const instruction = decode(original, 0, original.length);
  if (typeof instruction !== 'object') return { absolute: false, stack: undefined, mnemonic: '', repeated: false };
  const { mnemonic, operands, repeat } = instruction;
  const indirect = operands[0] !== undefined && operands[0].kind !== 2;
  const absolute = mnemonic === 'ret' || ((mnemonic === 'jmp' || mnemonic === 'call') && indirect);
  const stack = mnemonic === 'call' ? 'return address' : mnemonic === 'pushf' ? 'flags' : undefined;
  return { absolute, stack, mnemonic, repeated: repeat !== '' };
}

function fixStack(kernel: Kernel, regs: PtRegs, hit: KprobeHit, what: 'return address' | 'flags'): boolean {
  const top = readKernelU64(kernel, regs.sp);
  if (top === undefined) return false;
  const fixed = what === 'flags' ? restored(top, hit) : BigInt.asUintN(64, top - hit.slot + hit.address);
  return writeKernelU64(kernel, regs.sp, fixed);
}

/**
 * resume_execution, after the trap that follows the step: rip relative to the slot becomes relative to the original,
 * a pushed return address likewise, a pushed flags image and the flags lose the step's TF. False when `regsAddress` or
 * the interrupted stack is not mapped.
 */
export function finishStep(kernel: Kernel, cpu: Cpu, regsAddress: bigint, hit: KprobeHit): boolean {
  const regs = readPtRegs(kernel, regsAddress);
  if (regs === undefined) return false;
  const fixUp = fixUpOf(hit.original);
  // a rep-prefixed instruction with iterations left: TF stays set and it goes on in the slot
  if (fixUp.repeated && regs.ip === hit.slot) return true;
  if (fixUp.stack !== undefined && !fixStack(kernel, regs, hit, fixUp.stack)) return false;
  const keptIf = interruptFlagModifiers.has(fixUp.mnemonic);
  const flags = keptIf ? (regs.flags & ~Flag.TF) | (hit.flags & Flag.TF) : restored(regs.flags, hit);
  const ip = fixUp.absolute ? regs.ip : regs.ip - hit.slot + hit.address;
  endHit(kernel, cpu);
  return writePtReg(kernel, regsAddress, 'flags', flags) && writePtReg(kernel, regsAddress, 'ip', ip);
}

/**
 * kprobe_fault_handler: when it was the stepped instruction that faulted, makes the frame at `regsAddress` say that the
 * original did. The fault is then the caller's to handle, with registers read anew: false, always, as Linux's returns 0.
 */
export function kprobeFaultHandler(kernel: Kernel, cpu: Cpu, regsAddress: bigint): false {
  const hit = hitsOf(kernel, cpu).at(-1);
  const regs = hit?.stepping === true ? readPtRegs(kernel, regsAddress) : undefined;
  if (hit === undefined || regs === undefined || regs.ip !== hit.slot) return false;
  endHit(kernel, cpu);
  writePtReg(kernel, regsAddress, 'flags', restored(regs.flags, hit));
  writePtReg(kernel, regsAddress, 'ip', hit.address);
  return false;
}
