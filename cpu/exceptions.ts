/** Changes of privilege: interrupts and exceptions through the IDT, iretq, syscall and sysret, segment loads. */
import type { SegmentQuestion } from './algebra.ts';
import type { Cpu } from './cpu.ts';
import { raise, Vector } from './fault.ts';
import type { Width } from './instruction.ts';
import { load, loadWords, store } from './linear.ts';
import { forgetDecoded } from './memory.ts';
import { joinWords, refreshMode, translateWords } from './paging.ts';
import { settleFlags, Slot as slotNumbers } from './state.ts';
import { Access } from './tlb.ts';

// a local constant: see word-values.ts
const Slot = slotNumbers;
const PAGE = 4096;

const RSP = 4;
const RCX = 1;
const R11 = 11;
const TF_NT_RF = 0x100 | 0x4000 | 0x10000;
const RF = 0x10000;
const IF = 0x200;
const IOPL = 0x3000;
/** `cpu.mode` of accesses with supervisor rights whatever the CPL */
const SUPERVISOR = 2;

const scratch64 = new BigUint64Array(1);
const scratch32 = new Int32Array(scratch64.buffer);
/** what was loaded last */
const halves = new Int32Array(2);

/** Bits 47 to 63 are alike, of which these are the upper half. */
const isCanonicalHigh = (high: number): boolean => high >> 15 === 0 || high >> 15 === -1;

/** Puts what is at a linear address into `halves`. */
function loadHalves(cpu: Cpu, low: number, high: number, width: Width): void {
  if (width === 64 && (low & (PAGE - 1)) <= PAGE - 8) {
    const at = translateWords(cpu, low, high, Access.read, 64);
    const { view } = cpu.memory;
    halves[0] = view.getInt32(at, true);
    halves[1] = view.getInt32(at + 4, true);
    return;
  }
  scratch64[0] = loadWords(cpu, low, high, width);
  halves[0] = scratch32[0]!;
  halves[1] = scratch32[1]!;
}

/** Puts what is `offset` bytes behind the address in a slot into `halves`. */
function loadBehind(cpu: Cpu, slot: number, offset: number, width: Width = 64): void {
  const { words } = cpu;
  const base = words[slot * 2]!;
  const low = (base + offset) | 0;
  loadHalves(cpu, low, (words[slot * 2 + 1]! + (low >>> 0 < base >>> 0 ? 1 : 0)) | 0, width);
}

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
  cpu.mode = SUPERVISOR;
  try {
    return body();
  } finally {
    cpu.mode = before;
  }
}

/** A gate of the IDT; one record for all, since deliveries are frequent. */
const gate = { offsetLow: 0, offsetHigh: 0, selector: 0, ist: 0, interrupt: false, dpl: 0 };

/** Fills `gate`. */
function readGate(cpu: Cpu, vector: number, external: boolean): void {
  const { words } = cpu;
  const errorCode = vector * 8 + 2 + (external ? 1 : 0);
  const end = vector * 16 + 15;
  if (words[Slot.idtrLimit * 2 + 1] === 0 && end > words[Slot.idtrLimit * 2]! >>> 0) raise(Vector.GP, errorCode);
  loadBehind(cpu, Slot.idtrBase, vector * 16);
  const first = halves[0]!;
  const second = halves[1]!;
  loadBehind(cpu, Slot.idtrBase, vector * 16 + 8);
  const type = (second >> 8) & 0x1f;
  if (type !== 0xe && type !== 0xf) raise(Vector.GP, errorCode);
  if (((second >> 15) & 1) === 0) raise(Vector.NP, errorCode);
  gate.offsetLow = (first & 0xffff) | (second & ~0xffff);
  gate.offsetHigh = halves[0]!;
  gate.selector = first >>> 16;
  gate.ist = second & 7;
  gate.interrupt = type === 0xe;
  gate.dpl = (second >> 13) & 3;
}

/** Puts the stack that a delivery pushes on into `halves`, aligned down to 16 bytes: IST n, else RSP0 from user mode, else the current one. */
function findDeliveryStack(cpu: Cpu): void {
  const { words } = cpu;
  const offset = gate.ist !== 0 ? 28 + gate.ist * 8 : words[Slot.cpl * 2] !== 0 ? 4 : 0;
  if (offset === 0) {
    halves[0] = words[RSP * 2]!;
    halves[1] = words[RSP * 2 + 1]!;
  } else loadBehind(cpu, Slot.trBase, offset);
  halves[0] = halves[0]! & ~15;
}

/** What a delivery pushes, from the top of the stack down, in halves. */
const frame = new Int32Array(12);

function setFrame(cpu: Cpu, returnTo: bigint, errorCode: number | undefined, flags: number): number {
  const { words } = cpu;
  const slots = [Slot.selectors + SS, RSP, Slot.rflags, Slot.selectors + CS] as const;
  for (let n = 0; n < 4; n++) {
    frame[n * 2] = words[slots[n]! * 2]!;
    frame[n * 2 + 1] = words[slots[n]! * 2 + 1]!;
  }
  frame[4] = frame[4]! | flags;
  scratch64[0] = returnTo;
  frame[8] = scratch32[0]!;
  frame[9] = scratch32[1]!;
  if (errorCode === undefined) return 5;
  frame[10] = errorCode;
  frame[11] = 0;
  return 6;
}

