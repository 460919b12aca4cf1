/** The loop: fetch, decode (or remember), execute, deliver. */
import { checkInstruction } from './debug-registers.ts';
import { decode, MAX_INSTRUCTION_LENGTH } from './decoder.ts';
import type { Cpu, Host } from './cpu.ts';
import { evaluateWords } from './evaluate-words.ts';
import { deliver } from './exceptions.ts';
import { isFault, raise, Vector } from './fault.ts';
import { OperandKind, type Instruction, type MemoryOperand } from './instruction.ts';
import { rememberDecoded, type Memory } from './memory.ts';
import { translate, translateWords, type Access } from './paging.ts';
import { Flag, Slot as slotNumbers } from './state.ts';
import { forgetWatched, stopsBefore } from './stops.ts';
import { uniform } from './uniform.ts';
import { beginInstruction } from './word-values.ts';

// local constants: see word-values.ts
const Slot = slotNumbers;
const FETCH: Access = 2;
const PAGE = 4096;
const straddling = new Uint8Array(MAX_INSTRUCTION_LENGTH);

/** Why a run ended. */
export type RunEnd =
  /** as many instructions as asked for */
  | 'limit'
  /** the host set `leave`, or hlt, or memory.stops has been met */
  | 'left'
  /** a fault while delivering a double fault: the processor is dead */
  | 'triple-fault';

/** The instruction at rip; raises #PF, #GP or #UD. What lies on two pages is decoded anew each time. */
export function fetch(cpu: Cpu): Instruction {
  const { memory, words } = cpu;
  const physical = translateWords(cpu, words[Slot.rip * 2]!, words[Slot.rip * 2 + 1]!, FETCH, 8);
  const known = memory.decoded[physical >>> 12]?.[physical & (PAGE - 1)];
  return known !== undefined ? known : fetchAnew(cpu, physical);
}

function fetchAnew(cpu: Cpu, physical: number): Instruction {
  const { memory } = cpu;
  const rip = cpu.slots[Slot.rip]!;
  const pageEnd = (physical & ~(PAGE - 1)) + PAGE;
  const decoded = decode(memory.bytes, physical, pageEnd);
  if (typeof decoded === 'object') {
    const instruction = uniform(decoded);
    rememberDecoded(memory, physical, instruction);
    return instruction;
  }
  if (decoded === 'truncated') return fetchAcross(cpu, rip, physical, pageEnd);
  return undecodable(
    cpu,
    rip,
    decoded,
    memory.bytes.subarray(physical, Math.min(pageEnd, physical + MAX_INSTRUCTION_LENGTH)),
  );
}

function fetchAcross(cpu: Cpu, rip: bigint, physical: number, pageEnd: number): Instruction {
  const second = translate(cpu, BigInt.asUintN(64, rip + BigInt(pageEnd - physical)), FETCH);
  const decoded = decodeAcross(cpu.memory, physical, second);
  return typeof decoded === 'object' ? decoded : undecodable(cpu, rip, decoded, straddling);
}

/** The instruction that begins at `physical` and goes on at the beginning of the page at `second`. */
export function decodeAcross(
  { bytes }: Memory,
  physical: number,
  second: number,
): Instruction | Exclude<ReturnType<typeof decode>, object> {
  const head = PAGE - (physical & (PAGE - 1));
  straddling.set(bytes.subarray(physical, physical + head));
  straddling.set(bytes.subarray(second, second + MAX_INSTRUCTION_LENGTH - head), head);
  const decoded = decode(straddling, 0, MAX_INSTRUCTION_LENGTH);
  return typeof decoded === 'object' ? uniform(decoded) : decoded;
}

function undecodable(
  cpu: Cpu,
  address: bigint,
  failure: 'undefined' | 'too-long' | 'truncated',
  bytes: Uint8Array,
): never {
  if (failure !== 'undefined') raise(Vector.GP, 0);
  cpu.unknownInstruction = { address, bytes: [...bytes] };
  return raise(Vector.UD);
}

function deliverFault(cpu: Cpu, vector: number, errorCode: number | undefined, address: bigint): boolean {
  if (vector === Vector.PF) cpu.slots[Slot.cr2] = address;
  try {
    // a breakpoint that is met leaves RF to its handler
    deliver(cpu, vector, cpu.current, errorCode, vector === Vector.DB ? 'trap' : 'fault');
    return true;
  } catch (second) {
    if (!isFault(second)) throw second;
  }
  try {
    deliver(cpu, Vector.DF, cpu.current, 0, 'trap');
    return true;
  } catch (third) {
    if (!isFault(third)) throw third;
    return false;
  }
}

const RSP = 4;
const RBP = 5;
const implicitStack = new Set(['push', 'pop', 'pushf', 'popf', 'call', 'ret', 'leave']);

