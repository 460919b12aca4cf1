/** Changes of privilege: interrupts and exceptions through the IDT, iretq, syscall and sysret, segment loads. */
import type { SegmentQuestion } from './algebra.ts';
import type { Cpu } from './cpu.ts';
import { raise, Vector } from './fault.ts';
import { load, store } from './linear.ts';
import { isCanonical, refreshMode } from './paging.ts';
import { Flag, settleFlags, Slot } from './state.ts';

const RSP = 4;
const RCX = 1;
const R11 = 11;
/** CS and SS in `Slot.selectors` */
const CS = 1;
const SS = 2;

function setPrivilege(cpu: Cpu, cpl: number): void {
  cpu.words[Slot.cpl * 2] = cpl;
  refreshMode(cpu);
}

/** Runs `body` with supervisor rights whatever the CPL: descriptor tables and stacks of a delivery. */
function asSupervisor<T>(cpu: Cpu, body: () => T): T {
  const before = cpu.mode;
  cpu.mode = 2;
  try {
    return body();
  } finally {
    cpu.mode = before;
  }
}

interface Gate {
  readonly offset: bigint;
  readonly selector: bigint;
  readonly ist: number;
  readonly interrupt: boolean;
  readonly dpl: number;
}

function readGate(cpu: Cpu, vector: number, external: boolean): Gate {
  const errorCode = vector * 8 + 2 + (external ? 1 : 0);
  if (BigInt(vector * 16 + 15) > cpu.slots[Slot.idtrLimit]!) raise(Vector.GP, errorCode);
  const at = cpu.slots[Slot.idtrBase]! + BigInt(vector * 16);
  const low = load(cpu, at, 64);
  const high = load(cpu, at + 8n, 64);
  const type = Number((low >> 40n) & 0x1fn);
  if (type !== 0xe && type !== 0xf) raise(Vector.GP, errorCode);
  if (((low >> 47n) & 1n) === 0n) raise(Vector.NP, errorCode);
  return {
    offset: (low & 0xffffn) | ((low >> 32n) & 0xffff_0000n) | ((high & 0xffff_ffffn) << 32n),
    selector: (low >> 16n) & 0xffffn,
    ist: Number((low >> 32n) & 7n),
    interrupt: type === 0xe,
    dpl: Number((low >> 45n) & 3n),
  };
}

/** The stack that a delivery pushes on, aligned down to 16 bytes: IST n, else RSP0 from user mode, else the current one. */
function deliveryStack(cpu: Cpu, gate: Gate): bigint {
  const tss = cpu.slots[Slot.trBase]!;
  let stack = cpu.slots[RSP]!;
  if (gate.ist !== 0) stack = load(cpu, tss + 28n + BigInt(gate.ist * 8), 64);
  else if (cpu.words[Slot.cpl * 2] !== 0) stack = load(cpu, tss + 4n, 64);
  return stack & ~15n;
}

/**
 * Delivers `vector`: pushes SS, RSP, RFLAGS, CS, RIP and the error code, clears TF NT RF (IF for an interrupt gate) and
 * goes to the gate's offset at CPL 0. Changes nothing when it faults itself.
 */
export function deliver(
  cpu: Cpu,
  vector: number,
  returnTo: bigint,
  errorCode: number | undefined,
  external: boolean,
): void {
  settleFlags(cpu);
  const { slots } = cpu;
  const { gate, stack } = asSupervisor(cpu, () => {
    const gate = readGate(cpu, vector, external);
    const stack = deliveryStack(cpu, gate);
    const frame = [
      slots[Slot.selectors + SS]!,
      slots[RSP]!,
      slots[Slot.rflags]!,
      slots[Slot.selectors + CS]!,
      returnTo,
    ];
    if (errorCode !== undefined) frame.push(BigInt(errorCode));
    let at = stack;
    for (const value of frame) store(cpu, (at -= 8n), 64, value);
    return { gate, stack: at };
  });
  slots[RSP] = stack;
  slots[Slot.rip] = gate.offset;
  slots[Slot.rflags] = slots[Slot.rflags]! & ~(Flag.TF | Flag.NT | Flag.RF | (gate.interrupt ? Flag.IF : 0n));
  if (cpu.words[Slot.cpl * 2] !== 0) slots[Slot.selectors + SS] = 0n;
  slots[Slot.selectors + CS] = gate.selector;
  setPrivilege(cpu, 0);
}

