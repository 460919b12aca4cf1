/** Statements as one line of text. The README says how to read it. */
import type { FlagName } from '../algebra.ts';
import { flagNames } from '../flags.ts';
import type { Integers } from './integers.ts';
import { hex, placeName, registerName, vectorName } from './names.ts';
import { locationOf, partsOf, registerAt, type Location, type Node, type Statement } from './node.ts';
import { phraseOf, targetText, type PhraseContext } from './phrase.ts';
import { joinedHalves } from './halves.ts';
import { collapsed } from './runs.ts';
import { arrange, shownNodes, tidy, writtenValues, type Display, type PairStatement } from './tidy.ts';
import { createView, type View } from './view.ts';

export interface SentenceOptions {
  /** the name of an address, where it has one */
  readonly symbol: (address: bigint) => string | undefined;
}

interface Context extends SentenceOptions {
  readonly view: View;
  readonly names: ReadonlyMap<Node, string>;
}

/** Longer expressions are told by what they depend on. */
const LONGEST = 200;

/** The text of a node, or what it is a function of. */
function shortPhrase(node: Node, c: PhraseContext): string {
  const notes = new Set<string>();
  const { text } = phraseOf(node, { ...c, notes });
  if (text.length > LONGEST) return `a function of ${leavesOf(node, c).join(', ')}`;
  for (const note of notes) c.notes.add(note);
  return text;
}
function leavesOf(node: Node, c: PhraseContext): string[] {
  const found = new Set<string>();
  const seen = new Set<Node>();
  const visit = (inner: Node): void => {
    if (seen.has(inner)) return;
    seen.add(inner);
    if (locationOf(inner) !== undefined || (inner !== node && c.names.has(inner))) found.add(phraseOf(inner, c).text);
    else partsOf(inner).forEach(visit);
  };
  visit(node);
  return [...found].slice(0, 12);
}

const phraseContext = (c: Context, notes: Set<string>): PhraseContext => ({ ...c, notes, tight: false });

/** What the bits that a value does not have are filled with is worth a word for these. */
const counted: ReadonlySet<string> = new Set([
  'constant',
  'toValue',
  'popcount',
  'trailingZeros',
  'leadingZeros',
  'signMask',
  'truncate',
  'compareStrings',
  'reduce',
]);
const plainLeaf: ReadonlySet<string> = new Set(['register', 'load', 'lane', 'readSegment']);

function extensionNote(statement: Extract<Statement, { kind: 'write' }>): string | undefined {
  const { to, value, width } = statement;
  if (to.kind !== 'register') return undefined;
  const short = value.bits < to.width && (width === 32 ? !counted.has(value.op) : plainLeaf.has(value.op));
  return short ? 'zero-extended' : undefined;
}

const withNotes = (text: string, notes: ReadonlySet<string>): string => {
  const said = [...notes].filter((note) => note !== '');
  return said.length === 0 ? text : `${text} (${said.join(', ').replace('then,', 'then')})`;
};

function writeText(statement: Extract<Statement, { kind: 'write' }>, c: Context): string {
  const { to, width } = statement;
  const notes = new Set<string>();
  const context = phraseContext(c, notes);
  let { value } = statement;
  const target = targetText(to, context);
  const extension = extensionNote(statement);
  if (value.op === 'signExtend' && value.args[2] === width) {
    notes.add(width === 32 ? 'sign-extended to 32 bits, then' : 'sign-extended');
    value = value.args[0] as Node;
  }
  const symbol = to.kind === 'rip' && value.op === 'constant' ? c.symbol(value.args[0] as bigint) : undefined;
  const constant = to.kind === 'rip' && value.op === 'constant' ? hex(value.args[0] as bigint) : undefined;
  const text = to.kind === 'flag' ? flagValue(value, context) : (symbol ?? constant ?? shortPhrase(value, context));
  if (extension !== undefined) notes.add(extension);
  return withNotes(`${target} <- ${text}`, notes);
}
function flagValue(value: Node, c: PhraseContext): string {
  return value.op === 'always' ? '1' : value.op === 'never' ? '0' : shortPhrase(value, c);
}

function pairText({ high, low, value, width }: PairStatement, c: Context): string {
  const notes = new Set<string>();
  const name = (at: Location): string => (at.kind === 'register' ? registerName(at.index, 0, width) : '');
  const text = phraseOf(value, phraseContext(c, notes)).text;
  if (width === 32) notes.add('zero-extended');
  return withNotes(`${name(high)}:${name(low)} <- ${text}`, notes);
}

const nouns: Readonly<Record<string, string>> = {
  add: 'the sum',
  sub: 'the difference',
  multiply: 'the product',
  shl: 'the shift',
  shr: 'the shift',
  sar: 'the shift',
};