/** Whether the stack segment is meant: through rsp or rbp, or by a push or pop (at most eight bytes from rsp). */
function meansStack(cpu: Cpu, instruction: Instruction, address: bigint): boolean {
  const memory = instruction.operands.find((operand) => operand.kind === OperandKind.memory) as
    MemoryOperand | undefined;
  if (instruction.mnemonic === 'enter') return true;
  if (implicitStack.has(instruction.mnemonic)) {
    const distance = BigInt.asIntN(64, address - cpu.slots[RSP]!);
    if (memory === undefined || (distance >= -8n && distance <= 8n)) return true;
  }
  return memory !== undefined && memory.segment < 0 && (memory.base === RSP || memory.base === RBP);
}

/** A non-canonical address is #SS instead of #GP on the stack. */
function vectorOf(
  cpu: Cpu,
  fault: { readonly vector: number; readonly address: bigint },
  instruction: Instruction | undefined,
): number {
  const nonCanonical = fault.vector === Vector.GP && fault.address !== 0n;
  return nonCanonical && instruction !== undefined && meansStack(cpu, instruction, fault.address)
    ? Vector.SS
    : fault.vector;
}

/** Takes the next interrupt that may be delivered now: the NMI unless blocked, others with IF and not right behind sti. */
function takeInterrupt(cpu: Cpu): number | undefined {
  const { pendingInterrupts: waiting, words } = cpu;
  const nmi = waiting.indexOf(Vector.NMI);
  if (nmi !== -1 && words[Slot.nmiBlocked * 2] === 0) {
    words[Slot.nmiBlocked * 2] = 1;
    return waiting.splice(nmi, 1)[0];
  }
  if ((cpu.slots[Slot.rflags]! & Flag.IF) === 0n || words[Slot.interruptShadow * 2] !== 0) return undefined;
  const maskable = waiting.findIndex((vector) => vector !== Vector.NMI);
  return maskable === -1 ? undefined : waiting.splice(maskable, 1)[0];
}

/** Delivers an interrupt if one may be. Wakes from hlt. */
function acceptInterrupt(cpu: Cpu): boolean {
  const vector = takeInterrupt(cpu);
  if (vector === undefined) return true;
  cpu.words[Slot.halted * 2] = 0;
  cpu.current = cpu.slots[Slot.rip]!;
  try {
    deliver(cpu, vector, cpu.current, undefined, 'interrupt');
    return true;
  } catch (fault) {
    if (!isFault(fault)) throw fault;
    return deliverFault(cpu, fault.vector, fault.errorCode, fault.address);
  }
}

/** Whether an interrupt may come before the next instruction, or behind it: then instructions are executed one by one. */
export function isInterruptible(cpu: Cpu): boolean {
  const { pendingInterrupts: waiting, words } = cpu;
  if (waiting.length === 0) return false;
  return (words[RFLAGS]! & IF) !== 0 || (words[Slot.nmiBlocked * 2] === 0 && waiting.includes(Vector.NMI));
}

/** Whether instructions have to be executed one by one: they are traced or examined, the next one is let pass (RF), or the processor rests. */
export const isWatched = ({ mode, words }: Cpu): boolean =>
  mode >= EXAMINED || (words[RFLAGS]! & TF_RF) !== 0 || words[HALTED] !== 0;

/** From this value of `cpu.mode` on, accesses are examined: see paging.ts. */
const EXAMINED = 3;

/** Words of the state block: the interpreter moves rip in halves, which stay out of the heap. */
const RIP = Slot.rip * 2;
const CURRENT = Slot.current * 2;
const RFLAGS = Slot.rflags * 2;
const HALTED = Slot.halted * 2;
const SHADOW = Slot.interruptShadow * 2;
const TF = 0x100;
const RF = 0x10000;
const TF_RF = TF | RF;
const IF = 0x200;

export type Reading = ReturnType<typeof evaluateWords>;

/** The trap after an instruction that has met a data breakpoint. */
function deliverBreakpoint(cpu: Cpu): boolean {
  const { slots } = cpu;
  slots[Slot.debug + 4] = slots[Slot.debug + 4]! | slots[Slot.debugPending]!;
  slots[Slot.debugPending] = 0n;
  cpu.current = slots[Slot.rip]!;
  return deliverFault(cpu, Vector.DB, undefined, 0n);
}

/**
 * Executes up to `limit` instructions, fewer where the host lowers `cpu.limit`. A faulting instruction changes nothing, counts as one, and its exception is
 * delivered through the IDT before the next.
 */
