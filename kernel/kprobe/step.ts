/** Single-stepping out of line: into the slot, and back with what the displaced instruction got wrong put right. */
import type { Cpu } from '../../cpu/cpu.ts';
import type { Instruction } from '../../cpu/instruction.ts';
import type { Kernel } from '../kernel.ts';
import { readKernelU64, writeKernelU32, writeKernelU64 } from '../mm/kernel-memory.ts';
import { hasPtRegs, readFlags, readPtReg, writeFlags, writePtReg } from './pt-regs.ts';
import { releaseSlot } from './slots.ts';
import type { FixUp, Kprobe, KprobeHit } from './types.ts';

const LOW_WORD = 0xffff_ffffn;

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

const TF = 0x100;
const IF = 0x200;

/** The flags to return to the interrupted code with. */
const restored = (flags: number, hit: KprobeHit): number => (flags & ~(TF | IF)) | hit.flags;

/** A hit of `probe` in code with these flags. */
export function createHit({ address, slot, fixUp }: Kprobe, flags: number): KprobeHit {
  return { address, slot, fixUp, flags: flags & (TF | IF), stepping: false };
}

/** setup_singlestep: false when `regs` is not mapped. */
export function beginStep(kernel: Kernel, regs: bigint, hit: KprobeHit): boolean {
  if (!hasPtRegs(kernel, regs)) return false;
  hit.stepping = true;
  return writeFlags(kernel, regs, (readFlags(kernel, regs)! | TF) & ~IF) && writePtReg(kernel, regs, 'ip', hit.slot);
}

const interruptFlagModifiers: ReadonlySet<string> = new Set(['cli', 'sti', 'popf']);

/** What must be put right after a step of `instruction` elsewhere. */
export function fixUpOf({ mnemonic, operands, repeat }: Instruction): FixUp {
  const indirect = operands[0] !== undefined && operands[0].kind !== 2;
  return {
    absolute: mnemonic === 'ret' || ((mnemonic === 'jmp' || mnemonic === 'call') && indirect),
    stack: mnemonic === 'call' ? 'return address' : mnemonic === 'pushf' ? 'flags' : undefined,
    keepsInterruptFlag: interruptFlagModifiers.has(mnemonic),
    repeated: repeat !== '',
  };
}

/** False where the interrupted stack is not mapped. */
function fixStack(kernel: Kernel, sp: bigint, hit: KprobeHit, what: 'return address' | 'flags'): boolean {
  if (what === 'flags') {
    const flags = readKernelU64(kernel, sp);
    return flags !== undefined && writeKernelU32(kernel, sp, restored(Number(flags & LOW_WORD), hit));
  }
  const top = readKernelU64(kernel, sp);
  return top !== undefined && writeKernelU64(kernel, sp, top - hit.slot + hit.address);
}

/**
 * resume_execution, after the trap that follows the step: rip relative to the slot becomes relative to the original,
 * a pushed return address likewise, a pushed flags image and the flags lose the step's TF. False when `regs` or the
 * interrupted stack is not mapped.
 */
export function finishStep(kernel: Kernel, cpu: Cpu, regs: bigint, hit: KprobeHit): boolean {
  if (!hasPtRegs(kernel, regs)) return false;
  const ip = readPtReg(kernel, regs, 'ip')!;
  const { fixUp } = hit;
  // a rep-prefixed instruction with iterations left: TF stays set and it goes on in the slot
  if (fixUp.repeated && ip === hit.slot) return true;
  if (fixUp.stack !== undefined && !fixStack(kernel, readPtReg(kernel, regs, 'sp')!, hit, fixUp.stack)) return false;
  const before = readFlags(kernel, regs)!;
  const flags = fixUp.keepsInterruptFlag ? (before & ~TF) | (hit.flags & TF) : restored(before, hit);
  endHit(kernel, cpu);
  const done = writeFlags(kernel, regs, flags);
  return fixUp.absolute ? done : writePtReg(kernel, regs, 'ip', ip - hit.slot + hit.address);
}

/**
 * kprobe_fault_handler: when it was the stepped instruction that faulted, makes the frame at `regsAddress` say that the
 * original did. The fault is then the caller's to handle, with registers read anew: false, always, as Linux's returns 0.
 */
export function kprobeFaultHandler(kernel: Kernel, cpu: Cpu, regsAddress: bigint): false {
  const hit = hitsOf(kernel, cpu).at(-1);
  if (hit?.stepping !== true || !hasPtRegs(kernel, regsAddress)) return false;
  if (readPtReg(kernel, regsAddress, 'ip') !== hit.slot) return false;
  endHit(kernel, cpu);
  writeFlags(kernel, regsAddress, restored(readFlags(kernel, regsAddress)!, hit));
  writePtReg(kernel, regsAddress, 'ip', hit.address);
  return false;
}