const byOrder = (names: Iterable<FlagName>): FlagName[] =>
  [...names].sort((left, right) => flagNames.indexOf(left) - flagNames.indexOf(right));

function flagsText(statement: Extract<Statement, { kind: 'flags' }>, c: Context): string {
  const { result, values } = statement;
  const notes = new Set<string>();
  const holder = locationOf(result) === undefined ? c.view.holderOf(result) : undefined;
  const source =
    holder === undefined ? shortPhrase(result, phraseContext(c, notes)) : (nouns[result.op] ?? 'the result');
  return withNotes(`${byOrder(values.keys()).join(' ')} from ${source}`, notes);
}

type Action = Extract<Statement, { kind: 'action' }>;
/** What has no expression, in words. */
const actions: Readonly<Record<string, (args: readonly string[]) => string>> = {
  halt: () => 'wait for an interrupt',
  softwareInterrupt: ([vector]) => `call the handler of ${vectorName(Number(vector))} through the IDT`,
  native: ([id]) => `call native function ${id}`,
  invalidatePage: ([address]) => `forget the translation of ${address}`,
  endMmx: () => 'every x87 register becomes empty',
  freeX87: ([index]) => `st${index} becomes empty`,
  rotateX87: ([step]) => (step === '1' ? 'the stack moves: st1 becomes st0' : 'the stack moves: st0 becomes st1'),
  pushX87: ([value]) => `push ${value}`,
  popX87: ([count]) => (count === '1' ? 'pop' : 'pop twice'),
};
function actionText({ name, args }: Action, c: Context): string {
  const notes = new Set<string>();
  const texts = args.map((argument) =>
    typeof argument === 'object' && 'op' in argument ? shortPhrase(argument, phraseContext(c, notes)) : `${argument}`,
  );
  return withNotes(actions[name]?.(texts) ?? `${name}(${texts.join(', ')})`, notes);
}

const braced = (texts: readonly string[]): string => (texts.length === 1 ? texts[0]! : `{${texts.join('; ')}}`);

function ifText(statement: Extract<Display, { kind: 'if' }>, c: Context): string {
  const notes = new Set<string>();
  const condition = withNotes(phraseOf(statement.condition, phraseContext(c, notes)).text, notes);
  const branch = (block: readonly Display[]): string => braced(blockTexts(block, { ...c, view: c.view.copy() }));
  const { yes, no } = statement;
  if (yes.length === 0) {
    const negated = phraseOf(
      { ...statement.condition, op: 'negate', args: [statement.condition] },
      phraseContext(c, notes),
    );
    return `if ${withNotes(negated.text, notes)}: ${branch(no)}`;
  }
  return `if ${condition}: ${branch(yes)}${no.length === 0 ? '' : `, else: ${branch(no)}`}`;
}

function whileText({ counter, body, until }: Extract<Display, { kind: 'while' }>, c: Context): string {
  const inner: Context = { ...c, view: createView() };
  const texts = blockTexts(body, inner);
  if (until !== undefined) texts.push(`stop if ${phraseOf(until, phraseContext(inner, new Set())).text}`);
  return `while ${placeName(counter as never)} != 0: ${texts.join('; ')}`;
}

function statementText(statement: Display, c: Context): string {
  switch (statement.kind) {
    case 'write':
      return writeText(statement, c);
    case 'pair':
      return pairText(statement, c);
    case 'flags':
      return flagsText(statement, c);
    case 'if':
      return ifText(statement, c);
    case 'while':
      return whileText(statement, c);
    case 'raise':
      return vectorName(statement.vector) + (statement.errorCode === undefined ? '' : `(${statement.errorCode})`);
    default:
      return actionText(statement, c);
  }
}

function record(statement: Display, view: View): void {
  switch (statement.kind) {
    case 'write':
      view.write(statement.to, statement.value);
      return;
    case 'pair':
      view.write(statement.high, undefined);
      view.write(statement.low, statement.value.op === 'product' ? undefined : statement.value);
      return;
    case 'flags':
      for (const [name, value] of statement.values) view.write({ kind: 'flag', name }, value);
      return;
    case 'if':
      for (const { at, value } of statement.after) view.write(at, value);
      return;
    case 'action':
      for (const at of statement.writes) view.write(at, undefined);
      return;
    case 'while':
      view.write(registerAt(statement.counter.index, 64), undefined);
  }
}

type FlagWrite = Extract<Statement, { kind: 'write' }> & { readonly to: { readonly kind: 'flag' } };
const isFlagWrite = (statement: Display): statement is FlagWrite =>
  statement.kind === 'write' && statement.to.kind === 'flag';