/** Stores `count` words of `frame` below the address in `halves`, which moves down to the last. */
function pushFrame(cpu: Cpu, count: number): void {
  const top = halves[0]!;
  const low = (top - count * 8) | 0;
  const high = (halves[1]! - (top >>> 0 < low >>> 0 ? 1 : 0)) | 0;
  if ((low & (PAGE - 1)) + count * 8 <= PAGE) {
    const at = translateWords(cpu, low, high, Access.write, 64);
    const { memory } = cpu;
    if (memory.decoded[at >>> 12] !== undefined) forgetDecoded(memory, at, 1);
    for (let n = 0; n < count; n++) {
      const to = at + (count - 1 - n) * 8;
      memory.view.setInt32(to, frame[n * 2]!, true);
      memory.view.setInt32(to + 4, frame[n * 2 + 1]!, true);
    }
  } else {
    let address = joinWords(top, halves[1]!);
    for (let n = 0; n < count; n++) {
      address = BigInt.asUintN(64, address - 8n);
      store(cpu, address, 64, joinWords(frame[n * 2]!, frame[n * 2 + 1]!));
    }
  }
  halves[0] = low;
  halves[1] = high;
}

/** What makes the processor deliver a vector. */
export type Cause =
  /** the instruction, which is to be executed once more: not stopped at then, as RF is set in the image (SDM vol. 3, 18.3.1.1) */
  | 'fault'
  /** the instruction, which has been executed */
  | 'trap'
  /** somebody outside */
  | 'interrupt';

/**
 * Delivers `vector`: pushes SS, RSP, RFLAGS, CS, RIP and the error code, clears TF NT RF (IF for an interrupt gate) and
 * goes to the gate's offset at CPL 0. Changes nothing when it faults itself.
 */
export function deliver(cpu: Cpu, vector: number, returnTo: bigint, errorCode: number | undefined, cause: Cause): void {
  settleFlags(cpu);
  const { slots, words } = cpu;
  const before = cpu.mode;
  cpu.mode = SUPERVISOR;
  try {
    readGate(cpu, vector, cause === 'interrupt');
    findDeliveryStack(cpu);
    pushFrame(cpu, setFrame(cpu, returnTo, errorCode, cause === 'fault' ? RF : 0));
  } finally {
    cpu.mode = before;
  }
  words[RSP * 2] = halves[0]!;
  words[RSP * 2 + 1] = halves[1]!;
  words[Slot.rip * 2] = gate.offsetLow;
  words[Slot.rip * 2 + 1] = gate.offsetHigh;
  words[Slot.rflags * 2] = words[Slot.rflags * 2]! & ~(TF_NT_RF | (gate.interrupt ? IF : 0));
  if (words[Slot.cpl * 2] !== 0) slots[Slot.selectors + SS] = 0n;
  words[(Slot.selectors + CS) * 2] = gate.selector;
  words[(Slot.selectors + CS) * 2 + 1] = 0;
  setPrivilege(cpu, 0);
}

/** INT n, INT3: a trap, so the frame holds the next instruction; the gate's DPL must admit the caller where it is `checked`. */
export function softwareInterrupt(cpu: Cpu, vector: number, next: bigint, checked: boolean): void {
  asSupervisor(cpu, () => readGate(cpu, vector, false));
  if (checked && gate.dpl < cpu.words[Slot.cpl * 2]!) raise(Vector.GP, vector * 8 + 2);
  deliver(cpu, vector, next, undefined, 'trap');
}

/** The five words that IRET takes off the stack, in halves: rip, CS, rflags, rsp, SS. */
const image = new Int32Array(10);

function readImage(cpu: Cpu, width: 16 | 32 | 64): void {
  for (let n = 0; n < 5; n++) {
    loadBehind(cpu, RSP, (n * width) / 8, width);
    image[n * 2] = halves[0]!;
    image[n * 2 + 1] = halves[1]!;
  }
}

/**
 * IRET, IRETD, IRETQ: always five words, of `width` bits; the new CPL is that of the CS image. Admits the next NMI even
 * when it faults (SDM vol. 3, 6.7.1).
 */
export function interruptReturn(cpu: Cpu, width: 16 | 32 | 64): void {
  const { words } = cpu;
  words[Slot.nmiBlocked * 2] = 0;
  readImage(cpu, width);
  const cs = image[2]! & 0xffff;
  const cpl = words[Slot.cpl * 2]!;
  const newCpl = cs & 3;
  if (newCpl < cpl || (cs & 0xfffc) === 0) raise(Vector.GP, cs & 0xfffc);
  checkCodeSegment(cpu, cs);
  if (!isCanonicalHigh(image[1]!)) raise(Vector.GP, 0);
  settleFlags(cpu);
  const before = words[Slot.rflags * 2]!;
  const rflags = width === 16 ? (before & ~0xffff) | image[4]! : image[4]!;
  const kept = cpl === 0 ? 0 : IF | IOPL;
  words[Slot.rflags * 2] = (rflags & 0x257fd5 & ~kept) | (before & kept) | 2;
  words[Slot.rflags * 2 + 1] = 0;
  words[Slot.rip * 2] = image[0]!;
  words[Slot.rip * 2 + 1] = image[1]!;
  words[RSP * 2] = image[6]!;
  words[RSP * 2 + 1] = image[7]!;
  setSelector(cpu, CS, cs);
  setSelector(cpu, SS, image[8]! & 0xffff);
  setPrivilege(cpu, newCpl);
}

