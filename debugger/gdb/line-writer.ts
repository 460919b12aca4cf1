/** .debug_line, written: rows in sequences, with the standard opcodes alone. */
import {
  DW_LNE_end_sequence,
  DW_LNE_set_address,
  DW_LNS_advance_line,
  DW_LNS_advance_pc,
  DW_LNS_copy,
  DW_LNS_set_file,
} from '../../toolchain/dwarf/constants.ts';
import { createByteWriter, DWARF_VERSION, withLength, type ByteWriter } from './dwarf-writer.ts';
import { joinBytes } from './text.ts';

export interface LineRow {
  readonly address: bigint;
  /** place in the list of files */
  readonly file: number;
  readonly line: number;
}

export interface LineSequence {
  /** ascending */
  readonly rows: readonly LineRow[];
  /** the first address behind */
  readonly end: bigint;
}

/** operands of each standard opcode, from 1 (DWARF 4, 6.2.5.2); there are no special ones */
const STANDARD_OPCODES = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];

/** DWARF 4, 6.2.4 */
function header(files: readonly string[]): Uint8Array {
  const out = createByteWriter();
  const minimumInstructionLength = 1;
  const maximumOperations = 1;
  const defaultIsStatement = 1;
  const lineBase = 0;
  const lineRange = 1;
  out.u8(minimumInstructionLength, maximumOperations, defaultIsStatement, lineBase, lineRange);
  out.u8(STANDARD_OPCODES.length + 1, ...STANDARD_OPCODES);
  out.u8(0);
  for (const file of files) {
    out.string(file);
    out.u8(0, 0, 0);
  }
  out.u8(0);
  return out.result();
}

function extended(out: ByteWriter, opcode: number, operand: Uint8Array): void {
  out.u8(0);
  out.uleb(operand.length + 1);
  out.u8(opcode);
  out.bytes(operand);
}

function writeSequence(out: ByteWriter, { rows, end }: LineSequence): void {
  const start = createByteWriter();
  start.u64(rows[0]!.address);
  extended(out, DW_LNE_set_address, start.result());
  let [at, line] = [rows[0]!.address, 1];
  const moveTo = (address: bigint): void => {
    out.u8(DW_LNS_advance_pc);
    out.uleb(Number(address - at));
    at = address;
  };
  for (const row of rows) {
    moveTo(row.address);
    out.u8(DW_LNS_set_file);
    out.uleb(row.file + 1);
    out.u8(DW_LNS_advance_line);
    out.sleb(row.line - line);
    out.u8(DW_LNS_copy);
    line = row.line;
  }
  moveTo(end);
  extended(out, DW_LNE_end_sequence, new Uint8Array(0));
}

/** One unit's table; `files` are paths. */
export function lineTable(files: readonly string[], sequences: readonly LineSequence[]): Uint8Array {
  const program = createByteWriter();
  for (const sequence of sequences) if (sequence.rows.length > 0) writeSequence(program, sequence);
  const names = header(files);
  const front = createByteWriter();
  front.u16(DWARF_VERSION);
  front.u32(names.length);
  return withLength(joinBytes(front.result(), names, program.result()));
}
