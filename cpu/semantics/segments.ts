/** Descriptor tables, selectors, far transfers, debug registers and ports: what is left of the older modes. */
import type { Algebra, SegmentQuestion, Semantics } from '../algebra.ts';
import type { Instruction, MemoryOperand, Width } from '../instruction.ts';

const RAX = 0;
const RSP = 4;
const RDI = 7;

/** SGDT, SIDT: ten bytes, limit and base */
export function storeTable(table: 'gdtr' | 'idtr'): Semantics {
  return (a, i) => {
    const address = a.linearAddress(i.operands[0] as MemoryOperand);
    const base = a.add(address, a.constant(2n), 64);
    a.probeStore(address, 16);
    a.probeStore(base, 64);
    a.store(address, 16, a.truncate(a.readSystem(`${table}Limit`), 16));
    a.store(base, 64, a.readSystem(`${table}Base`));
  };
}

// SLDT: there is no local table
export const sldt: Semantics = (a, i) => a.write(i.operands[0]!, a.constant(0n));
// LLDT: a null selector
export const lldt: Semantics = (a, i) => {
  a.requireKernel();
  const selector = a.truncate(a.read(i.operands[0]!), 16);
  a.when(a.negate(a.isZero(a.and(selector, a.constant(0xfffcn)))), () => a.raise(13, 0));
};
// STR
export const str: Semantics = (a, i) => a.write(i.operands[0]!, a.readSystem('trSelector'));
// SMSW: memory takes 16 bits, a register as many as it has
export const smsw: Semantics = (a, i) => {
  const destination = i.operands[0]!;
  a.write(destination, a.truncate(a.readSystem('cr0'), destination.width as Width));
};
// LMSW: the low four bits of CR0, of which PE cannot be cleared
export const lmsw: Semantics = (a, i) => {
  a.requireKernel();
  const before = a.readSystem('cr0');
  const low = a.and(a.read(i.operands[0]!), a.constant(0xen));
  a.writeSystem('cr0', a.or(a.and(before, a.constant(~0xen & 0xffff_ffffn)), low));
};
// CLTS
export const clts: Semantics = (a) => {
  a.requireKernel();
  a.writeSystem('cr0', a.and(a.readSystem('cr0'), a.constant(~8n & 0xffff_ffffn)));
};

/** LAR, LSL: ZF says whether the destination was written. */
export function describe(question: SegmentQuestion): Semantics {
  return (a, i) => {
    const { valid, value } = a.inspectSegment(question, a.truncate(a.read(i.operands[1]!), 16));
    a.when(valid, () => a.write(i.operands[0]!, a.truncate(value, i.width)));
    a.setFlag('ZF', valid);
  };
}
/** VERR, VERW */
export function verify(question: SegmentQuestion): Semantics {
  return (a, i) => a.setFlag('ZF', a.inspectSegment(question, a.truncate(a.read(i.operands[0]!), 16)).valid);
}

// POP FS, POP GS
export const popSegment: Semantics = (a, i) => {
  const top = a.readRegister(RSP, 64);
  const selector = a.load(top, 16);
  a.loadSegment((i.operands[0] as { index: number }).index, selector);
  a.writeRegister(RSP, 64, a.add(top, a.constant(BigInt(i.width / 8)), 64));
};

/** A far pointer in memory: the offset of the operand size, then 16 bits of selector. */
function farPointer<V, C, X>(a: Algebra<V, C, X>, i: Instruction): { readonly target: V; readonly selector: V } {
  const address = a.linearAddress(i.operands[0] as MemoryOperand);
  const target = a.load(address, i.width);
  return { target, selector: a.load(a.add(address, a.constant(BigInt(i.width / 8)), 64), 16) };
}

// JMP FAR m16:16, m16:32, m16:64; call gates and other privileges are #GP
export const jmpFar: Semantics = (a, i) => {
  const { target, selector } = farPointer(a, i);
  a.jump(target);
  a.loadCodeSegment(selector);
};

// CALL FAR
export const callFar: Semantics = (a, i) => {
  const { target, selector } = farPointer(a, i);
  const back = a.nextRip();
  const code = a.readSegment(1);
  const size = a.constant(BigInt(i.width / 8));
  const first = a.sub(a.readRegister(RSP, 64), size, 64);
  const second = a.sub(first, size, 64);
  a.probeStore(first, i.width);
  a.probeStore(second, i.width);
  a.jump(target);
  a.loadCodeSegment(selector);
  a.store(first, i.width, code);
  a.store(second, i.width, a.truncate(back, i.width));
  a.writeRegister(RSP, 64, second);
};

// RETF, RETF imm16: to the same privilege
export const retFar: Semantics = (a, i) => {
  const size = a.constant(BigInt(i.width / 8));
  const top = a.readRegister(RSP, 64);
  const target = a.load(top, i.width);
  const above = a.add(top, size, 64);
  const selector = a.truncate(a.load(above, i.width), 16);
  const extra = i.operands[0] === undefined ? a.constant(0n) : a.read(i.operands[0]);
  a.jump(target);
  a.loadCodeSegment(selector);
  a.writeRegister(RSP, 64, a.add(a.add(above, size, 64), extra, 64));
};

// MOV DRn
export const movFromDebug: Semantics = (a, i) => {
  a.requireKernel();
  a.write(i.operands[0]!, a.readDebug((i.operands[1] as { index: number }).index));
};
export const movToDebug: Semantics = (a, i) => {
  a.requireKernel();
  a.writeDebug((i.operands[0] as { index: number }).index, a.read(i.operands[1]!));
};

// IN: no device answers, so all bits are ones; the TSS has no I/O bitmap, so user mode may not ask
export const input: Semantics = (a, i) => {
  a.requireKernel();
  a.writeRegister(RAX, i.width, a.constant((1n << BigInt(i.width)) - 1n));
};
// OUT: no device listens
export const output: Semantics = (a) => a.requireKernel();

function repeated(body: Semantics): Semantics {
  return (a, i) => {
    a.requireKernel();
    if (i.repeat === '') body(a, i);
    else a.repeat(i.addressWidth, undefined, () => body(a, i));
  };
}
function advance<V, C, X>(a: Algebra<V, C, X>, i: Instruction, register: number): void {
  const next = a.add(a.readRegister(register, i.addressWidth), a.directionStep(portWidth(i)), i.addressWidth);
  a.writeRegister(register, i.addressWidth, next);
}

/** There are no 64-bit ports: REX.W changes nothing. */
const portWidth = (i: Instruction): 8 | 16 | 32 => (i.width === 64 ? 32 : i.width);

// INS: [rdi] <- ones
export const ins = repeated((a, i) => {
  const width = portWidth(i);
  a.store(a.readRegister(RDI, i.addressWidth), width, a.constant((1n << BigInt(width)) - 1n));
  advance(a, i, RDI);
});

// OUTS: [rsi] is read, and nothing comes of it
export const outs = repeated((a, i) => {
  const RSI = 6;
  const source: MemoryOperand = {
    kind: 1,
    width: portWidth(i),
    base: RSI,
    index: -1,
    scale: 1,
    displacement: 0n,
    ripRelative: false,
    segment: i.segment,
    addressWidth: i.addressWidth,
  };
  a.load(a.linearAddress(source), portWidth(i));
  advance(a, i, RSI);
});
