/** BMI1, BMI2, ADX, MOVBE, LZCNT, random numbers. */
import type { Algebra, FlagName, Semantics } from '../algebra.ts';
import type { Operand, Width } from '../instruction.ts';

const RDX = 2;

function clear<V, C, X>(a: Algebra<V, C, X>, names: readonly FlagName[]): void {
  for (const name of names) a.setFlag(name, a.never);
}

// ANDN: NOT first AND second
export const andn: Semantics = (a, i) => {
  const [destination, first, second] = i.operands;
  const left = a.not(a.read(first!), i.width);
  const right = a.read(second!);
  const result = a.and(left, right);
  a.write(destination!, result);
  a.setFlags('logic', i.width, left, right, result);
};

/** BLSI, BLSMSK, BLSR: the source and its negation or its predecessor; CF says something of a zero source. */
function lowestBit(
  combine: <V, C, X>(a: Algebra<V, C, X>, value: V, width: Width) => V,
  carryOnZero: boolean,
): Semantics {
  return (a, i) => {
    const value = a.read(i.operands[1]!);
    const result = combine(a, value, i.width);
    a.write(i.operands[0]!, result);
    a.setFlags('logic', i.width, value, value, result);
    a.setFlag('CF', carryOnZero ? a.isZero(value) : a.negate(a.isZero(value)));
  };
}
export const blsi = lowestBit((a, value, width) => a.and(a.sub(a.constant(0n), value, width), value), false);
export const blsmsk = lowestBit((a, value, width) => a.xor(a.sub(value, a.constant(1n), width), value), true);
export const blsr = lowestBit((a, value, width) => a.and(a.sub(value, a.constant(1n), width), value), true);

// BEXTR: length second[15:8] bits from bit second[7:0]; SF, AF and PF are undefined
export const bextr: Semantics = (a, i) => {
  const [destination, source, control] = i.operands;
  const value = a.read(source!);
  const order = a.read(control!);
  const start = a.truncate(order, 8);
  const length = a.truncate(a.shr(order, a.constant(8n), 64), 8);
  const mask = a.sub(a.shl(a.constant(1n), length, 64), a.constant(1n), 64);
  const result = a.and(a.shr(value, start, i.width), mask);
  a.write(destination!, result);
  clear(a, ['CF', 'OF', 'SF', 'PF']);
  a.setFlag('AF', a.always);
  a.setFlag('ZF', a.isZero(result));
};

// BZHI: bits from second[7:0] on are cleared; CF where there are none
export const bzhi: Semantics = (a, i) => {
  const [destination, source, control] = i.operands;
  const value = a.read(source!);
  const index = a.truncate(a.read(control!), 8);
  const mask = a.sub(a.shl(a.constant(1n), index, 64), a.constant(1n), 64);
  const result = a.and(value, mask);
  a.write(destination!, result);
  a.setFlags('logic', i.width, value, mask, result);
  a.setFlag('CF', a.negate(a.lessUnsigned(index, a.constant(BigInt(i.width)))));
};

// PEXT, PDEP: of the first source by the mask in the second
export const pext: Semantics = (a, i) => {
  const mask = a.read(i.operands[2]!);
  a.write(i.operands[0]!, a.extractBits(a.read(i.operands[1]!), mask));
};
export const pdep: Semantics = (a, i) => {
  const mask = a.read(i.operands[2]!);
  a.write(i.operands[0]!, a.depositBits(a.read(i.operands[1]!), mask));
};

// MULX: the first destination is the upper half, and wins where both are one register
export const mulx: Semantics = (a, i) => {
  const [high, low, source] = i.operands;
  const right = a.read(source!);
  const left = a.readRegister(RDX, i.width);
  const lower = a.multiply(left, right, i.width);
  const upper = a.multiplyHigh(left, right, i.width, false);
  a.write(low!, lower);
  a.write(high!, upper);
};

/** The count, modulo the operand width. */
function countOf<V, C, X>(a: Algebra<V, C, X>, operand: Operand, width: Width): V {
  return a.and(a.read(operand), a.constant(BigInt(width - 1)));
}

// RORX
export const rorx: Semantics = (a, i) => {
  const value = a.read(i.operands[1]!);
  const count = countOf(a, i.operands[2]!, i.width);
  const back = a.sub(a.constant(BigInt(i.width)), count, 64);
  a.write(i.operands[0]!, a.or(a.shr(value, count, i.width), a.shl(value, back, i.width)));
};

/** SHLX, SHRX, SARX: no flags */
export function shiftWithoutFlags(operation: 'shl' | 'shr' | 'sar'): Semantics {
  return (a, i) => {
    const value = a.read(i.operands[1]!);
    a.write(i.operands[0]!, a[operation](value, countOf(a, i.operands[2]!, i.width), i.width));
  };
}

/** ADCX, ADOX: an addition whose carry goes through CF or OF and touches no other flag. */
export function addThrough(carry: 'CF' | 'OF'): Semantics {
  return (a, i) => {
    const right = a.read(i.operands[1]!);
    const left = a.read(i.operands[0]!);
    const before = a.flag(carry);
    const sum = a.add(left, right, i.width);
    const result = a.add(sum, a.toValue(before), i.width);
    a.write(i.operands[0]!, result);
    a.setFlag(carry, a.either(a.lessUnsigned(sum, left), a.lessUnsigned(result, sum)));
  };
}

// MOVBE
export const movbe: Semantics = (a, i) => a.write(i.operands[0]!, a.byteSwap(a.read(i.operands[1]!), i.width));

/** TZCNT, LZCNT: CF for a zero source, ZF for a zero count; the other flags are undefined. */
function countZeros(direction: 'trailing' | 'leading'): Semantics {
  return (a, i) => {
    const source = a.read(i.operands[1]!);
    const count = direction === 'trailing' ? a.trailingZeros(source, i.width) : a.leadingZeros(source, i.width);
    a.write(i.operands[0]!, count);
    clear(a, ['SF', 'AF', 'PF']);
    a.setFlag('CF', a.isZero(source));
    a.setFlag('ZF', a.isZero(count));
  };
}
export const tzcnt = countZeros('trailing');
export const lzcnt = countZeros('leading');

// RDRAND, RDSEED: always ready, so CF is set
export const rdrand: Semantics = (a, i) => {
  a.write(i.operands[0]!, a.truncate(a.random(), i.width));
  clear(a, ['OF', 'SF', 'ZF', 'AF', 'PF']);
  a.setFlag('CF', a.always);
};

// RDPID
export const rdpid: Semantics = (a, i) => a.write(i.operands[0]!, a.truncate(a.readSystem('tscAux'), 32));
