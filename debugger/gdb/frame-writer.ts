/** .debug_frame, written: where a frame ends and where the caller's registers are, for each stretch of code. */
import { createByteWriter, withLength, type ByteWriter } from './dwarf-writer.ts';
import { joinBytes } from './text.ts';

/** DWARF's numbers of registers (System V ABI, AMD64, figure 3.36). */
export const DwarfRegister = {
  rax: 0,
  rdx: 1,
  rcx: 2,
  rbx: 3,
  rsi: 4,
  rdi: 5,
  rbp: 6,
  rsp: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
  rip: 16,
  rflags: 49,
} as const;

/** The end of the frame: a register plus bytes, or what the word at the stack pointer says, plus bytes. */
export type FrameEnd =
  | { readonly kind: 'register'; readonly register: number; readonly offset: number }
  | { readonly kind: 'saved-stack-pointer'; readonly offset: number };

export interface FrameRow {
  readonly end: FrameEnd;
  /** bytes from the frame's end, a multiple of 8, by register; undefined: it has none, as where a stack ends */
  readonly saved: ReadonlyMap<number, number | undefined>;
  /** subtracted from the saved rip: bytes of the instruction that has been replaced by int3 */
  readonly back?: number;
}

export interface FrameStretch {
  readonly start: bigint;
  readonly size: number;
  /** control comes from elsewhere than by a call, or from another stack */
  readonly signal: boolean;
  /** at offsets from `start`, ascending, the first at 0 */
  readonly rows: readonly { readonly at: number; readonly row: FrameRow }[];
}

const CFA = {
  advanceLoc4: 0x04,
  restoreExtended: 0x06,
  undefined: 0x07,
  defCfa: 0x0c,
  defCfaExpression: 0x0f,
  offsetExtendedSf: 0x11,
  valExpression: 0x16,
} as const;
const DW_OP_deref = 0x06;
const DW_OP_const1u = 0x08;
const DW_OP_minus = 0x1c;
const DW_OP_plus_uconst = 0x23;
const DW_OP_breg7 = 0x77;

const DATA_ALIGN = -8;
const VERSION = 3;
const CIE_ID = 0xffff_ffff;

/** `zS`: a frame that is entered by no call; gdb then takes its address as it is. */
function commonEntry(signal: boolean): Uint8Array {
  const out = createByteWriter();
  out.u32(CIE_ID);
  out.u8(VERSION);
  out.string(signal ? 'zS' : '');
  out.uleb(1);
  out.sleb(DATA_ALIGN);
  out.uleb(DwarfRegister.rip);
  if (signal) out.uleb(0);
  return withLength(out.result());
}

function writeEnd(out: ByteWriter, end: FrameEnd): void {
  if (end.kind === 'register') {
    out.u8(CFA.defCfa);
    out.uleb(end.register);
    out.uleb(end.offset);
    return;
  }
  const expression = createByteWriter();
  expression.u8(DW_OP_breg7);
  expression.sleb(0);
  expression.u8(DW_OP_deref, DW_OP_plus_uconst);
  expression.uleb(end.offset);
  out.u8(CFA.defCfaExpression);
  out.uleb(expression.length);
  out.bytes(expression.result());
}

/** The word at `offset` below the frame's end, less `back`. */
function writeRipBack(out: ByteWriter, offset: number, back: number): void {
  out.u8(CFA.valExpression);
  out.uleb(DwarfRegister.rip);
  const expression = [DW_OP_const1u, -offset, DW_OP_minus, DW_OP_deref, DW_OP_const1u, back, DW_OP_minus];
  out.uleb(expression.length);
  out.u8(...expression);
}

/** `before`: registers that the rows before have said something of; what is not said is as gdb knows it of any frame. */
function writeRow(out: ByteWriter, { end, saved, back }: FrameRow, before: Set<number>): void {
  writeEnd(out, end);
  for (const [register, offset] of saved) {
    out.u8(offset === undefined ? CFA.undefined : CFA.offsetExtendedSf);
    out.uleb(register);
    if (offset !== undefined) out.sleb(offset / DATA_ALIGN);
  }
  const rip = saved.get(DwarfRegister.rip);
  if (back !== undefined && rip !== undefined) writeRipBack(out, rip, back);
  for (const register of before) {
    if (saved.has(register)) continue;
    out.u8(CFA.restoreExtended);
    out.uleb(register);
  }
  for (const register of saved.keys()) before.add(register);
}

function stretchEntry({ start, size, signal, rows }: FrameStretch, common: number): Uint8Array {
  const out = createByteWriter();
  out.u32(common);
  out.u64(start);
  out.u64(BigInt(size));
  if (signal) out.uleb(0);
  const before = new Set<number>();
  let last = 0;
  for (const { at, row } of rows) {
    if (at > last) {
      out.u8(CFA.advanceLoc4);
      out.u32(at - last);
    }
    last = at;
    writeRow(out, row, before);
  }
  return withLength(out.result());
}

export function frameSection(stretches: readonly FrameStretch[]): Uint8Array {
  const [normal, signal] = [commonEntry(false), commonEntry(true)];
  return joinBytes(
    normal,
    signal,
    ...stretches.map((stretch) => stretchEntry(stretch, stretch.signal ? normal.length : 0)),
  );
}
