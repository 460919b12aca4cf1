import type { BoxOptions } from '../index.ts';

export type Engine = 'interpreter' | 'translator';

/** Options of a box for measuring. */
export const boxOptions = (engine: Engine): BoxOptions => ({ engine, recordSyscalls: false });
