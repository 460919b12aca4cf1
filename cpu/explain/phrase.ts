/** Expressions as text: a row for each operation, a function's name where there is none. */
import type { VectorOperation } from '../algebra.ts';
import { isModulo } from './integers.ts';
import { hex, placeName, signedHex } from './names.ts';
import { isNode, locationOf, partsOf, type Argument, type Expression, type Location, type Node } from './node.ts';
import { shuffleText } from './shuffle-text.ts';
import { generalized } from './runs.ts';
import type { View } from './view.ts';

/** How tightly a text holds together: what has less than a place asks for is put in parentheses. */
const Level = {
  clause: 0,
  comparison: 1,
  or: 2,
  xor: 3,
  and: 4,
  shift: 5,
  sum: 6,
  product: 7,
  unary: 8,
  atom: 9,
} as const;

export interface Phrase {
  readonly text: string;
  readonly level: number;
}

export interface PhraseContext {
  readonly view: View;
  /** nodes that a clause at the end defines */
  readonly names: ReadonlyMap<Node, string>;
  readonly symbol: (address: bigint) => string | undefined;
  /** what the operators leave open, said after the statement: signed, the width of lanes */
  readonly notes: Set<string>;
  /** in an address: no blanks around operators */
  readonly tight: boolean;
}

type Row = (node: Node, c: PhraseContext) => Phrase;

const atom = (text: string): Phrase => ({ text, level: Level.atom });
const nodeAt = (node: Node, n: number): Node => node.args[n] as Node;
const wrapped = (node: Node, c: PhraseContext, level: number): string => {
  const phrase = phraseOf(node, c);
  return phrase.level >= level ? phrase.text : `(${phrase.text})`;
};

/** `left operator right`; the left one may be of the same kind. */
function infix(operator: string, level: number, note = '', first = 0): Row {
  // of the bitwise operators, people do not remember which binds tighter
  const operand = level >= Level.sum ? level + 1 : Level.unary;
  return (node, c) => {
    if (note !== '') c.notes.add(note);
    return binary(operator, level, operand, [nodeAt(node, first), nodeAt(node, first + 1)], c);
  };
}
function binary(
  operator: string,
  level: number,
  operand: number,
  [left, right]: readonly [Node, Node],
  c: PhraseContext,
): Phrase {
  const first = phraseOf(left, c);
  const second = wrapped(right, c, operand);
  const chained = first.level === level || first.level >= operand;
  const gap = c.tight ? '' : ' ';
  return { text: `${chained ? first.text : `(${first.text})`}${gap}${operator}${gap}${second}`, level };
}
/** Constant counts are decimal. */
const shift =
  (operator: string, note = ''): Row =>
  (node, c) => {
    const [value, count] = node.args as [Node, Node];
    if (note !== '') c.notes.add(note);
    if (count.op !== 'constant') return infix(operator, Level.shift)(node, c);
    const gap = c.tight ? '' : ' ';
    const text = `${wrapped(value, c, Level.unary)}${gap}${operator}${gap}${count.args[0] as bigint}`;
    return { text, level: Level.shift };
  };
const call = (name: string, nodes: readonly Node[], c: PhraseContext): Phrase =>
  atom(`${name}(${nodes.map((node) => phraseOf(node, c).text).join(', ')})`);
const argumentText = (argument: Argument, c: PhraseContext): string =>
  isNode(argument) ? phraseOf(argument, c).text : typeof argument === 'bigint' ? hex(argument) : `${argument}`;

const floatSymbols: Readonly<Record<string, readonly [string, number]>> = {
  add: ['+', Level.sum],
  sub: ['-', Level.sum],
  mul: ['*', Level.product],
  div: ['/', Level.product],
};