/** INT n, INT3: a trap, so the frame holds the next instruction; the gate's DPL must admit the caller where it is `checked`. */
export function softwareInterrupt(cpu: Cpu, vector: number, next: bigint, checked: boolean): void {
  const gate = asSupervisor(cpu, () => readGate(cpu, vector, false));
  if (checked && gate.dpl < cpu.words[Slot.cpl * 2]!) raise(Vector.GP, vector * 8 + 2);
  deliver(cpu, vector, next, undefined, false);
}

/**
 * IRET, IRETD, IRETQ: always five words, of `width` bits; the new CPL is that of the CS image. Admits the next NMI even
 * when it faults (SDM vol. 3, 6.7.1).
 */
export function interruptReturn(cpu: Cpu, width: 16 | 32 | 64): void {
  const { slots } = cpu;
  cpu.words[Slot.nmiBlocked * 2] = 0;
  const rsp = slots[RSP]!;
  const size = BigInt(width / 8);
  const [rip, cs, image, newRsp, ss] = [0n, 1n, 2n, 3n, 4n].map((n) => load(cpu, rsp + n * size, width)) as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  const cpl = cpu.words[Slot.cpl * 2]!;
  const newCpl = Number(cs & 3n);
  if (newCpl < cpl || (cs & 0xfffcn) === 0n) raise(Vector.GP, Number(cs & 0xfffcn));
  checkCodeSegment(cpu, cs & 0xffffn);
  if (!isCanonical(rip)) raise(Vector.GP, 0);
  settleFlags(cpu);
  const before = slots[Slot.rflags]!;
  const rflags = width === 16 ? (before & ~0xffffn) | image : image;
  const kept = cpl === 0 ? 0n : Flag.IF | Flag.IOPL;
  slots[Slot.rflags] = (rflags & 0x257fd5n & ~kept) | (before & kept) | 2n;
  slots[Slot.rip] = rip;
  slots[RSP] = newRsp;
  slots[Slot.selectors + CS] = cs & 0xffffn;
  slots[Slot.selectors + SS] = ss & 0xffffn;
  setPrivilege(cpu, newCpl);
}

function readDescriptor(cpu: Cpu, selector: bigint): bigint {
  const errorCode = Number(selector & 0xfffcn);
  if ((selector & 4n) !== 0n || (selector | 7n) > cpu.slots[Slot.gdtrLimit]!) raise(Vector.GP, errorCode);
  return asSupervisor(cpu, () => load(cpu, cpu.slots[Slot.gdtrBase]! + (selector & 0xfff8n), 64));
}

/** Present, code, 64-bit, with a DPL that equals the selector's RPL. */
function checkCodeSegment(cpu: Cpu, selector: bigint): void {
  const descriptor = readDescriptor(cpu, selector);
  const present = ((descriptor >> 47n) & 1n) === 1n;
  const code = ((descriptor >> 43n) & 3n) === 3n;
  const long = ((descriptor >> 53n) & 1n) === 1n;
  const dpl = (descriptor >> 45n) & 3n;
  if (!present || !code || !long || dpl !== (selector & 3n)) raise(Vector.GP, Number(selector & 0xfffcn));
}

/** Far jumps, calls and returns within the current privilege; other targets are #GP(selector). */
export function loadCodeSegment(cpu: Cpu, selector: bigint): void {
  if ((selector & 0xfffcn) === 0n) raise(Vector.GP, 0);
  if (Number(selector & 3n) !== cpu.words[Slot.cpl * 2]) raise(Vector.GP, Number(selector & 0xfffcn));
  checkCodeSegment(cpu, selector);
  cpu.slots[Slot.selectors + CS] = selector;
}

/** System descriptor types that LAR and LSL know: LDT, TSS, busy TSS, and for LAR call gates. */
const inspectable = { accessRights: [2, 9, 11, 12], limit: [2, 9, 11], readable: [], writable: [] } as const;

