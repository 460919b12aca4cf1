/** Moves, arithmetic, logic, shifts, multiplication and bits on general registers. */
import type { Algebra, FlagsKind, Semantics } from '../algebra.ts';
import type { Instruction, MemoryOperand, Width } from '../instruction.ts';

const widthOf = (i: Instruction): Width => i.width;

// BigInt(number) costs more than a look-up
const wholeWidth: Readonly<Record<Width, bigint>> = { 8: 8n, 16: 16n, 32: 32n, 64: 64n };
const lastBit: Readonly<Record<Width, bigint>> = { 8: 7n, 16: 15n, 32: 31n, 64: 63n };

// MOV, MOVABS: DEST <- SRC
export const mov: Semantics = (a, i) => a.write(i.operands[0]!, a.read(i.operands[1]!));

// MOVZX: reads are zero-extended already
export const movzx: Semantics = mov;

// MOVSX, MOVSXD
export const movsx: Semantics = (a, i) => {
  const from = i.operands[1]!.width as Width;
  a.write(i.operands[0]!, a.signExtend(a.read(i.operands[1]!), from, i.width));
};

// XLATB: al <- [rbx + al]
export const xlatb: Semantics = (a, i) => {
  const table: MemoryOperand = {
    kind: 1,
    width: 8,
    base: 3,
    index: -1,
    scale: 1,
    displacement: 0n,
    ripRelative: false,
    segment: i.segment,
    addressWidth: i.addressWidth,
  };
  a.writeRegister(RAX, 8, a.load(displacedAddress(a, table, a.readRegister(RAX, 8)), 8));
};

// CLFLUSH, CLFLUSHOPT, CLWB: there are no caches, but the byte must be readable
export const touch: Semantics = (a, i) => {
  a.load(a.linearAddress(i.operands[0] as MemoryOperand), 8);
};

// LEA: the address itself, truncated to the operand size
export const lea: Semantics = (a, i) =>
  a.write(i.operands[0]!, a.truncate(a.effectiveAddress(i.operands[1] as MemoryOperand), i.width));

// XCHG
export const xchg: Semantics = (a, i) => {
  const [first, second] = i.operands;
  const left = a.readForWrite(first!);
  const right = a.read(second!);
  a.write(first!, right);
  a.write(second!, left);
};

// NOP, ENDBR64, PAUSE, PREFETCHh, hint space
export const nop: Semantics = () => {};

type Binary = 'add' | 'sub' | 'and' | 'or' | 'xor';

// a switch, not a function that is passed in: calls with one target are inlined
function combine<V, C, X>(a: Algebra<V, C, X>, operation: Binary, left: V, right: V, width: Width): V {
  switch (operation) {
    case 'add':
      return a.add(left, right, width);
    case 'sub':
      return a.sub(left, right, width);
    case 'and':
      return a.and(left, right);
    case 'or':
      return a.or(left, right);
    case 'xor':
      return a.xor(left, right);
  }
}

function arithmetic(kind: FlagsKind, operation: Binary, keepsResult: boolean): Semantics {
  return (a, i) => {
    const width = widthOf(i);
    const left = keepsResult ? a.readForWrite(i.operands[0]!) : a.read(i.operands[0]!);
    const right = a.truncate(a.read(i.operands[1]!), width);
    const result = combine(a, operation, left, right, width);
    if (keepsResult) a.write(i.operands[0]!, result);
    a.setFlags(kind, width, left, right, result);
  };
}

export const add = arithmetic('add', 'add', true);
export const sub = arithmetic('sub', 'sub', true);
export const cmp = arithmetic('sub', 'sub', false);
export const and = arithmetic('logic', 'and', true);
export const or = arithmetic('logic', 'or', true);
export const xor = arithmetic('logic', 'xor', true);
export const test = arithmetic('logic', 'and', false);

// ADC, SBB: the flag formulas take the carry in through the result
function withCarry(operation: 'add' | 'sub'): Semantics {
  return (a, i) => {
    const width = widthOf(i);
    const left = a.readForWrite(i.operands[0]!);
    const right = a.truncate(a.read(i.operands[1]!), width);
    const carry = a.toValue(a.flag('CF'));
    const result = combine(a, operation, combine(a, operation, left, right, width), carry, width);
    a.write(i.operands[0]!, result);
    a.setFlags(operation, width, left, right, result);
  };
}