function setSelector({ words }: Cpu, index: number, selector: number): void {
  words[(Slot.selectors + index) * 2] = selector;
  words[(Slot.selectors + index) * 2 + 1] = 0;
}

/** Puts the halves of a descriptor of the GDT into `halves`. */
function readDescriptorHalves(cpu: Cpu, selector: number): void {
  const { words } = cpu;
  const outside = words[Slot.gdtrLimit * 2 + 1] === 0 && (selector | 7) > words[Slot.gdtrLimit * 2]! >>> 0;
  if ((selector & 4) !== 0 || outside) raise(Vector.GP, selector & 0xfffc);
  const before = cpu.mode;
  cpu.mode = SUPERVISOR;
  try {
    loadBehind(cpu, Slot.gdtrBase, selector & 0xfff8);
  } finally {
    cpu.mode = before;
  }
}

function readDescriptor(cpu: Cpu, selector: bigint): bigint {
  readDescriptorHalves(cpu, Number(selector & 0xffffn));
  return joinWords(halves[0]!, halves[1]!);
}

/** Present, code, 64-bit, with a DPL that equals the selector's RPL. */
function checkCodeSegment(cpu: Cpu, selector: number): void {
  readDescriptorHalves(cpu, selector);
  const upper = halves[1]!;
  const present = (upper & 0x8000) !== 0;
  const code = ((upper >> 11) & 3) === 3;
  const long = (upper & 0x20_0000) !== 0;
  const dpl = (upper >> 13) & 3;
  if (!present || !code || !long || dpl !== (selector & 3)) raise(Vector.GP, selector & 0xfffc);
}

/** Far jumps, calls and returns within the current privilege; other targets are #GP(selector). */
export function loadCodeSegment(cpu: Cpu, selector: bigint): void {
  if ((selector & 0xfffcn) === 0n) raise(Vector.GP, 0);
  if (Number(selector & 3n) !== cpu.words[Slot.cpl * 2]) raise(Vector.GP, Number(selector & 0xfffcn));
  checkCodeSegment(cpu, Number(selector & 0xffffn));
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

export function swapgs({ words }: Cpu): void {
  for (let half = 0; half < 2; half++) {
    const base = words[Slot.gsBase * 2 + half]!;
    words[Slot.gsBase * 2 + half] = words[Slot.kernelGsBase * 2 + half]!;
    words[Slot.kernelGsBase * 2 + half] = base;
  }
}

const EFER_SCE = 1;

/** SYSCALL: rcx <- next rip, r11 <- rflags, rip <- LSTAR, rflags loses SFMASK's bits; the stack is the kernel's affair. */
export function syscall(cpu: Cpu): void {
  const { words } = cpu;
  if ((words[Slot.efer * 2]! & EFER_SCE) === 0) raise(Vector.UD);
  settleFlags(cpu);
  const rflags = words[Slot.rflags * 2]!;
  copySlot(words, Slot.rip, RCX);
  words[R11 * 2] = rflags & ~RF;
  words[R11 * 2 + 1] = 0;
  copySlot(words, Slot.lstar, Slot.rip);
  words[Slot.rflags * 2] = (rflags & ~words[Slot.sfmask * 2]! & ~RF) | 2;
  const selector = words[Slot.star * 2 + 1]! & 0xfffc;
  setSelector(cpu, CS, selector);
  setSelector(cpu, SS, selector + 8);
  setPrivilege(cpu, 0);
}

/** SYSRETQ: rip <- rcx, rflags <- r11, CPL 3. */
export function sysret(cpu: Cpu): void {
  const { words } = cpu;
  if ((words[Slot.efer * 2]! & EFER_SCE) === 0) raise(Vector.UD);
  if (words[Slot.cpl * 2] !== 0 || !isCanonicalHigh(words[RCX * 2 + 1]!)) raise(Vector.GP, 0);
  settleFlags(cpu);
  copySlot(words, RCX, Slot.rip);
  words[Slot.rflags * 2] = (words[R11 * 2]! & 0x247fd5) | 2;
  const selector = words[Slot.star * 2 + 1]! >>> 16;
  setSelector(cpu, CS, (selector + 16) | 3);
  setSelector(cpu, SS, (selector + 8) | 3);
  setPrivilege(cpu, 3);
}

function copySlot(words: Int32Array, from: number, to: number): void {
  words[to * 2] = words[from * 2]!;
  words[to * 2 + 1] = words[from * 2 + 1]!;
}