const isConstantFlag = ({ value }: FlagWrite): boolean => value.op === 'always' || value.op === 'never';

/** Takes from the head of `rest` the flag writes that say the same as `first`; constants also from among others. */
function takeSame(first: FlagWrite, rest: Display[]): FlagWrite[] {
  const taken = [first];
  for (let n = 0; n < rest.length && isFlagWrite(rest[n]!);) {
    if ((rest[n] as FlagWrite).value === first.value) taken.push(...(rest.splice(n, 1) as FlagWrite[]));
    else if (isConstantFlag(first)) n++;
    else break;
  }
  return taken;
}

/** Flags that take one value share a clause. */
function blockTexts(block: readonly Display[], c: Context): string[] {
  const texts: string[] = [];
  const rest = [...block];
  while (rest.length > 0) {
    const statement = rest.shift()!;
    const text = statementText(statement, c);
    if (isFlagWrite(statement)) {
      const same = takeSame(statement, rest);
      texts.push(byOrder(same.map(({ to }) => to.name as FlagName)).join(' ') + text.slice(text.indexOf(' <- ')));
      for (const { to, value } of same) c.view.write(to, value);
      continue;
    }
    texts.push(text);
    record(statement, c.view);
  }
  return collapsed(joinedHalves(texts.filter((text) => text !== '')));
}

/** Leaves of the text of a node, counted up to a limit. */
function sizeOf(node: Node, limit = 8): number {
  const parts = locationOf(node) === undefined ? partsOf(node) : [];
  return parts.length === 0 ? 1 : parts.reduce((sum, part) => (sum >= limit ? sum : sum + sizeOf(part, limit)), 0);
}

const isShift: ReadonlySet<string> = new Set(['shl', 'shr', 'sar', 'rotateLeft', 'rotateRight']);
const letters = ['t', 'u', 'v', 'w', 'x', 'y', 'z'];

/**
 * Names for what would stand in a sentence twice: counts of shifts, and expressions of three leaves or more. So the text
 * is no longer than the definition has operations.
 */
function namesOf(block: readonly Display[]): Map<Node, string> {
  const uses = new Map<Node, number>();
  const counts = new Set<Node>();
  const visit = (node: Node): void => {
    uses.set(node, (uses.get(node) ?? 0) + 1);
    if (uses.get(node)! > 1) return;
    if (isShift.has(node.op)) counts.add(node.args[1] as Node);
    for (const part of partsOf(node)) visit(part);
  };
  const written = writtenValues(block);
  for (const node of shownNodes(block)) if (!written.has(node) || !uses.has(node)) visit(node);
  const names = new Map<Node, string>();
  for (const [node, count] of uses) {
    const isLeaf = locationOf(node) !== undefined || partsOf(node).length === 0;
    if (count < 2 || isLeaf || written.has(node)) continue;
    if (counts.has(node) && ![...names.values()].includes('count')) names.set(node, 'count');
    else if (sizeOf(node) >= 3)
      names.set(node, letters[names.size % letters.length]! + (names.size >= letters.length ? names.size : ''));
  }
  return names;
}

function hasStep(node: Node, seen: Set<Node>): Node | undefined {
  if (node.op === 'directionStep') return node;
  if (seen.has(node)) return undefined;
  seen.add(node);
  for (const part of partsOf(node)) {
    const found = hasStep(part, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The clauses that define the names of a sentence, in words of the state before the instruction. */
function definitions(block: readonly Display[], names: ReadonlyMap<Node, string>, options: SentenceOptions): string[] {
  const clauses = [...names].map(([node, name]) => {
    const notes = new Set<string>();
    const others = new Map([...names].filter(([other]) => other !== node));
    const context: PhraseContext = { ...options, view: createView(), names: others, notes, tight: false };
    return withNotes(`${name} = ${shortPhrase(node, context)}`, notes);
  });
  const seen = new Set<Node>();
  const step = shownNodes(block)
    .map((node) => hasStep(node, seen))
    .find((node) => node !== undefined);
  if (step !== undefined) {
    const bytes = (step.args[0] as number) / 8;
    clauses.push(`step = -${bytes} if DF else ${bytes}`);
  }
  return clauses;
}

/** One line; `no effect` for nothing. */
export function sentenceOf(statements: readonly Statement[], build: Integers, options: SentenceOptions): string {
  const plain = tidy(statements, build);
  const names = namesOf(plain);
  const block = arrange(plain, names, build);
  const texts = blockTexts(block, { ...options, view: createView(), names });
  if (texts.length === 0) return 'no effect';
  const where = definitions(block, names, options);
  return texts.join('; ') + (where.length === 0 ? '' : `; where ${where.join(', ')}`);
}