export const adc = withCarry('add');
export const sbb = withCarry('sub');

function step(kind: 'inc' | 'dec'): Semantics {
  return (a, i) => {
    const width = widthOf(i);
    const left = a.readForWrite(i.operands[0]!);
    const one = a.constant(1n);
    const result = kind === 'inc' ? a.add(left, one, width) : a.sub(left, one, width);
    const carry = a.toValue(a.flag('CF'));
    a.write(i.operands[0]!, result);
    a.setFlags(kind, width, left, carry, result);
  };
}
export const inc = step('inc');
export const dec = step('dec');

// NEG: 0 - DEST
export const neg: Semantics = (a, i) => {
  const width = widthOf(i);
  const zero = a.constant(0n);
  const right = a.readForWrite(i.operands[0]!);
  const result = a.sub(zero, right, width);
  a.write(i.operands[0]!, result);
  a.setFlags('sub', width, zero, right, result);
};

// NOT
export const not: Semantics = (a, i) => a.write(i.operands[0]!, a.not(a.readForWrite(i.operands[0]!), i.width));

/** The count of a shift or rotate, masked to 5 bits (6 for 64-bit operands). */
function maskedCount<V, C, X>(a: Algebra<V, C, X>, i: Instruction, operand: number): V {
  return a.and(a.read(i.operands[operand]!), a.constant(i.width === 64 ? 0x3fn : 0x1fn));
}

function shift(kind: 'shl' | 'shr' | 'sar'): Semantics {
  return (a, i) => {
    const width = widthOf(i);
    const left = a.readForWrite(i.operands[0]!);
    const count = maskedCount(a, i, 1);
    const result =
      kind === 'shl'
        ? a.shl(left, count, width)
        : kind === 'shr'
          ? a.shr(left, count, width)
          : a.sar(left, count, width);
    a.write(i.operands[0]!, result);
    a.when(a.negate(a.isZero(count)), () => a.setFlags(kind, width, left, count, result));
  };
}
export const shl = shift('shl');
export const shr = shift('shr');
export const sar = shift('sar');

// ROL, ROR: CF and OF only, and none of them for a masked count of 0
function rotate(direction: 'left' | 'right'): Semantics {
  return (a, i) => {
    const width = widthOf(i);
    const value = a.readForWrite(i.operands[0]!);
    const masked = maskedCount(a, i, 1);
    const count = a.and(masked, a.constant(lastBit[width]));
    const back = a.and(a.sub(a.constant(wholeWidth[width]), count, 64), a.constant(lastBit[width]));
    const result =
      direction === 'left'
        ? a.or(a.shl(value, count, width), a.shr(value, back, width))
        : a.or(a.shr(value, count, width), a.shl(value, back, width));
    a.write(i.operands[0]!, result);
    a.when(a.negate(a.isZero(masked)), () => {
      const top = a.bit(result, width - 1);
      if (direction === 'left') {
        const carry = a.bit(result, 0);
        a.setFlag('CF', carry);
        a.setFlag('OF', a.differ(carry, top));
      } else {
        a.setFlag('CF', top);
        a.setFlag('OF', a.differ(top, a.bit(result, width - 2)));
      }
    });
  };
}
export const rol = rotate('left');
export const ror = rotate('right');

