/** Expressions: what they mean, by examples and against a plain reading; what is none is refused. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DebuggerError } from '../debugger/error.ts';
import { evaluateExpression, parseExpression, type Names, type Scope } from '../debugger/expression/index.ts';

const values: Readonly<Record<string, bigint>> = {
  rax: BigInt.asUintN(64, -22n),
  rbx: 5n,
  rcx: 0xffff_ffffn,
  rsp: 0x1000n,
  rflags: 0x246n,
};
const memory = Uint8Array.from({ length: 64 }, (_, n) => 0xf0 + n);

const names: Names = { isSymbol: (name) => name in { main: 0, 'a::b': 0, pid_t: 0 }, symbolNames: ['main'] };
const scope: Scope = {
  register: (row) => row.read((slot) => ({ 0: values['rax']!, 1: values['rcx']!, 3: values['rbx']!, 4: values['rsp']!, 17: values['rflags']! })[slot] ?? 0n), // prettier-ignore
  variable: (name) => (name === 'comm' ? 'userapp' : { pid: 3n, cpu: 1n, instruction: 1000n }[name]),
  symbol: (name) => ({ main: 0x40_1000n, 'a::b': 0x50n, pid_t: undefined })[name],
  memory: (address, length) => {
    const at = Number(address - 0x1000n);
    return at >= 0 && at + length <= memory.length ? memory.subarray(at, at + length) : undefined;
  },
};
const evaluate = (text: string): bigint => evaluateExpression(parseExpression(text, names), scope);

const isError =
  (code: string, ...words: readonly string[]) =>
  (error: unknown): boolean =>
    error instanceof DebuggerError && error.code === code && words.every((word) => error.message.includes(word));

const examples: readonly (readonly [text: string, value: bigint])[] = [
  ['1 + 2 * 3', 7n],
  ['(1 + 2) * 3', 9n],
  ['10 - 4 - 3', 3n],
  ['0x10 | 0b1', 0x11n],
  ['1 << 4 >> 1', 8n],
  ['-7 / 2', -3n],
  ['7 % 4', 3n],
  ['1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3', 1n],
  ['0 || 5', 1n],
  ['!0 + !7', 1n],
  ['rax == -22', 1n],
  ['eax == -22', 1n],
  ['ax == -22 && al == -22', 1n],
  ['-22 == rax', 1n],
  ['rax == -23', 0n],
  ['rax < 0', 0n],
  ['i64(rax) < 0', 1n],
  ['i64(rax) == -22', 1n],
  ['i32(ecx)', -1n],
  ['rcx == -1', 0n],
  ['ecx == -1', 1n],
  ['rax + 22 == 0', 1n],
  ['rax + 22', 0n],
  ['rbx - 6', 0xffff_ffff_ffff_ffffn],
  ['rbx - 6 == -1', 1n],
  ['i64(rbx) - 6 == -1', 1n],
  ['~rbx & 0xff', 0xfan],
  ['u8[rsp] + 0x100', 0x1f0n],
  ['ecx + 1', 0n],
  ['ecx + 0x100000000', 0x1_ffff_ffffn],
  ['eax + 1 == -21', 1n],
  ['-rbx', -5n],
  ['-0x10000000000 + 1 < 0', 1n],
  ['zf', 1n],
  ['zf && pf && !cf', 1n],
  ['u8[rsp]', 0xf0n],
  ['u16[rsp+1]', 0xf2f1n],
  ['i8[rsp]', -16n],
  ['u64[0x1008]', 0xfffefdfcfbfaf9f8n],
  ['u32[rsp + 4 * 2]', 0xfbfaf9f8n],
  ['u8[u8[rsp] + 0xf10] == u8[rsp]', 1n],
  ['pid == 3 && cpu == 1', 1n],
  ['comm == "userapp"', 1n],
  ['comm != "userapp"', 0n],
  ['instruction >= 1000', 1n],
  ['main + 4', 0x40_1004n],
  ["a::b == 'a::b'", 1n],
  ['0 && u8[0]', 0n],
  ['1 || u8[0]', 1n],
  ['$rax == rax', 1n],
  ['EAX == eax', 1n],
];

for (const [text, value] of examples) {
  test(text, () => assert.is(evaluate(text), value));
}

test('what is no expression is refused, with what was expected', () => {
  const refused: readonly (readonly [string, ReturnType<typeof isError>])[] = [
    ['', isError('syntax', 'its end', 'a value')],
    ['1 +', isError('syntax', 'its end')],
    ['(1', isError('syntax', ')')],
    ['1 2', isError('syntax', 'an operator or the end')],
    ['u32[', isError('syntax')],
    ['12ab', isError('syntax', 'a number')],
    ['rax @ 1', isError('syntax', 'an operator')],
    ['rxa', isError('unknown-name', 'did you mean rax?')],
    ['mian', isError('unknown-name', 'did you mean main?')],
    ['u32', isError('syntax', '"["')],
    ['('.repeat(100), isError('syntax', 'levels')],
    ['-'.repeat(100), isError('syntax', 'levels')],
    ['1+'.repeat(2000), isError('syntax', 'at most')],
  ];
  for (const [text, check] of refused) assert.throws(() => parseExpression(text, names), check, text);
});

test('what cannot be evaluated says why', () => {
  assert.throws(() => evaluate('u8[0x2000]'), isError('unmapped', '0x2000'));
  assert.throws(() => evaluate('1 / (rbx - 5)'), isError('divide'));
  assert.throws(() => evaluate('comm + 1'), isError('type'));
  assert.throws(() => evaluate('comm == 1'), isError('type'));
  assert.throws(() => evaluate('comm < "b"'), isError('type'));
  assert.throws(() => evaluate('comm'), isError('type'));
  assert.throws(() => evaluate('1 << 300'), isError('range'));
  assert.throws(() => evaluate('pid_t'), isError('unknown-name'));
});

interface Tree {
  readonly text: string;
  /** modulo 2^64 */
  readonly value: bigint;
}

