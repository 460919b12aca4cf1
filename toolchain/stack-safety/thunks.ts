/** A thunk stands for a function: it checks the stack and goes on in the function, which leaves the frame chain as it is. */
import { viewOf } from '../elf/bytes.ts';

/** bytes from one thunk to the next */
export const THUNK_SLOT = 16;
/** bytes of a thunk */
export const THUNK_SIZE = 10;
export const THUNK_SECTION = '.rex.stack';
/** behind the symbol of the function */
export const THUNK_SUFFIX = '.checked';

const INT3 = 0xcc;
const CALL = 0xe8;
const JMP = 0xe9;

const rel32 = (target: number, next: number): number[] => {
  const value = target - next;
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
};

/** Machine code of a thunk at `address`, padded to a slot with int3. */
export function thunkCode(address: number, check: number, target: number): Uint8Array {
  const code = new Uint8Array(THUNK_SLOT).fill(INT3);
  code.set([CALL, ...rel32(check, address + 5), JMP, ...rel32(target, address + 10)]);
  return code;
}

/** Where the thunk at `address` goes; undefined when the bytes are no thunk of `check`. */
export function readThunk(bytes: Uint8Array, address: number, check: number): number | undefined {
  const view = viewOf(bytes);
  if (bytes.length < THUNK_SIZE || bytes[0] !== CALL || bytes[5] !== JMP) return undefined;
  if (address + 5 + view.getInt32(1, true) !== check) return undefined;
  return address + 10 + view.getInt32(6, true);
}