// RCL, RCR: a rotation of width + 1 bits with CF as the highest, one position at a time over at most 64
function rotateThroughCarry(direction: 'left' | 'right'): Semantics {
  return (a, i) => {
    const width = widthOf(i);
    const value = a.readForWrite(i.operands[0]!);
    const masked = maskedCount(a, i, 1);
    const period = BigInt(width + 1);
    // counts above the period occur for 8 and 16 bits only (up to 31)
    let count = masked;
    for (let n = 0; n < (width < 32 ? 3 : 0); n++) {
      const reduced = a.sub(count, a.constant(period), 64);
      count = a.select(a.lessUnsigned(count, a.constant(period)), count, reduced);
    }
    const carry = a.toValue(a.flag('CF'));
    const one = a.constant(1n);
    const rest = a.sub(a.constant(period), count, 64);
    const restLessOne = a.sub(rest, one, 64);
    const countLessOne = a.sub(count, one, 64);
    const rotated =
      direction === 'left'
        ? a.or(a.or(a.shl(value, count, width), a.shl(carry, countLessOne, width)), a.shr(value, rest, width))
        : a.or(a.or(a.shr(value, count, width), a.shl(carry, restLessOne, width)), a.shl(value, rest, width));
    const moved = a.negate(a.isZero(count));
    const result = a.select(moved, rotated, value);
    const out = direction === 'left' ? a.shr(value, restLessOne, width) : a.shr(value, countLessOne, width);
    a.write(i.operands[0]!, result);
    a.when(moved, () => {
      a.setFlag('CF', a.bit(out, 0));
    });
    a.when(a.negate(a.isZero(masked)), () => {
      const top = a.bit(result, width - 1);
      a.setFlag('OF', direction === 'left' ? a.differ(a.flag('CF'), top) : a.differ(top, a.bit(result, width - 2)));
    });
  };
}
export const rcl = rotateThroughCarry('left');
export const rcr = rotateThroughCarry('right');

// SHLD, SHRD: counts above the operand size are undefined (16-bit only): bits come round from the destination
function doubleShift(direction: 'left' | 'right'): Semantics {
  return (a, i) => {
    const width = widthOf(i);
    const destination = a.readForWrite(i.operands[0]!);
    const source = a.read(i.operands[1]!);
    const count = maskedCount(a, i, 2);
    const back = a.sub(a.constant(BigInt(width)), count, 64);
    const result =
      direction === 'left'
        ? a.or(a.shl(destination, count, width), a.shr(source, back, width))
        : a.or(a.shr(destination, count, width), a.shl(source, back, width));
    a.write(i.operands[0]!, result);
    a.when(a.negate(a.isZero(count)), () => {
      a.setFlags(direction === 'left' ? 'shl' : 'shr', width, destination, count, result);
      const changed = a.differ(a.bit(result, width - 1), a.bit(destination, width - 1));
      a.setFlag('OF', changed);
    });
  };
}
export const shld = doubleShift('left');
export const shrd = doubleShift('right');

const RAX = 0;
const RDX = 2;
const AH: import('../instruction.ts').RegisterOperand = { kind: 0, index: 0, width: 8, high: true };

function setMultiplyFlags<V, C, X>(a: Algebra<V, C, X>, overflow: C): void {
  a.setFlag('CF', overflow);
  a.setFlag('OF', overflow);
}

// MUL, IMUL with one operand: rdx:rax <- rax * SRC (ax for bytes)
function multiplyWide(signed: boolean): Semantics {
  return (a, i) => {
    const width = widthOf(i);
    const left = a.readRegister(RAX, width);
    const right = a.read(i.operands[0]!);
    const low = a.multiply(left, right, width);
    const high = a.multiplyHigh(left, right, width, signed);
    if (width === 8) {
      a.writeRegister(RAX, 16, a.or(low, a.shl(high, a.constant(8n), 16)));
    } else {
      a.writeRegister(RAX, width, low);
      a.writeRegister(RDX, width, high);
    }
    const expected = signed ? a.sar(low, a.constant(BigInt(width - 1)), width) : a.constant(0n);
    setMultiplyFlags(a, a.negate(a.equal(high, expected)));
  };
}
export const mul = multiplyWide(false);
export const imul1 = multiplyWide(true);

// IMUL with two or three operands: the truncated product
export const imul: Semantics = (a, i) => {
  const width = widthOf(i);
  const left = a.read(i.operands[i.operands.length - 2]!);
  const right = a.truncate(a.read(i.operands[i.operands.length - 1]!), width);
  const low = a.multiply(left, right, width);
  const high = a.multiplyHigh(left, right, width, true);
  a.write(i.operands[0]!, low);
  setMultiplyFlags(a, a.negate(a.equal(high, a.sar(low, a.constant(BigInt(width - 1)), width))));
};

