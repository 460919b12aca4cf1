/** Jumps, calls, the stack, string instructions. */
import type { Algebra, Bulk, Semantics } from '../algebra.ts';
import type { Instruction, MemoryOperand, Width } from '../instruction.ts';

const RCX = 1;
const RSP = 4;
const RBP = 5;
const RSI = 6;
const RDI = 7;

/** Bytes a push of the instruction's operand size takes. */
const bytes = (width: Width): bigint => BigInt(width / 8);

function pushed<V, C, X>(a: Algebra<V, C, X>, width: Width, value: V): void {
  const top = a.sub(a.readRegister(RSP, 64), a.constant(bytes(width)), 64);
  a.store(top, width, value);
  a.writeRegister(RSP, 64, top);
}

// PUSH: of rsp, the value before; of an immediate, sign-extended to the operand size
export const push: Semantics = (a, i) => pushed(a, i.width, a.truncate(a.read(i.operands[0]!), i.width));

// POP: an address of the destination that uses rsp sees the incremented one
export const pop: Semantics = (a, i) => {
  const top = a.readRegister(RSP, 64);
  const value = a.load(top, i.width);
  const above = a.add(top, a.constant(bytes(i.width)), 64);
  const destination = i.operands[0]!;
  if (destination.kind === 1) {
    const usesRsp = destination.base === RSP;
    const address = a.linearAddress(destination);
    a.store(usesRsp ? a.add(address, a.constant(bytes(i.width)), 64) : address, i.width, value);
    a.writeRegister(RSP, 64, above);
  } else {
    a.writeRegister(RSP, 64, above);
    a.write(destination, value);
  }
};

// PUSHFQ: VM and RF are cleared in the image
export const pushf: Semantics = (a, i) =>
  pushed(a, i.width, a.truncate(a.and(a.readRflags(), a.constant(0xfcffffn)), i.width));

// POPFQ: of the low half for 16 bits
export const popf: Semantics = (a, i) => {
  const top = a.readRegister(RSP, 64);
  const value = a.load(top, i.width);
  a.writeRegister(RSP, 64, a.add(top, a.constant(bytes(i.width)), 64));
  a.writeRflags(i.width === 16 ? a.or(a.and(a.readRflags(), a.constant(0xffff0000n)), value) : value);
};

// LEAVE: rsp <- rbp; pop rbp
export const leave: Semantics = (a, i) => {
  const frame = a.readRegister(RBP, 64);
  const value = a.load(frame, i.width);
  a.writeRegister(RSP, 64, a.add(frame, a.constant(bytes(i.width)), 64));
  a.writeRegister(RBP, i.width, value);
};

// ENTER: level 0 to 31; between the saved frame pointer and the new frame's stand those of the outer procedures
export const enter: Semantics = (a, i) => {
  const size = bytes(i.width);
  const [allocation, nesting] = i.operands;
  const level = Number((nesting as { value: bigint }).value & 31n);
  const top = a.readRegister(RSP, 64);
  const outer = a.readRegister(RBP, 64);
  const below = (start: typeof top, n: number): typeof top => a.sub(start, a.constant(size * BigInt(n)), 64);
  const frame = below(top, 1);
  const pushes = level === 0 ? 1 : level + 1;
  const stack = a.sub(below(top, pushes), a.read(allocation!), 64);
  // everything that can fault, first; copies are read when it is their turn, since they may overlap
  for (let n = 1; n < level; n++) a.load(below(outer, n), i.width);
  for (let n = 1; n <= pushes; n++) a.probeStore(below(top, n), i.width);
  a.probeStore(stack, i.width);
  a.store(frame, i.width, a.truncate(outer, i.width));
  for (let n = 1; n < level; n++) a.store(below(frame, n), i.width, a.load(below(outer, n), i.width));
  if (level > 0) a.store(below(frame, level), i.width, a.truncate(frame, i.width));
  a.writeRegister(RBP, i.width, a.truncate(frame, i.width));
  a.writeRegister(RSP, 64, stack);
};

function relativeTarget<V, C, X>(a: Algebra<V, C, X>, i: Instruction): V {
  return a.add(a.nextRip(), a.read(i.operands[0]!), 64);
}

// JMP rel, JMP r/m64
export const jmp: Semantics = (a, i) => a.jump(relativeTarget(a, i));
export const jmpIndirect: Semantics = (a, i) => a.jump(a.read(i.operands[0]!));

/** Jcc rel */
export function jcc(code: number): Semantics {
  return (a, i) => a.when(a.conditionCode(code), () => a.jump(relativeTarget(a, i)));
}

// JRCXZ, JECXZ
export const jrcxz: Semantics = (a, i) =>
  a.when(a.isZero(a.readRegister(RCX, i.addressWidth)), () => a.jump(relativeTarget(a, i)));