/** An operator or a name, and what has to be said besides the lanes. */
const vectorSymbols: Partial<Record<VectorOperation, readonly [string, string?]>> = {
  add: ['+'],
  sub: ['-'],
  mulLow: ['*'],
  mulHighSigned: ['*', 'signed, the upper halves'],
  mulHighUnsigned: ['*', 'the upper halves'],
  addSaturateSigned: ['+', 'saturating, signed'],
  addSaturateUnsigned: ['+', 'saturating'],
  subSaturateSigned: ['-', 'saturating, signed'],
  subSaturateUnsigned: ['-', 'saturating'],
  and: ['&'],
  or: ['|'],
  xor: ['^'],
  equal: ['=='],
  greaterSigned: ['>', 'signed'],
  minSigned: ['min', 'signed'],
  minUnsigned: ['min'],
  maxSigned: ['max', 'signed'],
  maxUnsigned: ['max'],
  averageUnsigned: ['average'],
  packSigned: ['narrow', 'saturating, signed'],
  packUnsigned: ['narrow', 'saturating to unsigned'],
  mulEvenUnsigned: ['*', 'of their lower halves'],
  mulEvenSigned: ['*', 'of their lower halves, signed'],
  mulHighRounded: ['*', 'signed, the upper halves, rounded'],
};
const wholeVector: ReadonlySet<string> = new Set(['and', 'or', 'xor', 'andNot']);
const levels: Readonly<Record<string, number>> = {
  '+': Level.sum,
  '-': Level.sum,
  '*': Level.product,
  '&': Level.and,
  '|': Level.or,
  '^': Level.xor,
  '==': Level.comparison,
  '>': Level.comparison,
};
const isMmx = (node: Node): boolean =>
  node.op === 'mmx' || partsOf(node).some((part) => part.sort === 'vector' && isMmx(part));
function lanesNote(lane: number, of: Node): string {
  const count = (isMmx(of) ? 64 : 128) / lane;
  return count <= 1 ? '' : `${count} lanes of ${lane} bits`;
}

function vectorPhrase(node: Node, c: PhraseContext): Phrase {
  const [operation, lane, left, right] = node.args as [VectorOperation, number, Node, Node];
  if (operation === 'andNot')
    return { text: `~${wrapped(left, c, Level.unary)} & ${wrapped(right, c, Level.unary)}`, level: Level.and };
  if (operation === 'applySign' && left === right) {
    c.notes.add(lanesNote(lane, node));
    return call('abs', [left], c);
  }
  const [symbol, note] = vectorSymbols[operation] ?? [operation];
  if (!wholeVector.has(operation)) c.notes.add(lanesNote(lane, node));
  if (note !== undefined) c.notes.add(note);
  const level = levels[symbol];
  return level === undefined
    ? call(symbol, right.op === 'zeroVector' ? [left] : [left, right], c)
    : binary(symbol, level, Level.unary, [left, right], c);
}

/** Lanes from the lowest: one rule for all of them, one and zeros above, or a list. */
function packPhrase(node: Node, c: PhraseContext): Phrase {
  const [lane, ...parts] = node.args as [number, ...Expression[]];
  const used = parts.findLastIndex((part) => part.op !== 'constant' || part.args[0] !== 0n) + 1;
  if (used === 1) {
    c.notes.add('zero-extended');
    return phraseOf(parts[0]!, c);
  }
  const inner: PhraseContext = { ...c, notes: new Set() };
  const phrases = parts.slice(0, used).map((part) => phraseOf(part, inner));
  const texts = phrases.map(({ text }, n) => eachLane(text, n));
  for (const note of inner.notes) if (note !== `float${lane}`) c.notes.add(note);
  const above = used < parts.length ? ', zeros above' : '';
  if (texts.every((text) => text === texts[0])) {
    const kind = inner.notes.has(`float${lane}`) ? `float${lane}` : `${lane} bits`;
    const from = laneWidthOf(parts[0]!) ?? lane;
    c.notes.add(`${used} lanes of ${from === lane ? kind : `${from} bits to ${kind}`}${above}`);
    return { ...phrases[0]!, text: texts[0]! };
  }
  if (inner.notes.has(`float${lane}`)) c.notes.add(`float${lane}`);
  const progression = used > 3 ? generalized(phrases.map(({ text }) => text)) : undefined;
  c.notes.add(`lanes of ${lane} bits, the lowest first${above}`);
  return atom(
    `[${progression === undefined ? phrases.map(({ text }) => text).join(', ') : `${progression} for n = 0 … ${used - 1}`}]`,
  );
}
/** The width of the lanes that a node takes, if they are of one. */
function laneWidthOf(node: Node): number | undefined {
  return node.op === 'lane'
    ? (node.args[1] as number)
    : partsOf(node)
        .map(laneWidthOf)
        .find((width) => width !== undefined);
}
/** The text without the bit ranges of lane `n`. */
function eachLane(text: string, n: number): string {
  return text.replace(/(ymm\d+)?\[(\d+):(\d+)\]/g, (range, upper: string | undefined, high, low) => {
    const width = Number(high) - Number(low) + 1;
    const start = Number(low) - (upper === undefined ? 0 : 128);
    return start === width * n ? (upper === undefined ? '' : upper + UPPER) : range;
  });
}