// DIV, IDIV
function division(signed: boolean): Semantics {
  return (a, i) => {
    const width = widthOf(i);
    const divisor = a.read(i.operands[0]!);
    const low = a.readRegister(RAX, width);
    const high = width === 8 ? a.read(AH) : a.readRegister(RDX, width);
    const { quotient, remainder } = a.divide(high, low, divisor, width, signed);
    if (width === 8) {
      a.writeRegister(RAX, 16, a.or(quotient, a.shl(remainder, a.constant(8n), 16)));
    } else {
      a.writeRegister(RAX, width, quotient);
      a.writeRegister(RDX, width, remainder);
    }
  };
}
export const div = division(false);
export const idiv = division(true);

// CBW, CWDE, CDQE: rAX <- sign extension of its lower half
export const cbw: Semantics = (a, i) => {
  const half = (i.width / 2) as Width;
  a.writeRegister(RAX, i.width, a.signExtend(a.readRegister(RAX, half), half, i.width));
};

// CWD, CDQ, CQO: rDX <- copies of rAX's sign
export const cwd: Semantics = (a, i) => {
  const value = a.readRegister(RAX, i.width);
  a.writeRegister(RDX, i.width, a.sar(value, a.constant(BigInt(i.width - 1)), i.width));
};

/** The linear address of what lies `bytes` behind the operand: within its address size, then with the segment's base. */
function displacedAddress<V, C, X>(a: Algebra<V, C, X>, operand: MemoryOperand, bytes: V): V {
  const effective = a.truncate(a.add(a.effectiveAddress(operand), bytes, 64), operand.addressWidth);
  return operand.segment < 0
    ? effective
    : a.add(effective, a.readSystem(operand.segment === 4 ? 'fsBase' : 'gsBase'), 64);
}

// BT, BTS, BTR, BTC: CF <- the bit; a register bit offset reaches outside a memory operand
function bitTest(change: 'none' | 'set' | 'reset' | 'complement'): Semantics {
  return (a, i) => {
    const width = widthOf(i);
    const [base, offset] = i.operands;
    const position = a.and(a.read(offset!), a.constant(BigInt(width - 1)));
    const mask = a.shl(a.constant(1n), position, width);
    let value;
    let commit: (result: typeof mask) => void;
    if (base!.kind === 1 && offset!.kind === 0) {
      const units = a.sar(a.signExtend(a.read(offset!), width, 64), a.constant(BigInt(Math.log2(width))), 64);
      const bytes = a.multiply(units, a.constant(BigInt(width / 8)), 64);
      const linear = displacedAddress(a, base!, bytes);
      if (change !== 'none') a.probeStore(linear, width);
      value = a.load(linear, width);
      commit = (result) => a.store(linear, width, result);
    } else {
      value = change === 'none' ? a.read(base!) : a.readForWrite(base!);
      commit = (result) => a.write(base!, result);
    }
    const bit = a.negate(a.isZero(a.and(value, mask)));
    if (change === 'set') commit(a.or(value, mask));
    if (change === 'reset') commit(a.and(value, a.not(mask, width)));
    if (change === 'complement') commit(a.xor(value, mask));
    a.setFlag('CF', bit);
  };
}
export const bt = bitTest('none');
export const bts = bitTest('set');
export const btr = bitTest('reset');
export const btc = bitTest('complement');

// BSF, BSR: a zero source sets ZF and leaves the destination alone
function bitScan(direction: 'forward' | 'reverse'): Semantics {
  return (a, i) => {
    const width = widthOf(i);
    const source = a.read(i.operands[1]!);
    const none = a.isZero(source);
    const found =
      direction === 'forward'
        ? a.trailingZeros(source, width)
        : a.sub(a.constant(BigInt(width - 1)), a.leadingZeros(source, width), width);
    a.when(a.negate(none), () => a.write(i.operands[0]!, found));
    clearFlags(a, ['CF', 'OF', 'SF', 'AF', 'PF']);
    a.setFlag('ZF', none);
  };
}
export const bsf = bitScan('forward');
export const bsr = bitScan('reverse');

function clearFlags<V, C, X>(a: Algebra<V, C, X>, names: readonly import('../algebra.ts').FlagName[]): void {
  for (const name of names) a.setFlag(name, a.never);
}