export function run(cpu: Cpu, host: Host, limit: number): RunEnd {
  const algebra = evaluateWords(cpu, host);
  cpu.leave = false;
  cpu.limit = cpu.retired + limit;
  while (cpu.retired < cpu.limit) {
    const reason = burst(cpu, algebra, Math.min(cpu.limit, cpu.retired + BURST));
    if (reason !== undefined) return reason;
  }
  return 'limit';
}

/**
 * A short loop that is entered often: the engine optimizes it better than one it finds running, whose constants it does
 * not fold.
 */
const BURST = 256;

/**
 * Executes until `end` instructions have retired, or until a fault has been delivered; `untilJump`: or until an instruction
 * has led elsewhere than to the next. Wants `cpu.limit` to be set, and `leave` not.
 */
export function burst(cpu: Cpu, algebra: Reading, end: number, untilJump = false): RunEnd | undefined {
  const { words, pendingInterrupts, memory } = cpu;
  const { stops } = memory;
  let instruction: Instruction | undefined;
  try {
    while (cpu.retired < end && cpu.retired < cpu.limit) {
      instruction = undefined;
      if (pendingInterrupts.length > 0 && !acceptInterrupt(cpu)) return 'triple-fault';
      if (words[HALTED] !== 0) return 'left';
      words[SHADOW] = 0;
      const low = words[RIP]!;
      const high = words[RIP + 1]!;
      if (stops !== undefined && stopsBefore(cpu, stops, low & (PAGE - 1))) return 'left';
      words[CURRENT] = low;
      words[CURRENT + 1] = high;
      const examined = cpu.mode >= EXAMINED;
      if (examined) checkInstruction(cpu, cpu.current);
      let stepping = false;
      if ((words[RFLAGS]! & TF_RF) !== 0) {
        stepping = (words[RFLAGS]! & TF) !== 0;
        words[RFLAGS]! &= ~RF;
      }
      instruction = fetch(cpu);
      const next = (low + instruction.length) | 0;
      words[RIP] = next;
      if (low < 0 && next >= 0) words[RIP + 1] = high + 1;
      beginInstruction();
      instruction.semantics(algebra, instruction);
      cpu.retired++;
      if ((examined || stepping) && !deliverTraps(cpu, examined, stepping, instruction)) return 'triple-fault';
      if (cpu.leave) return 'left';
      if (untilJump && words[RIP] !== next) return undefined;
    }
    return undefined;
  } catch (fault) {
    return abandon(cpu, fault, instruction);
  }
}

/** One instruction where nothing can come before it: no interrupt, trap, stop or halt. As `burst`, at less cost. */
export function executeOne(cpu: Cpu, algebra: Reading): RunEnd | undefined {
  const { words } = cpu;
  let instruction: Instruction | undefined;
  words[SHADOW] = 0;
  const low = words[RIP]!;
  const high = words[RIP + 1]!;
  words[CURRENT] = low;
  words[CURRENT + 1] = high;
  try {
    instruction = fetch(cpu);
    const next = (low + instruction.length) | 0;
    words[RIP] = next;
    if (low < 0 && next >= 0) words[RIP + 1] = high + 1;
    beginInstruction();
    instruction.semantics(algebra, instruction);
    cpu.retired++;
    return cpu.leave ? 'left' : undefined;
  } catch (fault) {
    return abandon(cpu, fault, instruction);
  }
}

/** What an instruction has thrown: a fault is delivered, the instruction counts as one. */
export function abandon(cpu: Cpu, fault: unknown, instruction: Instruction | undefined): RunEnd | undefined {
  if (!isFault(fault)) throw fault;
  const { slots } = cpu;
  if (cpu.memory.stops !== undefined) forgetWatched(cpu, cpu.memory);
  slots[Slot.rip] = cpu.current;
  // breakpoints count only in a mode that examines accesses
  slots[Slot.debugPending] = 0n;
  cpu.retired++;
  const vector = vectorOf(cpu, fault, instruction);
  if (!deliverFault(cpu, vector, fault.errorCode, fault.address)) return 'triple-fault';
  return cpu.leave ? 'left' : undefined;
}

/** What follows an instruction in a mode that examines accesses, and what TF asks for. */
function deliverTraps(cpu: Cpu, examined: boolean, stepping: boolean, instruction: Instruction): boolean {
  const { slots, words } = cpu;
  if (examined && words[Slot.debugPending * 2] !== 0 && !deliverBreakpoint(cpu)) return false;
  // syscall and int clear TF and are not trapped; popf that clears it still is
  if (!stepping || ((words[RFLAGS]! & TF) === 0 && instruction.mnemonic !== 'popf')) return true;
  slots[Slot.debug + 4] = slots[Slot.debug + 4]! | 0x4000n; // DR6.BS
  cpu.current = slots[Slot.rip]!;
  return deliverFault(cpu, Vector.DB, undefined, 0n);
}
