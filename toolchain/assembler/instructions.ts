/** One instruction statement: its readings, the shortest encoding among their forms, its bytes. */
import type { Width } from '../../cpu/instruction.ts';
import { didYouMean } from './did-you-mean.ts';
import { costOf, emit, opcodeBytes, type StatedPrefixes } from './emit.ts';
import { constant, parseList, type Names } from './expressions.ts';
import { formsOf, mnemonics, spellingsOf, type Form } from './forms.ts';
import type { Token } from './lexer.ts';
import { substituteFor } from './not-here.ts';
import { bitsOf, matchOperand, Mismatch, sizeAgrees } from './match.ts';
import { parseOperand, type OperandSyntax } from './operands.ts';
import { endFragment, reserve, type SectionBuilder } from './sections.ts';
import { bareImmediates, prefixBytes, symmetric, type Spelling } from './spellings.ts';
import { expectEnd, fail, peek, takeName, type StatementReader } from './statement-reader.ts';

interface Choice {
  readonly form: Form;
  readonly operands: readonly OperandSyntax[];
  readonly width: Width;
  readonly spelling: Spelling;
  /** orders choices: the least wins, the first of equals */
  readonly cost: number;
}

interface Search {
  best: Choice | undefined;
  /** the worst that kept a form from matching, and the operand it was found at */
  mismatch: Mismatch;
  at: OperandSyntax | undefined;
  /** sizes of the memory operand in the forms that match; several, and the statement does not say which */
  readonly memoryBits: Set<number>;
}

const implied = (value: bigint, token: Token): OperandSyntax => ({
  kind: 'immediate',
  value: constant(value),
  token,
  star: false,
});

const stackRegister = (index: number, token: Token): OperandSyntax => ({
  kind: 'register',
  register: { kind: 7, index, width: 80 },
  token,
  star: false,
});

/** The operand lists, in Intel's order, that the statement may mean under this spelling. */
function arrangements(
  spelling: Spelling,
  written: readonly OperandSyntax[],
  token: Token,
): readonly (readonly OperandSyntax[])[] {
  if (spelling.operandCount !== undefined && written.length !== spelling.operandCount) return [];
  const operands = written.toReversed();
  if (spelling.implied !== undefined) operands.push(implied(spelling.implied, token));
  operands.unshift(...(spelling.stackBefore ?? []).map((index) => stackRegister(index, token)));
  operands.push(...(spelling.stackAfter ?? []).map((index) => stackRegister(index, token)));
  const [first, second] = operands;
  // imul $5, %eax: the destination is the source too
  if (spelling.mnemonic === 'imul' && operands.length === 2 && second!.kind === 'immediate')
    return [[first!, first!, second!]];
  if (symmetric.has(spelling.mnemonic) && operands.length === 2) return [operands, written];
  return [operands];
}

function statedSizeFits({ width: stated }: Spelling, form: Form, width: Width): boolean {
  if (stated === undefined || form.segment) return true;
  if (form.branch) return stated === 64;
  return form.sized ? width === stated : form.general;
}

const memorySizeFits = ({ memoryBits }: Spelling, { specs }: Form, width: Width): boolean =>
  memoryBits === undefined || specs.some(({ slot, size }) => slot === 'M' && bitsOf(size, width) === memoryBits);

const has = (operands: readonly OperandSyntax[], wanted: OperandSyntax['kind']): boolean =>
  operands.some(({ kind }) => kind === wanted);

function tryForm(
  search: Search,
  form: Form,
  operands: readonly OperandSyntax[],
  spelling: Spelling,
  branches: boolean,
): void {
  const { row, specs } = form;
  if (specs.length !== operands.length) return;
  if (spelling.toStackRegister !== undefined && spelling.toStackRegister !== (specs[0]?.slot === 'sti')) return;
  for (const width of form.widths) {
    if (width !== form.widths[0]) {
      if (form.segment && has(operands, 'memory')) continue;
      if (spelling.width === undefined && (row.d64 || specs.length === 0) && !has(operands, 'register')) continue;
    }
    if (spelling.absolute && !specs.some(({ slot, text }) => slot === 'O' || (text === 'Iv' && width === 64))) continue;
    const fits = statedSizeFits(spelling, form, width) && memorySizeFits(spelling, form, width);
    let mismatch: Mismatch = fits ? Mismatch.none : Mismatch.size;
    let at: OperandSyntax | undefined;
    for (let n = 0; n < specs.length && mismatch === Mismatch.none; n++) {
      const spec = specs[n]!;
      at = operands[n]!;
      mismatch = matchOperand(at, spec, form, width, branches);
      const stated = spelling.width ?? spelling.operandWidths?.[n];
      if (mismatch === Mismatch.none && !sizeAgrees(stated, spec, form, width)) mismatch = Mismatch.size;
    }
    // 90 is nop, and does not clear the upper half of rax
    if (mismatch === Mismatch.none && row.map === 0 && row.opcode === 0x90 && row.plusRegister && width === 32) {
      if (operands.every((operand) => operand.kind === 'register' && operand.register.index === 0))
        mismatch = Mismatch.kind;
    }
    if (mismatch !== Mismatch.none) {
      if (mismatch > search.mismatch) [search.mismatch, search.at] = [mismatch, at];
      continue;
    }
    for (let n = 0; n < specs.length; n++) {
      if (operands[n]!.kind === 'memory' && specs[n]!.slot !== 'J')
        search.memoryBits.add(bitsOf(specs[n]!.size, width));
    }
    // at one length GAS prefers a sign-extended byte to the accumulator's form
    const cost = costOf(form, operands, width) * 2 - (specs.some(({ slot }) => slot === 'S') ? 1 : 0);
    if (search.best === undefined || cost < search.best.cost) search.best = { form, operands, width, spelling, cost };
  }
}