// POPCNT
export const popcnt: Semantics = (a, i) => {
  const source = a.read(i.operands[1]!);
  a.write(i.operands[0]!, a.popcount(source));
  clearFlags(a, ['CF', 'OF', 'SF', 'AF', 'PF']);
  a.setFlag('ZF', a.isZero(source));
};

// BSWAP: of 16 bits it is undefined; processors give zero
export const bswap: Semantics = (a, i) => {
  const value = a.read(i.operands[0]!);
  a.write(i.operands[0]!, i.width === 16 ? a.constant(0n) : a.byteSwap(value, i.width));
};

// CMPXCHG: memory is written even when they differ; a 32-bit register is then not zero-extended
export const cmpxchg: Semantics = (a, i) => {
  const width = widthOf(i);
  const destination = a.readForWrite(i.operands[0]!);
  const accumulator = a.readRegister(RAX, width);
  const same = a.equal(accumulator, destination);
  const source = a.read(i.operands[1]!);
  if (i.operands[0]!.kind === 1) a.write(i.operands[0]!, a.select(same, source, destination));
  else a.when(same, () => a.write(i.operands[0]!, source));
  a.when(a.negate(same), () => a.writeRegister(RAX, width, destination));
  a.setFlags('sub', width, accumulator, destination, a.sub(accumulator, destination, width));
};

// CMPXCHG8B, CMPXCHG16B: edx:eax (rdx:rax) against memory, ecx:ebx (rcx:rbx) to it
export const cmpxchg8b: Semantics = (a, i) => {
  const half: Width = i.width === 64 ? 64 : 32;
  const step = a.constant(BigInt(half / 8));
  const low = a.linearAddress(i.operands[0] as MemoryOperand);
  if (half === 64) a.when(a.negate(a.isZero(a.and(low, a.constant(15n)))), () => a.raise(13, 0));
  const high = a.add(low, step, 64);
  a.probeStore(low, 64);
  if (half === 64) a.probeStore(high, 64);
  const lowValue = a.load(low, half);
  const highValue = a.load(high, half);
  const same = a.both(a.equal(lowValue, a.readRegister(0, half)), a.equal(highValue, a.readRegister(2, half)));
  a.store(low, half, a.select(same, a.readRegister(3, half), lowValue));
  a.store(high, half, a.select(same, a.readRegister(1, half), highValue));
  a.when(a.negate(same), () => {
    a.writeRegister(0, half, lowValue);
    a.writeRegister(2, half, highValue);
  });
  a.setFlag('ZF', same);
};

// XADD
export const xadd: Semantics = (a, i) => {
  const width = widthOf(i);
  const left = a.readForWrite(i.operands[0]!);
  const right = a.read(i.operands[1]!);
  const result = a.add(left, right, width);
  if (i.operands[0]!.kind === 0) {
    a.write(i.operands[1]!, left);
    a.write(i.operands[0]!, result);
  } else {
    a.write(i.operands[0]!, result);
    a.write(i.operands[1]!, left);
  }
  a.setFlags('add', width, left, right, result);
};

/** CMOVcc: a 32-bit destination is zero-extended even when nothing moves. */
export function cmov(code: number): Semantics {
  return (a, i) => {
    const value = a.read(i.operands[1]!);
    a.write(i.operands[0]!, a.select(a.conditionCode(code), value, a.read(i.operands[0]!)));
  };
}

/** SETcc */
export function setcc(code: number): Semantics {
  return (a, i) => a.write(i.operands[0]!, a.toValue(a.conditionCode(code)));
}

// LAHF, SAHF: SF ZF 0 AF 0 PF 1 CF in ah
export const lahf: Semantics = (a) => a.write(AH, a.or(a.and(a.readRflags(), a.constant(0xd5n)), a.constant(2n)));
export const sahf: Semantics = (a) => {
  const flags = a.read(AH);
  (['CF', 'PF', 'AF', 'ZF', 'SF'] as const).forEach((name, n) => a.setFlag(name, a.bit(flags, [0, 2, 4, 6, 7][n]!)));
};

// CLC, STC, CMC
export const clc: Semantics = (a) => a.setFlag('CF', a.never);
export const stc: Semantics = (a) => a.setFlag('CF', a.always);
export const cmc: Semantics = (a) => a.setFlag('CF', a.negate(a.flag('CF')));
