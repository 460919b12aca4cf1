/** The value of an expression of an explanation in the state of a machine as it is, without touching it. */
import { evaluate } from '../../cpu/evaluate.ts';
import { isNode, type Location, type Node } from '../../cpu/explain/node.ts';
import { flagBits } from '../../cpu/flags.ts';
import { Slot } from '../../cpu/state.ts';
import type { ReadSlot } from '../registers/table.ts';
import type { Kernel } from '../../kernel/kernel.ts';

/** A machine as it is looked at: somebody's registers and memory. */
export interface Look {
  readonly kernel: Kernel;
  /** rflags are settled */
  readonly slot: ReadSlot;
  /** `length` bytes; undefined unless all are mapped */
  memory(address: bigint, length: number): Uint8Array | undefined;
}

type Value = bigint | boolean | undefined;
type Rule = (args: readonly never[], look: Look) => Value;

const mask = (bits: number): bigint => (1n << BigInt(bits)) - 1n;
const U64 = mask(64);

/** Little-endian. */
function numberOf(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let n = bytes.length - 1; n >= 0; n--) value = (value << 8n) | BigInt(bytes[n]!);
  return value;
}

export function memoryValue({ memory }: Look, address: bigint, bits: number): bigint | undefined {
  const bytes = memory(BigInt.asUintN(64, address), Math.ceil(bits / 8));
  return bytes === undefined ? undefined : numberOf(bytes);
}

/** 64-bit slots of one vector register */
const VECTOR_SLOTS = 4;

/** `half` 1: the upper half of the ymm register */
function vectorValue({ slot }: Look, index: number, half: number): bigint {
  const first = Slot.xmm + index * VECTOR_SLOTS + half * 2;
  return slot(first) | (slot(first + 1) << 64n);
}

/** TOP of FSW says which physical register is st0. */
function x87Value({ slot }: Look, index: number): bigint {
  const top = Number((slot(Slot.fsw) >> 11n) & 7n);
  const first = Slot.x87 + ((top + index) & 7) * 2;
  return slot(first) | ((slot(first + 1) & 0xffffn) << 64n);
}

/** A register that has a slot of its own name. */
function systemValue({ slot }: Look, name: string): bigint | undefined {
  const at = (Slot as Readonly<Record<string, number>>)[name];
  return at === undefined ? undefined : slot(at);
}

/** What a place holds; memory is at `address`. */
export function locationValue(look: Look, at: Location, address: bigint | undefined): bigint | undefined {
  const { slot } = look;
  switch (at.kind) {
    case 'register':
      return (slot(Slot.gpr + at.index) >> BigInt(at.low)) & mask(at.width);
    case 'xmm':
      return (vectorValue(look, at.index, at.low >> 7) >> BigInt(at.low & 127)) & mask(at.width);
    case 'mmx':
      return (slot(Slot.x87 + at.index * 2) >> BigInt(at.low)) & mask(at.width);
    case 'memory':
      return address === undefined ? undefined : memoryValue(look, address, at.width);
    case 'system':
      return systemValue(look, at.name);
    case 'segment':
      return slot(Slot.selectors + at.index) & 0xffffn;
    case 'debug':
      return slot(Slot.debug + at.index);
    case 'x87':
      return x87Value(look, at.index);
    case 'rip':
      return slot(Slot.rip);
    case 'rflags':
      return slot(Slot.rflags);
    default:
      return undefined;
  }
}

const DF = 0x400n;

/** State, and operations that only explanations have. */
const rules: Readonly<Record<string, Rule>> = {
  constant: (([value]: readonly [bigint]) => value) as never,
  always: () => true,
  never: () => false,
  register: (([index, low, width]: readonly [number, number, number], look: Look) =>
    locationValue(look, { kind: 'register', index, low, width }, undefined)) as never,
  xmm: (([index]: readonly [number], look: Look) => vectorValue(look, index & 15, index >> 4)) as never,
  mmx: (([index]: readonly [number], { slot }: Look) => slot(Slot.x87 + index * 2)) as never,
  load: (([address, bits]: readonly [bigint, number], look: Look) => memoryValue(look, address, bits)) as never,
  loadVector: (([address]: readonly [bigint], look: Look) => memoryValue(look, address, 128)) as never,
  readSystem: (([name]: readonly [string], look: Look) => systemValue(look, name)) as never,
  readRflags: (_: unknown, { slot }: Look) => slot(Slot.rflags),
  flag: (([name]: readonly [keyof typeof flagBits], { slot }: Look) =>
    ((slot(Slot.rflags) >> BigInt(flagBits[name])) & 1n) === 1n) as never,
  directionStep: (([width]: readonly [number], { slot }: Look) => {
    const bytes = BigInt(width / 8);
    return (slot(Slot.rflags) & DF) === 0n ? bytes : BigInt.asUintN(64, -bytes);
  }) as never,
  user: (_: unknown, { slot }: Look) => slot(Slot.cpl) !== 0n,
  concat: (([high, low, width]: readonly [bigint, bigint, number]) => (high << BigInt(width)) | low) as never,
  insert: (([whole, low, width, part]: readonly [bigint, number, number, bigint]) =>
    (whole & ~(mask(width) << BigInt(low))) | (part << BigInt(low))) as never,
  bitAt: (([value, index]: readonly [bigint, bigint]) => ((value >> index) & 1n) === 1n) as never,
};

/** Operations of the algebra that depend on their arguments alone: the evaluating reading computes them. */
const pure: ReadonlySet<string> = new Set(
  (
    'add sub multiply multiplyHigh and or xor not shl shr sar signExtend truncate popcount byteSwap isZero equal ' +
    'lessUnsigned lessSigned bit both either differ negate toValue select lane withLane zeroVector'
  ).split(' '),
);

/** Undefined where it cannot be known before the instruction has been executed, or its memory is not mapped. */
export function nodeValue(look: Look, root: Node): bigint | undefined {
  const known = new Map<Node, Value>();
  const algebra = evaluate(look.kernel.cpus[0]!) as unknown as Record<string, (...args: unknown[]) => Value>;
  const valueOf = (node: Node): Value => {
    if (known.has(node)) return known.get(node);
    known.set(node, undefined);
    const rule = rules[node.op];
    if ((rule === undefined && !pure.has(node.op)) || node.field !== '') return undefined;
    const args = node.args.map((argument) => (isNode(argument) ? valueOf(argument) : argument));
    if (node.args.some((argument, n) => isNode(argument) && args[n] === undefined)) return undefined;
    const value = rule === undefined ? algebra[node.op]!(...args) : rule(args as never, look);
    known.set(node, value);
    return value;
  };
  const value = valueOf(root);
  return typeof value === 'bigint' ? value & U64 : undefined;
}
