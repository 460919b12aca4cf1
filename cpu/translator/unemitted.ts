/**
 * The operations that translated code does not have: an instruction that needs one is executed by the interpreter. After
 * those of `leaving` the processor is mostly elsewhere or in another mode, so that the region ends there.
 */
import type { Algebra } from '../algebra.ts';
import type { Node } from './node.ts';

/** What a definition meets that cannot be emitted; caught by the translator of blocks. */
export class Unemitted extends Error {
  override readonly name = 'Unemitted';
  readonly leaves: boolean;

  constructor(operation: string, leaves: boolean) {
    super(`${operation} is the interpreter's`);
    this.leaves = leaves;
  }
}

const stepping = [
  'loadWhere',
  'storeWhere',
  'extractBits',
  'depositBits',
  'crc32c',
  'requireKernelElseUndefined',
  'writeSystem',
  'readSegment',
  'readMsr',
  'writeMsr',
  'cpuid',
  'timestamp',
  'invalidatePage',
  'inspectSegment',
  'readDebug',
  'random',
  'requireWideVectors',
  'readHalf',
  'writeHalf',
  'carrylessMultiply',
  'hash',
  'compareStrings',
  'approximate',
  'beginX87',
  'beginMmx',
  'endMmx',
  'readX87',
  'writeX87',
  'freeX87',
  'isEmptyX87',
  'rotateX87',
  'stackFaultX87',
  'settleX87',
  'extended',
  'extendedUnary',
  'compareExtended',
  'extendedFromFloat',
  'extendedToFloat',
  'extendedFromInteger',
  'extendedToInteger',
  'extendedFromDecimal',
  'extendedToDecimal',
] as const satisfies readonly (keyof Algebra<Node, Node, Node>)[];

const leaving = [
  'loadSegment',
  'loadTaskRegister',
  'loadCodeSegment',
  'syscall',
  'sysret',
  'interruptReturn',
  'softwareInterrupt',
  'writeDebug',
  'halt',
  'undefinedInstruction',
] as const satisfies readonly (keyof Algebra<Node, Node, Node>)[];

type Name = (typeof stepping)[number] | (typeof leaving)[number];

/** Its methods are added below. */
function Refusals(): void {}
for (const [names, leaves] of [
  [stepping, false],
  [leaving, true],
] as const) {
  for (const name of names) {
    const refusal = new Unemitted(name, leaves);
    Object.defineProperty(Refusals.prototype as object, name, {
      value: () => {
        throw refusal;
      },
    });
  }
}

/** `Refusals`, of which the compiler is told what the loop has added. */
export const UnemittedOperations = Refusals as unknown as new () => Pick<Algebra<Node, Node, Node>, Name>;
