/**
 * The value of a tree in a scope. A number comes with the bits that it has: those of the register or of the memory that it
 * was read from, or none for one that was written down.
 *
 * - Registers, `u8[..]` to `u64[..]` and symbols are unsigned, `i8[..]` to `i64[..]` signed; `i32(x)` reads the low 32 bits
 *   of x as signed.
 * - Arithmetic is modulo the wider of the operands, of at least 32 bits as in C, or of 64 where no operand has bits or a
 *   number that is written down needs them; unsigned unless an operand that has bits is negative.
 * - Comparisons are of numbers as they are; but where one is negative and the other unsigned with bits, the other is read as
 *   signed, so that `rax == -22`, `eax == -22` and `al == -22` mean what they say.
 */
import { DebuggerError, hex } from '../error.ts';
import type { RegisterRow } from '../registers/index.ts';
import type { BinaryOperator, Node, Type, UnaryOperator, VariableName } from './parse.ts';

/** Where an expression is evaluated. */
export interface Scope {
  register(row: RegisterRow): bigint;
  variable(name: VariableName): bigint | string;
  /** undefined where nothing has the name any more */
  symbol(name: string): bigint | undefined;
  /** little-endian bytes; undefined unless all are mapped */
  memory(address: bigint, length: number): Uint8Array | undefined;
}

interface NumberValue {
  readonly value: bigint;
  /** 0: as many as it takes */
  readonly bits: number;
}
type Value = NumberValue | string;

const plain = (value: bigint): NumberValue => ({ value, bits: 0 });
const truth = (value: boolean): NumberValue => plain(value ? 1n : 0n);

/** Modulo the width, signed where an operand was negative. */
function wrapped(value: bigint, bits: number, signed: boolean): NumberValue {
  const width = bits || 64;
  if (bits === 0 && value < 0n) return { value: BigInt.asIntN(64, value), bits };
  return { value: signed ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value), bits };
}

function numberOf(value: Value): NumberValue {
  if (typeof value !== 'string') return value;
  throw new DebuggerError('type', `got the text ${JSON.stringify(value)}, expected a number`);
}

/** Both as they are to be compared. */
function alike(left: NumberValue, right: NumberValue): readonly [bigint, bigint] {
  const signed = (one: NumberValue, other: NumberValue): bigint =>
    other.value < 0n && one.bits > 0 ? BigInt.asIntN(one.bits, one.value) : one.value;
  return [signed(left, right), signed(right, left)];
}

function divisor(value: bigint): bigint {
  if (value !== 0n) return value;
  throw new DebuggerError('divide', 'a division by 0');
}

function shift(value: bigint): bigint {
  if (value >= 0n && value < 256n) return value;
  throw new DebuggerError('range', `a shift by ${value}: expected 0 to 255`);
}

const arithmetic: Readonly<Partial<Record<BinaryOperator, (left: bigint, right: bigint) => bigint>>> = {
  '|': (left, right) => left | right,
  '^': (left, right) => left ^ right,
  '&': (left, right) => left & right,
  '<<': (left, right) => left << shift(right),
  '>>': (left, right) => left >> shift(right),
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / divisor(right),
  '%': (left, right) => left % divisor(right),
};

const comparisons: Readonly<Partial<Record<BinaryOperator, (left: bigint, right: bigint) => boolean>>> = {
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
};

function compareTexts(operator: BinaryOperator, left: Value, right: Value): NumberValue {
  if (typeof left !== typeof right) {
    throw new DebuggerError('type', `a text and a number are not compared by ${operator}`);
  }
  if (operator === '==') return truth(left === right);
  if (operator === '!=') return truth(left !== right);
  throw new DebuggerError('type', `texts are not compared by ${operator}; by == and != they are`);
}

/** As arithmetic counts it: 0 for a number written down that is in 32 bits. */
function widthOf({ value, bits }: NumberValue): number {
  if (bits > 0) return Math.max(bits, 32);
  return value === BigInt.asUintN(32, value) || value === BigInt.asIntN(32, value) ? 0 : 64;
}

function binary(operator: BinaryOperator, left: Value, right: Value): NumberValue {
  const compare = comparisons[operator];
  if (compare !== undefined) {
    if (typeof left === 'string' || typeof right === 'string') return compareTexts(operator, left, right);
    return truth(compare(...alike(left, right)));
  }
  const [one, other] = [numberOf(left), numberOf(right)];
  const shifts = operator === '<<' || operator === '>>';
  const operands = shifts ? [one] : [one, other];
  const written = operands.every(({ bits }) => bits === 0);
  const bits = written ? 0 : Math.max(...operands.map(widthOf));
  // a negative number written down has no sign to give to what it is added to
  const signed = (one.bits > 0 && one.value < 0n) || (!shifts && other.bits > 0 && other.value < 0n);
  return wrapped(arithmetic[operator]!(one.value, other.value), bits, signed);
}

function unary(operator: UnaryOperator, { value, bits }: NumberValue): NumberValue {
  if (operator === '!') return truth(value === 0n);
  if (operator === '+') return { value, bits };
  if (operator === '~') return wrapped(~value, bits, value < 0n);
  // of a register too: -rax is a negative number
  return bits === 0 ? wrapped(-value, 0, false) : { value: BigInt.asIntN(bits, -value), bits };
}

const typed = (type: Type, value: bigint): NumberValue => ({
  value: type.signed ? BigInt.asIntN(type.bits, value) : BigInt.asUintN(type.bits, value),
  bits: type.bits,
});

function load(scope: Scope, type: Type, at: bigint): NumberValue {
  const address = BigInt.asUintN(64, at);
  const bytes = scope.memory(address, type.bits / 8);
  if (bytes === undefined) throw new DebuggerError('unmapped', `no memory is mapped at ${hex(address)}`);
  return typed(
    type,
    bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n),
  );
}

function symbol(scope: Scope, name: string): NumberValue {
  const value = scope.symbol(name);
  if (value === undefined) throw new DebuggerError('unknown-name', `no symbol ${name} is loaded now`);
  return { value, bits: 64 };
}

function evaluate(node: Node, scope: Scope): Value {
  switch (node.kind) {
    case 'number':
      return plain(node.value);
    case 'text':
      return node.value;
    case 'register':
      return { value: scope.register(node.row), bits: node.row.bits };
    case 'variable': {
      const value = scope.variable(node.name);
      return typeof value === 'string' ? value : plain(value);
    }
    case 'symbol':
      return symbol(scope, node.name);
    case 'memory':
      return load(scope, node.type, numberOf(evaluate(node.address, scope)).value);
    case 'conversion':
      return typed(node.type, numberOf(evaluate(node.operand, scope)).value);
    case 'unary':
      return unary(node.operator, numberOf(evaluate(node.operand, scope)));
    default: {
      const left = evaluate(node.left, scope);
      if (node.operator === '||' || node.operator === '&&') {
        const first = numberOf(left).value !== 0n;
        if (first === (node.operator === '||')) return truth(first);
        return truth(numberOf(evaluate(node.right, scope)).value !== 0n);
      }
      return binary(node.operator, left, evaluate(node.right, scope));
    }
  }
}

/** The number that it is. DebuggerError: memory that is not mapped, a division by 0, a text. */
export const evaluateExpression = (node: Node, scope: Scope): bigint => numberOf(evaluate(node, scope)).value;
