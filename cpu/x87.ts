/**
 * The x87's state in a CPU's block: eight registers, of which TOP in FSW says which is st(0), the tags (`Slot.ftw`, bit n
 * is 1 where physical register n is in use, as in FXSAVE), FCW, FSW, and where the last instruction and operand were.
 */
import type { X87Destination } from './algebra.ts';
import type { Cpu } from './cpu.ts';
import { Fsw, type ExtendedStatus } from './extended-format.ts';
import { Slot } from './state.ts';

const CR0_EM = 4;
const CR0_TS = 8;

/** FCW after reset and FNINIT: everything masked, 64 bits of precision, to nearest. */
export const INITIAL_FCW = 0x37fn;

/** Whether CR0 keeps instructions of the x87 from executing (#NM). */
export const isX87Disabled = (cpu: Cpu): boolean => (cpu.words[Slot.cr0 * 2]! & (CR0_EM | CR0_TS)) !== 0;

/** Whether an unmasked exception waits to be reported (#MF). */
export const isX87ExceptionPending = (cpu: Cpu): boolean => (cpu.words[Slot.fsw * 2]! & Fsw.ES) !== 0;

const physical = (cpu: Cpu, index: number): number => ((cpu.words[Slot.fsw * 2]! >> Fsw.topShift) + index) & 7;

/** st(index), in use or not: 80 bits. */
export function readX87(cpu: Cpu, index: number): bigint {
  const at = Slot.x87 + physical(cpu, index) * 2;
  return cpu.slots[at]! | (cpu.slots[at + 1]! << 64n);
}

/** st(index) <- the low 80 bits of `value`; it is in use then. */
export function writeX87(cpu: Cpu, index: number, value: bigint): void {
  const register = physical(cpu, index);
  cpu.slots[Slot.x87 + register * 2] = value; // the array keeps 64 bits
  cpu.slots[Slot.x87 + register * 2 + 1] = (value >> 64n) & 0xffffn;
  cpu.words[Slot.ftw * 2] = cpu.words[Slot.ftw * 2]! | (1 << register);
}

export function freeX87(cpu: Cpu, index: number): void {
  cpu.words[Slot.ftw * 2] = cpu.words[Slot.ftw * 2]! & ~(1 << physical(cpu, index));
}

export const isEmptyX87 = (cpu: Cpu, index: number): boolean =>
  ((cpu.words[Slot.ftw * 2]! >> physical(cpu, index)) & 1) === 0;

/** TOP += step. */
export function rotateX87(cpu: Cpu, step: 1 | -1): void {
  const fsw = cpu.words[Slot.fsw * 2]!;
  cpu.words[Slot.fsw * 2] = (fsw & ~(7 << Fsw.topShift)) | (physical(cpu, step) << Fsw.topShift);
}

/** The significand of physical register `index`, whose sign and exponent become ones; the tags are the instruction's business. */
export function writeMmx(cpu: Cpu, index: number, value: bigint): void {
  cpu.slots[Slot.x87 + index * 2] = value; // the array keeps 64 bits
  cpu.slots[Slot.x87 + index * 2 + 1] = 0xffffn;
}

export const createExtendedStatus = (): ExtendedStatus => ({
  control: 0,
  raised: 0,
  c1: false,
  conditionMask: 0,
  conditions: 0,
});

/** For an instruction that begins under the control word `control`. */
export function clearExtendedStatus(status: ExtendedStatus, control: number): void {
  status.control = control;
  status.raised = 0;
  status.c1 = false;
  status.conditionMask = 0;
  status.conditions = 0;
}

/** Found before the result is computed, in contrast to OE, UE and PE. */
const BEFORE = Fsw.IE | Fsw.DE | Fsw.ZE;

/**
 * Puts what has been collected into FSW; false where an unmasked exception keeps the result from its destination, as the
 * algebra's `settleX87` says.
 */
export function settleX87(cpu: Cpu, status: ExtendedStatus, destination: X87Destination): boolean {
  const stackFault = (status.raised & Fsw.SF) !== 0;
  let raised = stackFault ? Fsw.IE | Fsw.SF : status.raised;
  const unmasked = raised & ~status.control & Fsw.flags;
  const early = (unmasked & (destination === 'load' ? Fsw.IE : BEFORE)) !== 0;
  if (early) raised &= BEFORE | Fsw.SF;
  let fsw = cpu.words[Slot.fsw * 2]! | raised;
  if (destination !== 'flags' || stackFault) {
    fsw &= ~Fsw.C1;
    if (status.c1 && (!early || stackFault)) fsw |= Fsw.C1;
  }
  // without a result, C2 alone is cleared
  fsw = early ? fsw & ~(status.conditionMask & Fsw.C2) : (fsw & ~status.conditionMask) | status.conditions;
  if (unmasked !== 0) fsw |= Fsw.ES | Fsw.B;
  cpu.words[Slot.fsw * 2] = fsw;
  return !early && (destination !== 'memory' || (unmasked & (Fsw.OE | Fsw.UE)) === 0);
}
