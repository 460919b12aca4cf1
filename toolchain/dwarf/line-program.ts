/** Runs line-number programs: the machine of DWARF 5, section 6.2.2. */
import * as dwarf from './constants.ts';
import {
  cursorAt,
  readAddress,
  readSleb64,
  readU16,
  readU8,
  readUleb,
  readUleb64,
  skip,
  type Cursor,
} from './cursor.ts';
import { isCode, tolerate, type DebugFile } from './debug-file.ts';
import { nextContribution, readFileEntry, readLineHeader, type LineHeader } from './line-header.ts';

/** Rows of code without holes, by address, ascending. */
export interface Sequence {
  readonly low: bigint;
  /** behind the last instruction */
  readonly high: bigint;
  /** of the rows */
  readonly addresses: BigUint64Array;
  /** three a row: file number, line (0: none), column * 2 + is_stmt */
  readonly words: Uint32Array;
  /** by number */
  readonly files: readonly (string | undefined)[];
}

const U32 = 0xffff_ffff;
const MAX_COLUMN = 0x7fff_ffff;

interface Machine {
  readonly header: LineHeader;
  address: bigint;
  operation: number;
  file: number;
  line: number;
  column: number;
  isStatement: boolean;
  addresses: bigint[];
  words: number[];
}

function reset(machine: Machine): void {
  Object.assign(machine, {
    address: 0n,
    operation: 0,
    file: 1,
    line: 1,
    column: 0,
    isStatement: machine.header.defaultIsStatement,
    addresses: [],
    words: [],
  });
}

function advance(machine: Machine, operations: bigint): void {
  const { minimumInstructionLength, maximumOperations } = machine.header;
  const length = BigInt(minimumInstructionLength);
  if (maximumOperations === 1) {
    machine.address = BigInt.asUintN(64, machine.address + length * operations);
    return;
  }
  const total = BigInt(machine.operation) + operations;
  const most = BigInt(maximumOperations);
  machine.address = BigInt.asUintN(64, machine.address + length * (total / most));
  machine.operation = Number(total % most);
}

function addRow(machine: Machine): void {
  const { address, file, line, column, isStatement } = machine;
  machine.addresses.push(address);
  machine.words.push(Math.min(file, U32), line, Math.min(column, MAX_COLUMN) * 2 + (isStatement ? 1 : 0));
}

/** The rows, sorted; they are already unless something is odd about them. */
function sequenceOf(machine: Machine): Sequence | undefined {
  const { addresses, words, address: high } = machine;
  const { files } = machine.header;
  const order = addresses.map((_, index) => index);
  if (addresses.some((address, index) => index > 0 && address < addresses[index - 1]!)) {
    order.sort((a, b) => (addresses[a]! < addresses[b]! ? -1 : addresses[a]! > addresses[b]! ? 1 : a - b));
  }
  if (order.length === 0) return undefined;
  return {
    low: addresses[order[0]!]!,
    high,
    addresses: BigUint64Array.from(order, (index) => addresses[index]!),
    words: Uint32Array.from(words, (_, at) => words[3 * order[Math.floor(at / 3)]! + (at % 3)]!),
    files,
  };
}

type Standard = (machine: Machine, cursor: Cursor) => void;

/** By opcode; the ones missing change nothing that is kept, or are passed over by their number of operands. */
const standard: ReadonlyMap<number, Standard> = new Map<number, Standard>([
  [dwarf.DW_LNS_copy, addRow],
  [dwarf.DW_LNS_advance_pc, (machine, cursor) => advance(machine, readUleb64(cursor))],
  [
    dwarf.DW_LNS_advance_line,
    (machine, cursor) => {
      machine.line = Number(BigInt.asUintN(32, BigInt(machine.line) + readSleb64(cursor)));
    },
  ],
  [
    dwarf.DW_LNS_set_file,
    (machine, cursor) => {
      machine.file = readUleb(cursor);
    },
  ],
  [
    dwarf.DW_LNS_set_column,
    (machine, cursor) => {
      machine.column = readUleb(cursor);
    },
  ],
  [
    dwarf.DW_LNS_negate_stmt,
    (machine) => {
      machine.isStatement = !machine.isStatement;
    },
  ],
  [
    dwarf.DW_LNS_const_add_pc,
    (machine) => {
      const { opcodeBase, lineRange } = machine.header;
      advance(machine, BigInt(Math.floor((255 - opcodeBase) / lineRange)));
    },
  ],
  [
    dwarf.DW_LNS_fixed_advance_pc,
    (machine, cursor) => {
      machine.address = BigInt.asUintN(64, machine.address + BigInt(readU16(cursor)));
      machine.operation = 0;
    },
  ],
]);

/** The sequence that DW_LNE_end_sequence ends. */
function extended(file: DebugFile, machine: Machine, cursor: Cursor): Sequence | undefined {
  const length = readUleb(cursor);
  const start = skip(cursor, length);
  if (length === 0) return undefined;
  const operands = cursorAt(cursor.section, start, cursor.at);
  const opcode = readU8(operands);
  if (opcode === dwarf.DW_LNE_end_sequence) {
    const sequence = sequenceOf(machine);
    reset(machine);
    return sequence;
  }
  if (opcode === dwarf.DW_LNE_set_address) {
    machine.address = readAddress(operands, length - 1);
    machine.operation = 0;
  }
  if (opcode === dwarf.DW_LNE_define_file) machine.header.files.push(readFileEntry(file, operands, machine.header));
  return undefined;
}

/** Calls `found` with each sequence. At most a row a byte: time and memory are linear. */
function runProgram(file: DebugFile, header: LineHeader, found: (sequence: Sequence) => void): void {
  const { program, opcodeBase, lineBase, lineRange, operandCounts } = header;
  const cursor: Cursor = { ...program };
  const machine = { header } as Machine;
  reset(machine);
  while (cursor.at < cursor.end) {
    const opcode = readU8(cursor);
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      advance(machine, BigInt(Math.floor(adjusted / lineRange)));
      machine.line = (machine.line + lineBase + (adjusted % lineRange)) >>> 0;
      addRow(machine);
    } else if (opcode === 0) {
      const sequence = extended(file, machine, cursor);
      if (sequence !== undefined) found(sequence);
    } else {
      const run = standard.get(opcode);
      if (run !== undefined) run(machine, cursor);
      else for (let count = operandCounts[opcode]!; count > 0; count--) readUleb64(cursor);
    }
  }
}

export interface LineTables {
  readonly sequences: readonly Sequence[];
  /** by DW_AT_stmt_list: paths by file number */
  readonly files: ReadonlyMap<number, readonly (string | undefined)[]>;
}

/**
 * All programs of .debug_line, one behind the other. `directories`: DW_AT_comp_dir by DW_AT_stmt_list. Sequences of code
 * that the linker dropped are left out.
 */
export function readLineTables(file: DebugFile, directories: ReadonlyMap<number, string | undefined>): LineTables {
  const sequences: Sequence[] = [];
  const files = new Map<number, readonly (string | undefined)[]>();
  const cursor = cursorAt(file.sections.line, 0);
  tolerate(file, () => {
    while (cursor.at < cursor.end) {
      const contribution = nextContribution(cursor);
      tolerate(file, () => {
        const header = readLineHeader(file, contribution, directories.get(contribution.offset));
        files.set(contribution.offset, header.files);
        runProgram(file, header, (sequence) => {
          if (isCode(file, sequence.low, sequence.high)) sequences.push(sequence);
        });
      });
    }
  });
  return { sequences, files };
}
