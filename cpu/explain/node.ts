/**
 * What the explaining reading computes with: expressions instead of numbers. A node is one call of an operation of the
 * algebra, or a part of the state as it was before the instruction; equal nodes of one explanation are one object.
 */
import type { FlagName, SystemRegister } from '../algebra.ts';
import type { Width } from '../instruction.ts';

export type Sort = 'value' | 'condition' | 'vector';

export type Argument = Node | bigint | number | boolean | string | undefined | readonly number[];

export interface Node<S extends Sort = Sort> {
  readonly id: number;
  readonly sort: S;
  /**
   * The algebra's name of the operation, or one of ours. Leaves: `register` (index, lowest bit, bits), `xmm` (index; from
   * 16 on, the upper halves of the ymm registers), `mmx` (index),
   * `flag` (name), `nextRip`, `load` (address, bits), `loadVector` (address), `user` (CPL is not 0), and `loadWhere` (condition, address, bits). Made by
   * simplification: `rotateLeft` (value, count, width), `product` (left, right, width, signed: twice as wide),
   * `concat` (high, low, bits of low), `reduce`
   * (value, period, steps: so many times less the period where it is not below it), `insert` (whole, lowest bit, bits, part), `bitAt` (value, index),
   * `settled` (what the x87 has found: field `proceeds` or `fsw`), `fits` (left, right, width, signed: the product), `choose` (three conditions), `selectVector`, `pack` (lane width,
   * the lanes from the lowest), `ones` (a vector), `loadExtended` (address), `extendedConstant` (bits), `selectExtended`, `negated` and
   * `magnitude` (of an extended number), `extendedOf` (significand, sign and exponent).
   */
  readonly op: string;
  /** in the order of the algebra's method */
  readonly args: readonly Argument[];
  /** of an operation with several results: which */
  readonly field: string;
  /** an upper bound: higher bits are zero */
  readonly bits: number;
}
export type Expression = Node<'value'>;
export type Condition = Node<'condition'>;
export type VectorExpression = Node<'vector'>;

export const isNode = (argument: Argument): argument is Node =>
  typeof argument === 'object' && argument !== null && 'op' in argument;

/** The nodes that a node is made of. */
export const partsOf = (node: Node): Node[] => node.args.filter(isNode);

/** Flags that a sentence can name; the arithmetic ones first. */
export type NamedFlag = FlagName | 'TF' | 'IF' | 'DF' | 'NT' | 'RF' | 'VM' | 'AC' | 'ID' | StatusFlag;
/** The condition bits of the x87's status word. */
export type StatusFlag = 'C0' | 'C1' | 'C2' | 'C3';

/** Bit positions in rflags; IOPL and the virtual-interrupt bits have no name here. */
export const namedFlagBits: Readonly<Record<Exclude<NamedFlag, StatusFlag>, number>> = {
  CF: 0,
  PF: 2,
  AF: 4,
  ZF: 6,
  SF: 7,
  TF: 8,
  IF: 9,
  DF: 10,
  OF: 11,
  NT: 14,
  RF: 16,
  VM: 17,
  AC: 18,
  ID: 21,
};

/** Bit positions in FSW. */
export const statusFlagBits: Readonly<Record<StatusFlag, number>> = { C0: 8, C1: 9, C2: 10, C3: 14 };

/** A part of the machine's state. `low` and `width` in bits. */
export type Location =
  | { readonly kind: 'register' | 'xmm' | 'mmx'; readonly index: number; readonly low: number; readonly width: number }
  | { readonly kind: 'memory'; readonly address: Expression; readonly width: number }
  | { readonly kind: 'flag'; readonly name: NamedFlag }
  | { readonly kind: 'system'; readonly name: SystemRegister | 'cpl' | 'trBase' }
  /** `x87` counts from the top of the stack as it was before the instruction */
  | { readonly kind: 'segment' | 'debug' | 'x87'; readonly index: number }
  | { readonly kind: 'msr'; readonly index: Expression }
  | { readonly kind: 'rip' | 'rflags' };

/** A statement of an explanation. All expressions are of the state before the instruction (before the iteration). */
export type Statement =
  | {
      readonly kind: 'write';
      readonly to: Location;
      readonly value: Node;
      /** bits of the operand: 32 for a register says that the upper half becomes zero */
      readonly width: number;
    }
  | {
      /** arithmetic flags that follow from a result; `values` has a condition for each */
      readonly kind: 'flags';
      readonly result: Expression;
      readonly values: ReadonlyMap<FlagName, Condition>;
    }
  | {
      readonly kind: 'if';
      readonly condition: Condition;
      readonly yes: readonly Statement[];
      readonly no: readonly Statement[];
      /** what written places hold afterwards, where one node can say it */
      readonly after: readonly { readonly at: Location; readonly value: Node | undefined }[];
    }
  | {
      /** `body` while the counter is not zero and, after an iteration, `until` is not met */
      readonly kind: 'while';
      readonly counter: Location & { readonly kind: 'register' };
      readonly body: readonly Statement[];
      readonly until: Condition | undefined;
    }
  | { readonly kind: 'raise'; readonly vector: number; readonly errorCode: number | undefined }
  | {
      /** what has no expression */
      readonly kind: 'action';
      readonly name: string;
      readonly args: readonly Argument[];
      readonly writes: readonly Location[];
    };

