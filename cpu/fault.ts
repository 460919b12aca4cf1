/** Exception vectors, Intel SDM vol. 3, table 6-1. */
export const Vector = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  XM: 19,
} as const;

/** Page-fault error code bits. */
export const PageFault = { present: 1, write: 2, user: 4, reserved: 8, fetch: 16 } as const;

/** An exception on its way from an instruction to its delivery. Only `raise` makes one. */
class Fault extends Error {
  override readonly name = 'Fault';
  vector = 0;
  errorCode: number | undefined = undefined;
  /** for #PF */
  address = 0n;
}

// one object for all: faults are frequent (every demand-paged access) and caught at once
const fault = new Fault('processor exception');

/** Abandons the current instruction with exception `vector`; `address` is CR2 for a page fault. */
export function raise(vector: number, errorCode?: number, address = 0n): never {
  fault.vector = vector;
  fault.errorCode = errorCode;
  fault.address = address;
  throw fault;
}

export function isFault(error: unknown): error is Fault {
  return error === fault;
}
