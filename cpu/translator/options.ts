/** What a translator can be told, and what it tells. */

export interface TranslatorOptions {
  /** instructions interpreted from an address on before it is translated */
  readonly threshold: number;
  /** executed instructions before which translation is kept short: one in `thrift` of those interpreted pays for it */
  readonly patientFor: number;
  readonly thrift: number;
  /** of a translation, as a part of what it is thought to take; 0: nothing has to be paid */
  readonly price: number;
  /** most regions at a time */
  readonly regions: number;
  /** most bytes of WebAssembly at a time */
  readonly bytes: number;
  /** most bytes of one region's module: of more, fewer instructions are translated */
  readonly moduleBytes: number;
  /** most instructions of a region */
  readonly instructions: number;
  /** calls followed into each other in a region */
  readonly depth: number;
  /** instructions after which control comes back to the host, where compiled code can be replaced by better */
  readonly quantum: number;
  /** writes to the code of a page after which it is left to the interpreter, for `pause` instructions */
  readonly patience: number;
  readonly pause: number;
}

export const defaultOptions: TranslatorOptions = {
  threshold: 2000,
  patientFor: 4_000_000,
  thrift: 4,
  price: 1,
  regions: 3072,
  bytes: 16 << 20,
  moduleBytes: 256 << 10,
  instructions: 300,
  depth: 3,
  quantum: 1_000_000,
  patience: 64,
  pause: 20_000_000,
};

export interface TranslatorStats {
  /** instructions in translated code */
  translated: number;
  /** translations, and of those the ones there are now */
  translations: number;
  regions: number;
  /** of the regions there are now: guest instructions, and bytes of WebAssembly */
  instructions: number;
  bytes: number;
  /** regions dropped because their instructions have been written, or to make room */
  invalidated: number;
  evicted: number;
  /** places of which no region could be made, and why the last could not; the interpreter executes them */
  failed: number;
  failure: string | undefined;
  /** ms */
  compileTime: number;
  /** calls of the host: after a miss in the TLB, for an instruction of the interpreter's */
  located: number;
  stepped: number;
  /** ways back to the interpreter */
  exits: { step: number; budget: number; missing: number; stopped: number };
}

export const createStats = (): TranslatorStats => ({
  translated: 0,
  translations: 0,
  regions: 0,
  instructions: 0,
  bytes: 0,
  invalidated: 0,
  evicted: 0,
  failed: 0,
  failure: undefined,
  compileTime: 0,
  located: 0,
  stepped: 0,
  exits: { step: 0, budget: 0, missing: 0, stopped: 0 },
});
