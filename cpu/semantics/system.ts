/** What only a kernel does, the ways in and out of it, and the native-call trap. */
import type { Algebra, Semantics, SystemRegister } from '../algebra.ts';
import type { ImmediateOperand, MemoryOperand, Width } from '../instruction.ts';

const scratch64 = new BigUint64Array(1);
const scratch32 = new Uint32Array(scratch64.buffer);

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;

export const syscall: Semantics = (a) => a.syscall();
export const sysret: Semantics = (a) => a.sysret();
export const iret: Semantics = (a, i) => a.interruptReturn(i.width as 16 | 32 | 64);
export const swapgs: Semantics = (a) => {
  a.requireKernel();
  a.swapgs();
};
export const hlt: Semantics = (a) => {
  a.requireKernel();
  a.halt();
};
export const int3: Semantics = (a) => a.softwareInterrupt(3, true);
// INT1, ICEBP: as if the processor had raised #DB
export const int1: Semantics = (a) => a.softwareInterrupt(1, false);
export const int: Semantics = (a, i) =>
  a.softwareInterrupt(Number((i.operands[0] as ImmediateOperand).value & 0xffn), true);
export const ud: Semantics = (a) => a.undefinedInstruction();
export const native: Semantics = (a, i) => {
  // cheaper than Number(bigint)
  scratch64[0] = (i.operands[0] as ImmediateOperand).value;
  a.native(scratch32[0]!);
};

export const cli: Semantics = (a) => {
  a.requireKernel();
  a.setInterruptFlag(false);
};
export const sti: Semantics = (a) => {
  a.requireKernel();
  a.setInterruptFlag(true);
};

// INVD, WBINVD: there are no caches
export const wbinvd: Semantics = (a) => a.requireKernel();

// STAC, CLAC: #UD, not #GP, in user mode
const AC = 0x40000n;
function setAlignmentCheck(value: boolean): Semantics {
  return (a) => {
    a.requireKernelElseUndefined();
    const rest = a.and(a.readRflags(), a.constant(~AC & 0xffff_ffffn));
    a.writeRflags(value ? a.or(rest, a.constant(AC)) : rest);
  };
}
export const stac = setAlignmentCheck(true);
export const clac = setAlignmentCheck(false);

// CPUID: eax, ebx, ecx, edx <- leaf eax, sub-leaf ecx
export const cpuid: Semantics = (a) => {
  const { eax, ebx, ecx, edx } = a.cpuid(a.readRegister(RAX, 32), a.readRegister(RCX, 32));
  a.writeRegister(RAX, 32, eax);
  a.writeRegister(RBX, 32, ebx);
  a.writeRegister(RCX, 32, ecx);
  a.writeRegister(RDX, 32, edx);
};

export function writePair<V, C, X>(a: Algebra<V, C, X>, value: V): void {
  a.writeRegister(RAX, 32, a.truncate(value, 32));
  a.writeRegister(RDX, 32, a.shr(value, a.constant(32n), 64));
}

export function readPair<V, C, X>(a: Algebra<V, C, X>): V {
  return a.or(a.readRegister(RAX, 32), a.shl(a.readRegister(RDX, 32), a.constant(32n), 64));
}

// RDTSC, RDTSCP: edx:eax <- retired instructions
export const rdtsc: Semantics = (a) => writePair(a, a.timestamp());
export const rdtscp: Semantics = (a) => {
  writePair(a, a.timestamp());
  a.writeRegister(RCX, 32, a.truncate(a.readSystem('tscAux'), 32));
};

// RDMSR, WRMSR: the register that ecx names
export const rdmsr: Semantics = (a) => {
  a.requireKernel();
  writePair(a, a.readMsr(a.readRegister(RCX, 32)));
};
export const wrmsr: Semantics = (a) => {
  a.requireKernel();
  a.writeMsr(a.readRegister(RCX, 32), readPair(a));
};

// MOV CRn
const controlRegisters: readonly (SystemRegister | undefined)[] = [
  'cr0',
  undefined,
  'cr2',
  'cr3',
  'cr4',
  undefined,
  undefined,
  undefined,
  'cr8',
];
function control(index: number): SystemRegister | undefined {
  return controlRegisters[index];
}
export const movFromControl: Semantics = (a, i) => {
  const name = control((i.operands[1] as { index: number }).index);
  if (name === undefined) return a.undefinedInstruction();
  a.requireKernel();
  a.write(i.operands[0]!, a.readSystem(name));
};
export const movToControl: Semantics = (a, i) => {
  const name = control((i.operands[0] as { index: number }).index);
  if (name === undefined) return a.undefinedInstruction();
  a.requireKernel();
  a.writeSystem(name, a.read(i.operands[1]!));
};

// MOV Sreg, and Sreg to r/m
export const movFromSegment: Semantics = (a, i) =>
  a.write(i.operands[0]!, a.readSegment((i.operands[1] as { index: number }).index));
export const movToSegment: Semantics = (a, i) => {
  const index = (i.operands[0] as { index: number }).index;
  if (index === 1 || index > 5) return a.undefinedInstruction();
  a.loadSegment(index, a.truncate(a.read(i.operands[1]!), 16));
};

// RDFSBASE … WRGSBASE
function baseRegister(register: 'fsBase' | 'gsBase', writes: boolean): Semantics {
  return (a, i) => {
    if (writes) a.writeSystem(register, a.read(i.operands[0]!));
    else a.write(i.operands[0]!, a.truncate(a.readSystem(register), i.width));
  };
}
export const rdfsbase = baseRegister('fsBase', false);
export const rdgsbase = baseRegister('gsBase', false);
export const wrfsbase = baseRegister('fsBase', true);
export const wrgsbase = baseRegister('gsBase', true);

// LGDT, LIDT: ten bytes, limit and base
function loadTable(table: 'gdtr' | 'idtr'): Semantics {
  return (a, i) => {
    a.requireKernel();
    const address = a.linearAddress(i.operands[0] as MemoryOperand);
    const limit = a.load(address, 16);
    const base = a.load(a.add(address, a.constant(2n), 64), 64);
    a.writeSystem(`${table}Limit`, limit);
    a.writeSystem(`${table}Base`, base);
  };
}
export const lgdt = loadTable('gdtr');
export const lidt = loadTable('idtr');

// LTR
export const ltr: Semantics = (a, i) => {
  a.requireKernel();
  a.loadTaskRegister(a.truncate(a.read(i.operands[0]!), 16));
};

// INVLPG
export const invlpg: Semantics = (a, i) => {
  a.requireKernel();
  a.invalidatePage(a.linearAddress(i.operands[0] as MemoryOperand));
};

// LDMXCSR, STMXCSR: reserved bits are #GP
export const ldmxcsr: Semantics = (a, i) => {
  const value = a.read(i.operands[0]!);
  a.when(a.negate(a.isZero(a.and(value, a.constant(0xffff_0000n)))), () => a.raise(13, 0));
  a.writeSystem('mxcsr', value);
};
export const stmxcsr: Semantics = (a, i) => a.write(i.operands[0]!, a.truncate(a.readSystem('mxcsr'), 32 as Width));