/** LOOP, LOOPE, LOOPNE: rcx is decremented without touching flags. */
export function loop(zf: boolean | undefined): Semantics {
  return (a, i) => {
    const width = i.addressWidth;
    const count = a.sub(a.readRegister(RCX, width), a.constant(1n), width);
    a.writeRegister(RCX, width, count);
    const left = a.negate(a.isZero(count));
    const taken = zf === undefined ? left : a.both(left, zf ? a.flag('ZF') : a.negate(a.flag('ZF')));
    a.when(taken, () => a.jump(relativeTarget(a, i)));
  };
}

/** The jump comes first: it can fault, and a fault of the push takes it back. */
function callTo<V, C, X>(a: Algebra<V, C, X>, target: V): void {
  const back = a.nextRip();
  a.jump(target);
  pushed(a, 64, back);
}

// CALL rel, CALL r/m64: of a bad target and a bad stack, the stack is reported
export const call: Semantics = (a, i) => callTo(a, relativeTarget(a, i));
export const callIndirect: Semantics = (a, i) => {
  const target = a.read(i.operands[0]!);
  a.probeStore(a.sub(a.readRegister(RSP, 64), a.constant(8n), 64), 64);
  callTo(a, target);
};

// RET, RET imm16
export const ret: Semantics = (a, i) => {
  const top = a.readRegister(RSP, 64);
  const target = a.load(top, 64);
  const extra = i.operands[0] === undefined ? a.constant(0n) : a.read(i.operands[0]);
  a.jump(target);
  a.writeRegister(RSP, 64, a.add(a.add(top, a.constant(8n), 64), extra, 64));
};

/** The source of movs, lods, cmps and outs: rsi, with a segment override honoured. */
function sourceAddress<V, C, X>(a: Algebra<V, C, X>, i: Instruction): V {
  const operand: MemoryOperand = {
    kind: 1,
    width: i.width,
    base: RSI,
    index: -1,
    scale: 1,
    displacement: 0n,
    ripRelative: false,
    segment: i.segment,
    addressWidth: i.addressWidth,
  };
  return a.linearAddress(operand);
}

function advance<V, C, X>(a: Algebra<V, C, X>, i: Instruction, register: number): void {
  const width = i.addressWidth;
  a.writeRegister(register, width, a.add(a.readRegister(register, width), a.directionStep(i.width), width));
}

const widths = [8, 16, 32, 64] as const;
const bulks = (kind: Bulk['kind']): ReadonlyMap<Width, Bulk> =>
  new Map(widths.map((width) => [width, { kind, width }]));

function repeated(body: Semantics, compares: boolean, bulk?: ReadonlyMap<Width, Bulk>): Semantics {
  return (a, i) => {
    if (i.repeat === '') body(a, i);
    else {
      const whole = i.segment < 0 ? bulk?.get(i.width) : undefined;
      a.repeat(i.addressWidth, compares ? i.repeat === 'rep' : undefined, () => body(a, i), whole);
    }
  };
}

// MOVS: [rdi] <- [rsi]
export const movs = repeated(
  (a, i) => {
    const value = a.load(sourceAddress(a, i), i.width);
    a.store(a.readRegister(RDI, i.addressWidth), i.width, value);
    advance(a, i, RSI);
    advance(a, i, RDI);
  },
  false,
  bulks('copy'),
);

// STOS: [rdi] <- rAX
export const stos = repeated(
  (a, i) => {
    a.store(a.readRegister(RDI, i.addressWidth), i.width, a.readRegister(0, i.width));
    advance(a, i, RDI);
  },
  false,
  bulks('fill'),
);

// LODS: rAX <- [rsi]
export const lods = repeated((a, i) => {
  a.writeRegister(0, i.width, a.load(sourceAddress(a, i), i.width));
  advance(a, i, RSI);
}, false);

// SCAS: rAX - [rdi]
export const scas = repeated((a, i) => {
  const right = a.load(a.readRegister(RDI, i.addressWidth), i.width);
  const left = a.readRegister(0, i.width);
  advance(a, i, RDI);
  a.setFlags('sub', i.width, left, right, a.sub(left, right, i.width));
}, true);

// CMPS: [rsi] - [rdi]
export const cmps = repeated((a, i) => {
  const left = a.load(sourceAddress(a, i), i.width);
  const right = a.load(a.readRegister(RDI, i.addressWidth), i.width);
  advance(a, i, RSI);
  advance(a, i, RDI);
  a.setFlags('sub', i.width, left, right, a.sub(left, right, i.width));
}, true);

// CLD, STD
const DIRECTION = 0x400n;
export const cld: Semantics = (a) => a.writeRflags(a.and(a.readRflags(), a.constant(~DIRECTION & 0xffffffffn)));
export const std: Semantics = (a) => a.writeRflags(a.or(a.readRflags(), a.constant(DIRECTION)));
