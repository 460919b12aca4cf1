/** Narrowing of register values to the types of C prototypes. */
export const toInt = (value: bigint): number => Number(BigInt.asIntN(32, value));
export const toUnsigned = (value: bigint): number => Number(BigInt.asUintN(32, value));
/** A length or count; what exceeds MAX_RW_COUNT is cut, as Linux cuts it. */
export const MAX_RW_COUNT = 0x7fff_f000;
export const toCount = (value: bigint): number => (value > BigInt(MAX_RW_COUNT) ? MAX_RW_COUNT : Number(value));