/** LAR, LSL, VERR, VERW. */
export function inspectSegment(
  cpu: Cpu,
  question: SegmentQuestion,
  selector: bigint,
): { readonly valid: boolean; readonly value: bigint } {
  const invalid = { valid: false, value: 0n };
  if ((selector & 0xfffcn) === 0n || (selector & 4n) !== 0n || (selector | 7n) > cpu.slots[Slot.gdtrLimit]!) {
    return invalid;
  }
  const descriptor = readDescriptor(cpu, selector);
  const type = Number((descriptor >> 40n) & 15n);
  const system = ((descriptor >> 44n) & 1n) === 0n;
  if (system && !(inspectable[question] as readonly number[]).includes(type)) return invalid;
  const code = !system && (type & 8) !== 0;
  const dpl = Number((descriptor >> 45n) & 3n);
  const conforming = code && (type & 4) !== 0;
  if (!conforming && dpl < Math.max(cpu.words[Slot.cpl * 2]!, Number(selector & 3n))) return invalid;
  // bit 1 of the type: readable for code, writable for data, which can always be read
  const second = (type & 2) !== 0;
  if (question === 'readable') return { valid: !code || second, value: 1n };
  if (question === 'writable') return { valid: !code && second, value: 1n };
  if (question === 'accessRights') return { valid: true, value: (descriptor >> 32n) & 0xff_ff00n };
  const limit = (descriptor & 0xffffn) | ((descriptor >> 32n) & 0xf_0000n);
  return { valid: true, value: ((descriptor >> 55n) & 1n) === 1n ? (limit << 12n) | 0xfffn : limit };
}

/** MOV to a data-segment register: null or a present data segment; FS and GS bases become 0 as on Intel. */
export function loadSegment(cpu: Cpu, index: number, selector: bigint): void {
  if ((selector & 0xfffcn) !== 0n) {
    const descriptor = readDescriptor(cpu, selector);
    if (((descriptor >> 44n) & 1n) === 0n) raise(Vector.GP, Number(selector & 0xfffcn));
    if (((descriptor >> 47n) & 1n) === 0n) raise(Vector.NP, Number(selector & 0xfffcn));
  } else if (index === SS && cpu.words[Slot.cpl * 2] === 3) raise(Vector.GP, 0);
  cpu.slots[Slot.selectors + index] = selector;
  if (index === 4) cpu.slots[Slot.fsBase] = 0n;
  if (index === 5) cpu.slots[Slot.gsBase] = 0n;
}

/** LTR: a 16-byte TSS descriptor. */
export function loadTaskRegister(cpu: Cpu, selector: bigint): void {
  const low = readDescriptor(cpu, selector);
  const type = Number((low >> 40n) & 0x1fn);
  if (type !== 9 && type !== 11) raise(Vector.GP, Number(selector & 0xfffcn));
  const high = asSupervisor(cpu, () => load(cpu, cpu.slots[Slot.gdtrBase]! + (selector & 0xfff8n) + 8n, 64));
  cpu.slots[Slot.trSelector] = selector;
  cpu.slots[Slot.trBase] = ((low >> 16n) & 0xff_ffffn) | ((low >> 32n) & 0xff00_0000n) | ((high & 0xffff_ffffn) << 32n);
}

export function swapgs(cpu: Cpu): void {
  const { slots } = cpu;
  const base = slots[Slot.gsBase]!;
  slots[Slot.gsBase] = slots[Slot.kernelGsBase]!;
  slots[Slot.kernelGsBase] = base;
}

const EFER_SCE = 1n;

/** SYSCALL: rcx <- next rip, r11 <- rflags, rip <- LSTAR, rflags loses SFMASK's bits; the stack is the kernel's affair. */
export function syscall(cpu: Cpu, next: bigint): void {
  const { slots } = cpu;
  if ((slots[Slot.efer]! & EFER_SCE) === 0n) raise(Vector.UD);
  settleFlags(cpu);
  slots[RCX] = next;
  slots[R11] = slots[Slot.rflags]! & ~Flag.RF;
  slots[Slot.rip] = slots[Slot.lstar]!;
  slots[Slot.rflags] = (slots[Slot.rflags]! & ~slots[Slot.sfmask]! & ~Flag.RF) | 2n;
  const selector = (slots[Slot.star]! >> 32n) & 0xfffcn;
  slots[Slot.selectors + CS] = selector;
  slots[Slot.selectors + SS] = selector + 8n;
  setPrivilege(cpu, 0);
}

/** SYSRETQ: rip <- rcx, rflags <- r11, CPL 3. */
export function sysret(cpu: Cpu): void {
  const { slots } = cpu;
  if ((slots[Slot.efer]! & EFER_SCE) === 0n) raise(Vector.UD);
  if (cpu.words[Slot.cpl * 2] !== 0 || !isCanonical(slots[RCX]!)) raise(Vector.GP, 0);
  settleFlags(cpu);
  slots[Slot.rip] = slots[RCX]!;
  slots[Slot.rflags] = (slots[R11]! & 0x247fd5n) | 2n;
  const selector = (slots[Slot.star]! >> 48n) & 0xffffn;
  slots[Slot.selectors + CS] = (selector + 16n) | 3n;
  slots[Slot.selectors + SS] = (selector + 8n) | 3n;
  setPrivilege(cpu, 3);
}