const conditionValue: Row = (node, c) => {
  const [condition] = node.args as [Node];
  const phrase = phraseOf(condition, c);
  return condition.op === 'flag' || phrase.level === Level.atom
    ? phrase
    : { text: `1 if ${phrase.text} else 0`, level: Level.clause };
};

/** Negations move inwards, where they have words of their own. */
const opposites: Readonly<Record<string, string>> = {
  isZero: '!=',
  equal: '!=',
  lessUnsigned: '>=',
  lessSigned: '>=',
  differ: '==',
};
function negation(node: Node, c: PhraseContext): Phrase {
  const inner = nodeAt(node, 0);
  if (c.view.holderOf(inner) === undefined && !c.names.has(inner)) {
    const operator = opposites[inner.op];
    if (operator !== undefined) return comparison(inner, operator, c);
    if (inner.op === 'bit') return { text: `${phraseOf(inner, c).text} is 0`, level: Level.comparison };
    if (inner.op === 'fits') return fitsPhrase(inner, 'exceeds', c);
    if (inner.op === 'both' || inner.op === 'either') {
      const word = inner.op === 'both' ? 'or' : 'and';
      const sides = partsOf(inner).map((side) => negated(side, c));
      return { text: sides.join(` ${word} `), level: Level.clause };
    }
  }
  return { text: `not ${wrapped(inner, c, Level.comparison)}`, level: Level.comparison };
}
function negated(node: Node, c: PhraseContext): string {
  const phrase =
    node.op === 'negate' ? phraseOf(nodeAt(node, 0), c) : negation({ ...node, op: 'negate', args: [node] }, c);
  return phrase.level >= Level.comparison ? phrase.text : `(${phrase.text})`;
}
function comparison(node: Node, operator: string, c: PhraseContext): Phrase {
  if (node.op === 'lessSigned') c.notes.add('signed');
  const right = node.op === 'isZero' ? '0' : wrapped(nodeAt(node, 1), c, Level.sum);
  return { text: `${wrapped(nodeAt(node, 0), c, Level.sum)} ${operator} ${right}`, level: Level.comparison };
}
function fitsPhrase(node: Node, verb: string, c: PhraseContext): Phrase {
  if (node.args[3] === true) c.notes.add('signed');
  return { text: `the product ${verb} ${node.args[2] as number} bits`, level: Level.comparison };
}
const conjunction =
  (word: string): Row =>
  (node, c) => ({
    text: partsOf(node)
      .map((side) => wrapped(side, c, side.op === node.op ? Level.clause : Level.comparison))
      .join(` ${word} `),
    level: Level.clause,
  });