const leaf = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }).map((value): Tree => ({ text: `u64(${value})`, value })),
  fc.constantFrom('rax', 'rbx', 'rsp').map((name): Tree => ({ text: name, value: values[name]! })),
);
const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);
const operators: readonly (readonly [string, (a: bigint, b: bigint) => bigint])[] = [
  ['+', (a, b) => a + b],
  ['-', (a, b) => a - b],
  ['*', (a, b) => a * b],
  ['&', (a, b) => a & b],
  ['|', (a, b) => a | b],
  ['^', (a, b) => a ^ b],
  ['<', (a, b) => BigInt(a < b)],
  ['==', (a, b) => BigInt(a === b)],
];
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc.tuple(tie('tree'), fc.constantFrom(...operators), tie('tree')).map(([a, [sign, apply], b]) => ({
      text: `u64(${a.text} ${sign} ${b.text})`,
      value: wrap(apply(a.value, b.value)),
    })),
    tie('tree').map((a) => ({ text: `u64(~(${a.text}))`, value: wrap(~a.value) })),
  ),
}));

test('unsigned arithmetic is modulo 2^64, as a plain reading has it', () => {
  fc.assert(
    fc.property(tree, ({ text, value }) => {
      fc.pre(text.length <= 1000);
      assert.is(evaluate(text), value, text);
    }),
  );
});

/** loosest first; of one level the leftmost binds tighter */
const levels = ['||', '&&', '|', '^', '&', '== !=', '< >=', '<< >>', '+ -', '* %'].map((level) => level.split(' '));

/** What C makes of a chain of operators, in parentheses. */
function parenthesized(terms: readonly string[], signs: readonly string[]): string {
  for (const level of levels) {
    const at = signs.findLastIndex((sign) => level.includes(sign));
    if (at < 0) continue;
    const left = parenthesized(terms.slice(0, at + 1), signs.slice(0, at));
    return `(${left} ${signs[at]} ${parenthesized(terms.slice(at + 1), signs.slice(at + 1))})`;
  }
  return terms[0]!;
}

test('precedence and associativity are those of C', () => {
  const term = fc.integer({ min: 1, max: 9 }).map(String);
  const rest = fc.array(fc.tuple(fc.constantFrom(...levels.flat()), term), { maxLength: 8 });
  const valueOf = (text: string): bigint | string => {
    try {
      return evaluate(text);
    } catch (error) {
      return (error as Error).message;
    }
  };
  fc.assert(
    fc.property(term, rest, (first, more) => {
      const text = [first, ...more.map(([sign, value]) => `${sign} ${value}`)].join(' ');
      const whole = parenthesized([first, ...more.map(([, value]) => value)], more.map(([sign]) => sign)); // prettier-ignore
      assert.is(valueOf(text), valueOf(whole), text);
    }),
  );
});

test('any text is an expression or a DebuggerError', () => {
  const words = fc.constantFrom('rax', 'u8', '[', ']', '(', ')', '"x"', "'main'", '-', '!', '&&', '==', '0x', '7', ' ', 'pid', '"', "'", '::', '$'); // prettier-ignore
  const text = fc.oneof(
    fc.string(),
    fc.array(words, { maxLength: 20 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (input) => {
      try {
        evaluate(input);
      } catch (error) {
        if (!(error instanceof DebuggerError)) throw error;
        assert.ok(error.message.length > 10);
      }
    }),
    { numRuns: 2000 },
  );
});

test.run();