export const RIP: Location = { kind: 'rip' };
export const registerAt = (index: number, width: number, low = 0): Location & { readonly kind: 'register' } =>
  ({ kind: 'register', index, low, width }) as Location & { readonly kind: 'register' };

/** An address as a node that is no constant sum, and the rest (signed). */
export function baseAndOffset(address: Expression): { readonly base: Node | undefined; readonly offset: bigint } {
  if (address.op === 'constant') return { base: undefined, offset: address.args[0] as bigint };
  const right = address.args[1];
  if (isNode(right as Node) && (right as Node).op === 'constant' && address.args[2] === 64) {
    const value = BigInt.asIntN(64, (right as Node).args[0] as bigint);
    if (address.op === 'add') return { base: address.args[0] as Node, offset: value };
    if (address.op === 'sub') return { base: address.args[0] as Node, offset: -value };
  }
  return { base: address, offset: 0n };
}

/** Whether the two certainly have bits in common; memory at unrelated addresses counts as apart. */
export function overlaps(left: Location, right: Location): boolean {
  if (left.kind === 'rflags' || right.kind === 'rflags') {
    return [left, right].every(({ kind }) => kind === 'rflags' || kind === 'flag');
  }
  if (left.kind !== right.kind) return false;
  switch (left.kind) {
    case 'register':
    case 'xmm':
    case 'mmx': {
      const other = right as typeof left;
      return left.index === other.index && left.low < other.low + other.width && other.low < left.low + left.width;
    }
    case 'memory': {
      const other = right as typeof left;
      const [one, two] = [baseAndOffset(left.address), baseAndOffset(other.address)];
      if (one.base !== two.base) return false;
      const apart = two.offset - one.offset;
      return apart < BigInt(left.width / 8) && -apart < BigInt(other.width / 8);
    }
    case 'flag':
    case 'system':
      return left.name === (right as typeof left).name;
    case 'msr':
    case 'segment':
    case 'debug':
    case 'x87':
      return left.index === (right as typeof left).index;
    default:
      return true;
  }
}

/** `index` as in the leaf `xmm`. */
export const xmmAt = (index: number, low: number, width: number): Location => ({
  kind: 'xmm',
  index: index & 15,
  low: low + (index >> 4) * 128,
  width,
});

const mmxAt = (index: number, low: number, width: number): Location => ({ kind: 'mmx', index, low, width });

/** The state that a leaf stands for. */
export function locationOf(node: Node): Location | undefined {
  const { op, args } = node;
  switch (op) {
    case 'register':
      return registerAt(args[0] as number, args[2] as number, args[1] as number);
    case 'xmm':
      return xmmAt(args[0] as number, 0, 128);
    case 'mmx':
      return mmxAt(args[0] as number, 0, 64);
    case 'lane': {
      const [vector, lane, index] = args as [Node, Width, number];
      if (vector.op === 'mmx') return mmxAt(vector.args[0] as number, lane * index, lane);
      return vector.op === 'xmm' ? xmmAt(vector.args[0] as number, lane * index, lane) : undefined;
    }
    case 'load':
      return { kind: 'memory', address: args[0] as Expression, width: args[1] as number };
    case 'loadVector':
      return { kind: 'memory', address: args[0] as Expression, width: 128 };
    case 'loadExtended':
      return { kind: 'memory', address: args[0] as Expression, width: 80 };
    case 'flag':
      return { kind: 'flag', name: args[0] as FlagName };
    case 'directionStep':
      return { kind: 'flag', name: 'DF' };
    case 'readRflags':
      return { kind: 'rflags' };
    case 'readSystem':
      return { kind: 'system', name: args[0] as SystemRegister };
    case 'user':
      return { kind: 'system', name: 'cpl' };
    case 'readSegment':
      return { kind: 'segment', index: args[0] as number };
    case 'readDebug':
      return { kind: 'debug', index: args[0] as number };
    case 'readX87':
      return { kind: 'x87', index: args[0] as number };
    case 'readMsr':
      return { kind: 'msr', index: args[0] as Expression };
    case 'nextRip':
      return RIP;
    default:
      return undefined;
  }
}
