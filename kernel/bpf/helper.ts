import type { NativeFunction } from '../native.ts';

/** A kernel function that a Rex program can call: one row each. */
export interface HelperRow {
  readonly name: string;
  /** in C */
  readonly prototype: string;
  readonly support: 'full' | 'partial';
  /** what differs from Linux; '' for nothing */
  readonly note: string;
  /** its body; arguments in rdi, rsi, rdx, rcx */
  readonly native: NativeFunction;
  /** lines between the frame's push and pop where `native NAME` alone is not enough */
  readonly text?: readonly string[];
}