/** A flag among others: their bits' names, for a constant that removes few of them. */
const rflagsNames: Readonly<Record<number, string>> = { 16: 'RF', 17: 'VM', 18: 'AC' };
function andPhrase(node: Node, c: PhraseContext): Phrase {
  const [left, right] = node.args as [Node, Node];
  if (left.op === 'readRflags' && right.op === 'constant') {
    const mask = right.args[0] as bigint;
    const missing = Array.from({ length: 22 }, (_, n) => n).filter((n) => ((mask >> BigInt(n)) & 1n) === 0n);
    if (missing.every((n) => rflagsNames[n] !== undefined) && missing.length > 0) {
      return {
        text: `${phraseOf(left, c).text} without ${missing.map((n) => rflagsNames[n]).join(' ')}`,
        level: Level.and,
      };
    }
  }
  return infix('&', Level.and)(node, c);
}

const signedNote = (node: Node, n: number, c: PhraseContext): void => {
  if (node.args[n] === true) c.notes.add('signed');
};
const floatNote = (width: Argument, c: PhraseContext): void => {
  c.notes.add(`float${width as number}`);
};

const rows: Readonly<Record<string, Row>> = {
  constant: (node, c) => {
    const value = node.args[0] as bigint;
    const symbol = node.args[1] === 'address' || c.tight ? c.symbol(value) : undefined;
    return atom(symbol ?? (c.tight || node.args[1] === 'address' ? hex(value) : signedHex(value)));
  },
  add: infix('+', Level.sum),
  sub: (node, c) =>
    nodeAt(node, 0).op === 'constant' && nodeAt(node, 0).args[0] === 0n
      ? { text: `-${wrapped(nodeAt(node, 1), c, Level.unary)}`, level: Level.unary }
      : infix('-', Level.sum)(node, c),
  multiply: infix('*', Level.product),
  multiplyHigh: (node, c) => {
    signedNote(node, 3, c);
    return atom(`high${node.args[2] as number}(${infix('*', Level.product)(node, c).text})`);
  },
  product: (node, c) => {
    signedNote(node, 3, c);
    return infix('*', Level.product)(node, c);
  },
  divide: (node, c) => {
    const [high, low, divisor] = node.args as [Node, Node, Node];
    signedNote(node, 4, c);
    const dividend = concatText(high, low, c);
    const operator = node.field === 'quotient' ? '/' : '%';
    return { text: `${dividend} ${operator} ${wrapped(divisor, c, Level.unary)}`, level: Level.product };
  },
  concat: (node, c) => ({ text: concatText(nodeAt(node, 0), nodeAt(node, 1), c), level: Level.unary }),
  and: andPhrase,
  or: infix('|', Level.or),
  xor: infix('^', Level.xor),
  not: (node, c) => ({ text: `~${wrapped(nodeAt(node, 0), c, Level.unary)}`, level: Level.unary }),
  shl: shift('<<'),
  shr: shift('>>'),
  sar: shift('>>', 'signed'),
  rotateLeft: shift('rol'),
  rotateRight: shift('ror'),
  byteSwap: (node, c) => call('byteswap', [nodeAt(node, 0)], c),
  trailingZeros: (node, c) => call('trailingZeros', [nodeAt(node, 0)], c),
  leadingZeros: (node, c) => call('leadingZeros', [nodeAt(node, 0)], c),
  reduce: (node, c) => ({
    text: `${wrapped(nodeAt(node, 0), c, Level.unary)} % ${node.args[1] as bigint}${isModulo(node) ? '' : ` (${node.args[2] as number} times)`}`,
    level: Level.product,
  }),
  truncate: (node, c) => call(`low${node.args[1] as number}`, [nodeAt(node, 0)], c),
  signExtend: (node, c) => call('signed', [nodeAt(node, 0)], c),
  toValue: conditionValue,
  select: (node, c) => {
    const [condition, yes, no] = partsOf(node) as [Node, Node, Node];
    const loaded = yes.op === 'loadWhere' && yes.args[0] === condition;
    const text = `${loaded ? loadText(yes, c) : wrapped(yes, c, Level.comparison)} if ${phraseOf(condition, c).text} else ${wrapped(no, c, Level.comparison)}`;
    return { text, level: Level.clause };
  },
  insert: (node, c) => {
    const [whole, low, width, part] = node.args as [Node, number, number, Node];
    return atom(`(${phraseOf(whole, c).text} with [${low + width - 1}:${low}] = ${phraseOf(part, c).text})`);
  },
  load: (node, c) => atom(`mem${node.args[1] as number}[${addressText(nodeAt(node, 0), c)}]`),
  loadWhere: (node, c) => {
    const text = `${loadText(node, c)} if ${phraseOf(nodeAt(node, 0), c).text} else 0`;
    return { text, level: Level.clause };
  },
  loadVector: (node, c) => atom(`mem128[${addressText(nodeAt(node, 0), c)}]`),
  nextRip: () => atom('rip'),
  directionStep: () => atom('step'),
  timestamp: () => atom('tsc'),
  random: () => atom('a random number'),
  readMsr: (node, c) => atom(`msr[${phraseOf(nodeAt(node, 0), c).text}]`),
  descriptorBase: (node, c) => atom(`the base in descriptor ${phraseOf(nodeAt(node, 0), c).text}`),
  cpuid: (node, c) => atom(`${call('cpuid', partsOf(node), c).text}.${node.field}`),
  inspectSegment: (node, c) =>
    atom(
      node.field === 'valid'
        ? `${phraseOf(nodeAt(node, 1), c).text} names a fitting segment`
        : `its ${node.args[0] as string}`,
    ),

  always: () => atom('always'),
  never: () => atom('never'),
  user: () => ({ text: 'CPL != 0', level: Level.comparison }),
  isZero: (node, c) => comparison(node, '==', c),
  equal: (node, c) => comparison(node, '==', c),
  lessUnsigned: (node, c) => comparison(node, '<', c),
  lessSigned: (node, c) => comparison(node, '<', c),
  differ: (node, c) => comparison(node, '!=', c),
  bit: (node, c) => atom(`bit ${node.args[1] as number} of ${wrapped(nodeAt(node, 0), c, Level.unary)}`),
  bitAt: (node, c) =>
    atom(`bit ${wrapped(nodeAt(node, 1), c, Level.unary)} of ${wrapped(nodeAt(node, 0), c, Level.unary)}`),
  negate: negation,
  both: conjunction('and'),
  either: conjunction('or'),
  choose: (node, c) => rows['select']!(node, c),
  fits: (node, c) => fitsPhrase(node, 'fits', c),
  compareFloat: (node, c) => {
    floatNote(node.args[0], c);
    return orderPhrase(node, [nodeAt(node, 1), nodeAt(node, 2)], c);
  },

  float: (node, c) => {
    const [operation, width, left, right] = node.args as [string, number, Node, Node];
    floatNote(width, c);
    const symbol = floatSymbols[operation];
    return symbol === undefined ? call(operation, [left, right], c) : infix(symbol[0], symbol[1], '', 2)(node, c);
  },
  squareRoot: (node, c) => {
    floatNote(node.args[0], c);
    return call('sqrt', [nodeAt(node, 1)], c);
  },
  convertFloat: (node, c) => call(`float${node.args[1] as number}`, [nodeAt(node, 2)], c),
  integerToFloat: (node, c) => call(`float${node.args[1] as number}`, [nodeAt(node, 2)], c),
  floatToInteger: (node, c) => {
    c.notes.add(node.args[3] === true ? 'truncated' : 'rounded');
    return call(`int${node.args[1] as number}`, [nodeAt(node, 2)], c);
  },
  roundFloat: (node, c) => {
    floatNote(node.args[0], c);
    return call('round', [nodeAt(node, 1)], c);
  },
  approximate: (node, c) => {
    c.notes.add('approximately, float32');
    const value = phraseOf(nodeAt(node, 1), c).text;
    return { text: node.args[0] === 'reciprocal' ? `1 / ${value}` : `1 / sqrt(${value})`, level: Level.product };
  },

  loadExtended: (node, c) => atom(`mem80[${addressText(nodeAt(node, 0), c)}]`),
  extendedConstant: (node) => atom(extendedText(node.args[0] as bigint)),
  // a broken stack gives the indefinite; sentences do not speak of it
  selectExtended: (node, c) => {
    const [condition, yes, no] = partsOf(node) as [Node, Node, Node];
    if (!asksForEmptiness(condition)) return rows['select']!(node, c);
    return phraseOf(isIndefinite(yes) ? no : yes, c);
  },
  negated: (node, c) => ({ text: `-${wrapped(nodeAt(node, 0), c, Level.unary)}`, level: Level.unary }),
  magnitude: (node, c) => call('abs', [nodeAt(node, 0)], c),
  extendedOf: (node, c) => atom(concatText(nodeAt(node, 1), nodeAt(node, 0), c)),
  extended: (node, c) => {
    const [operation, left, right] = node.args as [string, Node, Node];
    const symbol = floatSymbols[operation];
    return symbol === undefined ? call(operation, [left, right], c) : infix(symbol[0], symbol[1], '', 1)(node, c);
  },
  extendedUnary: (node, c) => call(node.args[0] as string, [nodeAt(node, 1)], c),
  compareExtended: (node, c) => orderPhrase(node, [nodeAt(node, 0), nodeAt(node, 1)], c),
  extendedFromFloat: (node, c) => {
    floatNote(node.args[0], c);
    return phraseOf(nodeAt(node, 1), c);
  },
  extendedToFloat: (node, c) => call(`float${node.args[0] as number}`, [nodeAt(node, 1)], c),
  extendedFromInteger: (node, c) => {
    c.notes.add('integer');
    return phraseOf(nodeAt(node, 1), c);
  },
  extendedToInteger: (node, c) => {
    c.notes.add(node.args[2] === true ? 'truncated' : 'rounded');
    return call(`int${node.args[0] as number}`, [nodeAt(node, 1)], c);
  },
  extendedFromDecimal: (node, c) => {
    c.notes.add('decimal');
    return phraseOf(nodeAt(node, 0), c);
  },
  extendedToDecimal: (node, c) => call('decimal', [nodeAt(node, 0)], c),
  isEmptyX87: (node) => ({ text: `st${node.args[0] as number} is empty`, level: Level.comparison }),
  settled: (node) => atom(node.field),

  zeroVector: () => atom('0'),
  ones: () => atom('all ones'),
  vector: vectorPhrase,
  vectorShift: (node, c) => {
    const [operation, lane, value, count] = node.args as [string, number, Node, Node];
    c.notes.add(lanesNote(lane, node));
    if (operation === 'sar') c.notes.add('signed');
    return binary(operation === 'shl' ? '<<' : '>>', Level.shift, Level.unary, [value, count], c);
  },
  lane: (node, c) => {
    const [vector, lane, index] = node.args as [Node, number, number];
    const whole = wrapped(vector, c, Level.atom);
    // a lane of an upper half
    const inUpper = vector.op === 'xmm' && whole.endsWith(UPPER);
    const low = lane * index + (inUpper ? 128 : 0);
    return atom(`${inUpper ? whole.slice(0, -UPPER.length) : whole}[${low + lane - 1}:${low}]`);
  },
  withLane: (node, c) => {
    const [vector, lane, index, part] = node.args as [Node, number, number, Node];
    return atom(
      `(${phraseOf(vector, c).text} with [${lane * (index + 1) - 1}:${lane * index}] = ${phraseOf(part, c).text})`,
    );
  },
  pack: packPhrase,
  shuffleBytes: (node, c) => {
    const [left, right, picks] = node.args as [Node, Node, readonly number[]];
    const sources: [string, string] = [wrapped(left, c, Level.atom), wrapped(right, c, Level.atom)];
    const text = shuffleText(sources, picks, c.notes);
    return { text, level: text.startsWith('[') ? Level.atom : Level.shift };
  },
  signMask: (node, c) => {
    c.notes.add(lanesNote(node.args[0] as number, node));
    return call('signs', [nodeAt(node, 1)], c);
  },
  selectVector: (node, c) => rows['select']!(node, c),
};

