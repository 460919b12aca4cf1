/** The processor's opcode rows, read backwards: from a mnemonic as written to the rows that may encode it. */
import { compiledRows, type CompiledRow } from '../../cpu/decoder.ts';
import type { Width } from '../../cpu/instruction.ts';
import {
  additions,
  aliases,
  impliedOne,
  impliedPredicates,
  replacements,
  sizedWithoutOperands,
  sizeSuffixes,
  type Spelling,
} from './spellings.ts';
import { x87Spellings } from './x87-spellings.ts';

/** What one operand letter of the rows asks for. */
export type Slot =
  | 'E'
  | 'M'
  | 'R'
  | 'G'
  | 'Z'
  | 'A'
  | 'I'
  | 'S'
  | 'J'
  | 'O'
  | 'C'
  | 'D'
  | 's'
  | 'V'
  | 'W'
  | 'U'
  /** one register, named by the spec */
  | 'fixed'
  /** x87 registers: the top, and any */
  | 'st0'
  | 'sti'
  /** the immediate 1 */
  | 'one';

export interface Spec {
  /** as in the row */
  readonly text: string;
  readonly slot: Slot;
  /** the size letter, or '' */
  readonly size: string;
}

/** A row and what follows from it. */
export interface Form {
  readonly row: CompiledRow;
  readonly specs: readonly Spec[];
  /** effective operand sizes that its bytes can express; the first is the one without prefixes */
  readonly widths: readonly Width[];
  /** the operand size makes a difference, in an operand or in the meaning */
  readonly sized: boolean;
  /** general registers or memory of one size, that a suffix can speak of */
  readonly general: boolean;
  readonly segment: boolean;
  readonly branch: boolean;
}

const fixedRegister = /^(al|cl|ax|dx|eax|rax)$/;
const slots = 'EMRGZAISJOCDsVWU';

function specOf(text: string): Spec | undefined {
  if (text === 'st0' || text === 'sti') return { text, slot: text, size: '' };
  if (text === '1') return { text, slot: 'one', size: '' };
  if (fixedRegister.test(text)) return { text, slot: 'fixed', size: '' };
  if (text.length > 2 || !slots.includes(text[0]!)) return undefined;
  return { text, slot: text[0] as Slot, size: text[1] ?? '' };
}

function widthsOf(row: CompiledRow, specs: readonly Spec[]): readonly Width[] {
  if (row.w8) return [8];
  if (row.f64) return [64];
  const sixteen = row.mandatory !== '66' && row.mandatory !== 'NP' && !specs.some(({ size }) => size === 'y');
  const all: Width[] = row.d64 ? [64] : row.w === 1 ? [64] : row.w === 0 ? [32] : [32, 64];
  return sixteen ? [...all, 16] : all;
}

function formOf(row: CompiledRow): Form | undefined {
  const specs = row.operands.map(specOf);
  if (!specs.every((spec) => spec !== undefined)) return undefined;
  const sized =
    specs.length === 0
      ? sizedWithoutOperands.has(row.row.mnemonic)
      : specs.some(({ slot, size }) => /[vyz]/.test(size) || slot === 'S');
  const widths = widthsOf(row, specs);
  return {
    row,
    specs,
    sized,
    widths: sized ? widths : widths.slice(0, 1),
    general:
      new Set(specs.filter(({ slot, size }) => 'ERGZAO'.includes(slot) && size !== '').map(({ size }) => size)).size ===
      1,
    segment: specs.some(({ slot }) => slot === 's'),
    branch: specs.some(({ slot }) => slot === 'J'),
  };
}

/** What this assembler does not write: VEX prefixes, far pointers (`lcall`, `ljmp`), enter with its operands in Intel's order. */
const isUnwritable = ({ vex, row }: CompiledRow): boolean =>
  vex || /^FF \/[35] mem$/.test(row.pattern) || row.mnemonic === 'enter';

const formsByMnemonic = new Map<string, Form[]>();
for (const row of compiledRows) {
  const form = isUnwritable(row) ? undefined : formOf(row);
  if (form === undefined) continue;
  const list = formsByMnemonic.get(row.row.mnemonic);
  if (list === undefined) formsByMnemonic.set(row.row.mnemonic, [form]);
  else list.push(form);
}

/** Every encoding of Intel's mnemonic, in the order of the rows. */
export const formsOf = (mnemonic: string): readonly Form[] => formsByMnemonic.get(mnemonic) ?? [];

function readings(): Map<string, Spelling[]> {
  const all = new Map<string, Spelling[]>();
  const add = (name: string, spelling: Spelling): void => {
    if (!formsByMnemonic.has(spelling.mnemonic)) return;
    const list = all.get(name);
    if (list === undefined) all.set(name, [spelling]);
    else list.push(spelling);
  };
  const addSuffixed = (name: string, mnemonic: string): void => {
    const implied = impliedOne.includes(mnemonic) ? 1n : undefined;
    add(name, { mnemonic });
    if (implied !== undefined) add(name, { mnemonic, implied, operandCount: 1 });
    if (!formsOf(mnemonic).some((form) => form.general || (form.sized && form.specs.length === 0))) return;
    for (const [suffix, width] of sizeSuffixes) {
      add(name + suffix, { mnemonic, width });
      if (implied !== undefined) add(name + suffix, { mnemonic, width, implied, operandCount: 1 });
    }
  };
  for (const mnemonic of formsByMnemonic.keys()) addSuffixed(mnemonic, mnemonic);
  for (const [alias, mnemonic] of aliases) addSuffixed(alias, mnemonic);
  for (const [name, spellings] of Object.entries(additions)) for (const spelling of spellings) add(name, spelling);
  for (const [name, spelling] of impliedPredicates) add(name, spelling);
  for (const [name, spellings] of Object.entries(replacements)) {
    all.delete(name);
    for (const spelling of spellings) add(name, spelling);
  }
  for (const [name, spellings] of x87Spellings) {
    all.delete(name);
    for (const spelling of spellings) add(name, spelling);
  }
  return all;
}

const spellings = readings();

/** Every mnemonic that can be written. */
export const mnemonics: Iterable<string> = { [Symbol.iterator]: () => spellings.keys() };

/** The readings of a mnemonic as written; undefined when it is none. */
export const spellingsOf = (name: string): readonly Spelling[] | undefined =>
  spellings.get(name) ?? spellings.get(name.toLowerCase());