const sizeLetterNames: Readonly<Record<string, string>> = {
  b: '8',
  w: '16',
  d: '32',
  q: '64',
  v: '16/32/64',
  y: '32/64',
  z: '16/32',
  x: '128',
  '': '',
};
const slotNames: Readonly<Record<string, string>> = {
  E: 'r/m',
  M: 'm',
  R: 'r',
  G: 'r',
  Z: 'r',
  A: 'a',
  I: '$imm',
  S: '$imm8',
  J: 'label',
  O: 'address',
  C: '%cr',
  D: '%dr',
  s: '%segment',
  V: '%xmm',
  W: '%xmm/m',
  U: '%xmm',
  one: '$1',
  st0: '%st',
  sti: '%st(i)',
};

function described({ specs }: Form): string {
  const names = specs.map(({ text, slot, size }) => {
    if (slot === 'fixed') return `%${text}`;
    const bits = 'CDsVUJSO'.includes(slot) || slot === 'one' || slot.startsWith('st') ? '' : sizeLetterNames[size]!;
    if (slot === 'A') return `%${{ '8': 'al', '16/32/64': 'ax/eax/rax' }[bits] ?? 'rax'}`;
    return `${slotNames[slot]}${bits}`;
  });
  return names.toReversed().join(', ');
}

const MAX_FORMS_LISTED = 8;

/** ` (%eax has 32 bits, %rbx 64)` */
function registerSizes(reader: StatementReader, written: readonly OperandSyntax[]): string {
  const sizes = written.flatMap((operand) => {
    if (operand.kind !== 'register' || operand.register.kind !== 0) return [];
    const { tokens } = reader.statement;
    const { text: name } = tokens[tokens.indexOf(operand.token) + (operand.star ? 1 : 0)] ?? operand.token;
    return [`%${name} has ${operand.register.width} bits`];
  });
  return sizes.length === 0 ? '' : ` (${sizes.join(', ')})`;
}

function noEncoding(
  reader: StatementReader,
  search: Search,
  token: Token,
  spellings: readonly Spelling[],
  written: readonly OperandSyntax[],
): Error {
  const count = written.length;
  const forms = [...new Set(spellings.flatMap(({ mnemonic }) => formsOf(mnemonic)))];
  const list = [...new Set(forms.map((form) => described(form)))];
  const takes = `${token.text} takes: ${list
    .slice(0, MAX_FORMS_LISTED)
    .map((form) => (form === '' ? 'no operands' : form))
    .join(' | ')}${list.length > MAX_FORMS_LISTED ? ' | …' : ''}`;
  const reasons: Readonly<Record<Mismatch, string>> = {
    [Mismatch.none]: `${count} operand${count === 1 ? '' : 's'} given; ${takes}`,
    [Mismatch.kind]: `no form with these operands; ${takes}`,
    [Mismatch.star]: spellings.some(({ mnemonic }) => formsOf(mnemonic).some((form) => form.branch))
      ? `an indirect ${token.text} is written with *, as in ${token.text} *%rax`
      : '* stands only before the target of an indirect jump or call',
    [Mismatch.size]: `operand size mismatch${registerSizes(reader, written)}; ${takes}`,
    [Mismatch.range]: `value out of range; ${takes}`,
  };
  return fail(reader, reasons[search.mismatch], search.at?.token ?? token);
}