/** Of a load that happens under a condition. */
const loadText = (node: Node, c: PhraseContext): string =>
  `mem${node.args[2] as number}[${addressText(nodeAt(node, 1), c)}]`;

/** As `xmmName` has it. */
const UPPER = '[255:128]';

function orderPhrase(node: Node, operands: readonly Node[], c: PhraseContext): Phrase {
  const sides = operands.map((operand) => wrapped(operand, c, Level.or));
  if (node.field === 'unordered') return atom(`unordered(${sides.join(', ')})`);
  return { text: sides.join(node.field === 'less' ? ' < ' : ' == '), level: Level.comparison };
}

const isIndefinite = (node: Node): boolean =>
  node.op === 'extendedConstant' && node.args[0] === 0xffff_c000_0000_0000_0000n;
const asksForEmptiness = (condition: Node): boolean =>
  condition.op === 'isEmptyX87' || (partsOf(condition).length > 0 && partsOf(condition).every(asksForEmptiness));

/** A constant of the x87 as a decimal number: its double is near enough. */
function extendedText(bits: bigint): string {
  const exponent = Number((bits >> 64n) & 0x7fffn);
  const magnitude = (Number(bits & 0xffff_ffff_ffff_ffffn) / 2 ** 63) * 2 ** (exponent - 16383);
  return Number.isFinite(magnitude) ? `${(bits >> 79n) & 1n ? -magnitude : magnitude}` : 'indefinite';
}

