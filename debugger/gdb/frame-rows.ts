/** Rows of .debug_frame from the rules of the stack that code has. */
import type { StackRule } from '../story/index.ts';
import { DwarfRegister, type FrameEnd, type FrameRow } from './frame-writer.ts';

const WORD = 8;

export function endOf({ sp, bp, left }: StackRule): FrameEnd | undefined {
  if (sp !== undefined) return { kind: 'register', register: DwarfRegister.rsp, offset: sp };
  if (bp !== undefined) return { kind: 'register', register: DwarfRegister.rbp, offset: bp };
  return left === undefined ? undefined : { kind: 'saved-stack-pointer', offset: left };
}

/** Nothing is known of the caller. */
export const unknownRow: FrameRow = {
  end: { kind: 'register', register: DwarfRegister.rsp, offset: WORD },
  saved: new Map([[DwarfRegister.rip, undefined]]),
};

/** Entered by a call: the return address is the frame's last word. */
export function calledRow(rule: StackRule): FrameRow {
  const end = endOf(rule);
  if (end === undefined) return unknownRow;
  const saved = new Map<number, number | undefined>([[DwarfRegister.rip, -WORD]]);
  if (typeof rule.callerBp === 'number') saved.set(DwarfRegister.rbp, -rule.callerBp);
  if (rule.callerBp === undefined) saved.set(DwarfRegister.rbp, undefined);
  return { end, saved };
}

export const isSameRow = (one: FrameRow | undefined, other: FrameRow): boolean =>
  one !== undefined && JSON.stringify([one.end, [...one.saved]]) === JSON.stringify([other.end, [...other.saved]]);