function takePrefixes(reader: StatementReader): { prefixes: StatedPrefixes; bytes: number[]; last: Token | undefined } {
  const prefixes: StatedPrefixes = { segment: 0, address: false, operand: false, repeat: 0, lock: false };
  const bytes: number[] = [];
  let last: Token | undefined;
  for (;;) {
    const token = peek(reader);
    const byte = token?.kind === 'name' ? prefixBytes.get(token.text.toLowerCase()) : undefined;
    if (byte === undefined) return { prefixes, bytes, last };
    if (bytes.includes(byte)) throw fail(reader, `${token!.text} stands twice`, token);
    reader.next++;
    last = token;
    bytes.push(byte);
    if (byte === 0xf0) prefixes.lock = true;
    else if (byte === 0xf2 || byte === 0xf3) prefixes.repeat = byte;
    else if (byte === 0x66) prefixes.operand = true;
    else if (byte === 0x67) prefixes.address = true;
    else prefixes.segment = byte;
  }
}

const FWAIT = 0x9b;

function emitBranch(reader: StatementReader, section: SectionBuilder, choice: Choice, prefixes: StatedPrefixes): void {
  const forms = formsOf(choice.spelling.mnemonic).filter(({ branch }) => branch);
  const short = forms.find(({ specs }) => specs[0]!.text === 'Jb');
  const long = forms.find(({ specs }) => specs[0]!.text === 'Jz');
  const [target] = choice.operands;
  if (target?.kind !== 'memory') return;
  if (short === undefined || long === undefined || target.displacement.kind === 'constant') {
    const form = long ?? short!;
    emit(reader, section, form, choice.operands, form.widths[0]!, prefixes);
    return;
  }
  if (prefixes.segment !== 0) section.bytes[reserve(section, 1)] = prefixes.segment;
  endFragment(section, {
    kind: 'branch',
    target: target.displacement,
    wide: false,
    short: opcodeBytes(short),
    long: opcodeBytes(long),
    origin: { file: reader.file, token: target.token },
  });
}

/**
 * Assembles the statement that the reader stands at into the section. Errors: unknown mnemonics (with the nearest known
 * one), operands that no form takes, ambiguous sizes, prefixes out of place.
 */
export function assembleInstruction(reader: StatementReader, section: SectionBuilder, names: Names): void {
  const { prefixes, bytes, last } = takePrefixes(reader);
  if (peek(reader) === undefined && last !== undefined) {
    section.bytes.set(bytes, reserve(section, bytes.length));
    return;
  }
  const token = takeName(reader, 'an instruction');
  const spellings = spellingsOf(token.text);
  if (spellings === undefined) {
    throw fail(
      reader,
      `unknown mnemonic ${token.text}${substituteFor(token.text) ?? didYouMean(token.text, mnemonics)}`,
      token,
    );
  }
  const known = bareImmediates.has(token.text) ? names.natives : names;
  let written: OperandSyntax[] = parseList(reader, () => parseOperand(reader, known));
  expectEnd(reader);
  const search: Search = { best: undefined, mismatch: Mismatch.none, at: undefined, memoryBits: new Set() };
  for (const spelling of spellings) {
    const forms = formsOf(spelling.mnemonic);
    const branches = forms.some(({ branch }) => branch);
    if (bareImmediates.has(spelling.mnemonic)) {
      written = written.map((o) =>
        o.kind === 'memory' && o.bare && !o.star
          ? { kind: 'immediate', value: o.displacement, token: o.token, star: false }
          : o,
      );
    }
    for (const operands of arrangements(spelling, written, token)) {
      for (const form of forms) tryForm(search, form, operands, spelling, branches);
    }
  }
  const choice = search.best;
  if (choice === undefined) throw noEncoding(reader, search, token, spellings, written);
  search.memoryBits.delete(0);
  if (search.memoryBits.size > 1) {
    const sizes = [...search.memoryBits].toSorted((left, right) => left - right).join(', ');
    const suffixes = choice.form.row.row.feature === 'FPU' ? 's, l, t or ll' : 'b, w, l or q';
    throw fail(
      reader,
      `the size of the memory operand is not known (${sizes} bits): add a suffix ${suffixes} to ${token.text}`,
      token,
    );
  }
  const { row } = choice.form;
  if (prefixes.lock && !(row.lock && choice.operands[0]?.kind === 'memory')) {
    throw fail(reader, `lock cannot stand before ${token.text}: expected a read-modify-write of memory`, last);
  }
  if (prefixes.repeat !== 0 && !row.rep && row.row.mnemonic !== 'ret') {
    throw fail(reader, `a repeat prefix cannot stand before ${token.text}: expected a string instruction`, last);
  }
  if (choice.spelling.waits) section.bytes[reserve(section, 1)] = FWAIT;
  if (choice.spelling.addressWidth === 32) prefixes.address = true;
  if (choice.form.branch) emitBranch(reader, section, choice, prefixes);
  else emit(reader, section, choice.form, choice.operands, choice.width, prefixes);
}