function concatText(high: Node, low: Node, c: PhraseContext): string {
  if (high.op === 'register' && low.op === 'register' && high.args[0] === 0 && low.args[0] === 0) {
    if (low.args[2] === 8 && high.args[1] === 8) return 'ax';
  }
  return `${wrapped(high, c, Level.atom)}:${wrapped(low, c, Level.atom)}`;
}

/** The inside of the brackets. */
export const addressText = (address: Node, c: PhraseContext): string => phraseOf(address, { ...c, tight: true }).text;

/** A place as the target of a write. */
export function targetText(at: Location, c: PhraseContext): string {
  if (at.kind === 'memory') return `mem${at.width}[${addressText(at.address, c)}]`;
  if (at.kind === 'msr') return `msr[${phraseOf(at.index, c).text}]`;
  return placeName(at);
}

/** `node` in words of the places as they are by now: `old` marks a place that has been overwritten. */
export function phraseOf(node: Node, c: PhraseContext): Phrase {
  const name = c.names.get(node);
  if (name !== undefined) return atom(name);
  const location = locationOf(node);
  const overwritten = location !== undefined && c.view.isOverwritten(location);
  if (location === undefined || overwritten) {
    const holder = c.view.holderOf(node);
    if (holder !== undefined) return atom(targetText(holder, { ...c, tight: false }));
  }
  if (node.op === 'divide' && node.field === 'remainder') {
    const isQuotient = (value: Node): boolean =>
      value.op === 'divide' &&
      value.field === 'quotient' &&
      value.args.every((argument, n) => argument === node.args[n]);
    if (c.view.holds(isQuotient)) return atom('the remainder');
  }
  const old = overwritten && node.op !== 'directionStep' ? 'old ' : '';
  if (location !== undefined && location.kind !== 'memory' && location.kind !== 'msr' && rows[node.op] === undefined) {
    return atom(old + placeName(location));
  }
  const row = rows[node.op];
  const phrase =
    row === undefined
      ? atom(`${node.op}(${node.args.map((argument) => argumentText(argument, c)).join(', ')})`)
      : row(node, c);
  return old === '' ? phrase : { ...phrase, text: old + phrase.text };
}
