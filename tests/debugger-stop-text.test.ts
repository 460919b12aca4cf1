/** Stops as text: what is written parses to what was meant, and back; what is no stop is refused. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DebuggerError } from '../debugger/error.ts';
import { parseStop, type ParseNames } from '../debugger/stops/parse.ts';
import { targetText } from '../debugger/stops/text.ts';
import type { StopTarget } from '../debugger/types.ts';

const names: ParseNames = { addressOf: (name) => (name === 'jiffies' ? 0xffff_ffff_8200_0000n : undefined) };
const parse = (text: string): ReturnType<typeof parseStop> => parseStop(text, names);

const examples: readonly (readonly [string, StopTarget])[] = [
  ['*0xffffffff81000000', { kind: 'address', address: 0xffff_ffff_8100_0000n }],
  ['0x401000', { kind: 'address', address: 0x40_1000n }],
  ['rex_dispatcher_func', { kind: 'symbol', name: 'rex_dispatcher_func' }],
  ['rex_dispatcher_func+0x10', { kind: 'symbol', name: 'rex_dispatcher_func', offset: 16n }],
  ['main-4', { kind: 'symbol', name: 'main', offset: -4n }],
  ["'panic'", { kind: 'symbol', name: 'panic' }],
  ["'<A as B>::f'+2", { kind: 'symbol', name: '<A as B>::f', offset: 2n }],
  ['error_injector::err_injector', { kind: 'symbol', name: 'error_injector::err_injector' }],
  ['main.rs:19', { kind: 'line', file: 'main.rs', line: 19 }],
  ['samples/panic/main.rs:74', { kind: 'line', file: 'samples/panic/main.rs', line: 74 }],
  ["'my file.c':3", { kind: 'line', file: 'my file.c', line: 3 }],
  ['register rax', { kind: 'register', register: 'rax' }],
  ['write 0x1000:4', { kind: 'memory', address: 0x1000n, length: 4, access: 'write' }],
  ['read 0x1000', { kind: 'memory', address: 0x1000n, length: 8, access: 'read' }],
  ['access jiffies:8', { kind: 'memory', address: 0xffff_ffff_8200_0000n, length: 8, access: 'access' }],
  ['write jiffies+4:1', { kind: 'memory', address: 0xffff_ffff_8200_0004n, length: 1, access: 'write' }],
  ['write 0x1000:4 pid 3', { kind: 'memory', address: 0x1000n, length: 4, access: 'write', pid: 3 }],
  ['syscall', { kind: 'syscall', at: 'entry' }],
  ['syscall dup', { kind: 'syscall', name: 'dup', at: 'entry' }],
  ['syscall dup exit', { kind: 'syscall', name: 'dup', at: 'exit' }],
  ['syscall * exit', { kind: 'syscall', at: 'exit' }],
  ['syscall exit', { kind: 'syscall', name: 'exit', at: 'entry' }],
  ['kprobe __x64_sys_dup', { kind: 'kprobe', symbol: '__x64_sys_dup' }],
  ['program', { kind: 'program', at: 'entry' }],
  ['program err_injector exit', { kind: 'program', name: 'err_injector', at: 'exit' }],
  ['helper bpf_map_lookup_elem', { kind: 'helper', name: 'bpf_map_lookup_elem' }],
  ['map', { kind: 'map' }],
  ['map pid_to_errno', { kind: 'map', name: 'pid_to_errno' }],
  ['dispatcher', { kind: 'dispatcher' }],
  ['panic', { kind: 'panic' }],
  ['landing-pad', { kind: 'landing-pad' }],
  ['fault', { kind: 'fault' }],
  ['fault #PF', { kind: 'fault', vector: '#PF' }],
  ['process fork', { kind: 'process', event: 'fork' }],
  ['process exit pid 2', { kind: 'process', event: 'exit', pid: 2 }],
];

for (const [text, target] of examples) {
  test(text, () => {
    assert.equal(parse(text), { target, options: {} });
    assert.equal(parse(`  ${text}  if  rax == -22 `), { target, options: { condition: 'rax == -22' } });
  });
}

const offset = fc.option(fc.bigInt({ min: -0xffffn, max: 0xffffn }), { nil: undefined });
const pid = fc.option(fc.integer({ min: 1, max: 99_999 }), { nil: undefined });
const odd = fc.constantFrom(
  "'",
  '\\',
  ' if ',
  '*',
  'if',
  'panic',
  ':3',
  '+0x4',
  'syscall',
  ' ',
  'entry',
  'exit',
  '0x10',
  '-1',
);
const name = fc.oneof(
  fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.]{0,12}$/),
  fc
    .array(fc.oneof(odd, fc.string({ minLength: 1, maxLength: 5 })), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join('')),
);
const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,12}$/);
const optionalName = fc.option(name, { nil: undefined });
const at = fc.constantFrom('entry' as const, 'exit' as const);
const address = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const record = <Kind extends StopTarget['kind']>(kind: Kind, fields: object): fc.Arbitrary<StopTarget> =>
  fc.record({ kind: fc.constant(kind), ...fields }).map((target) => Object.fromEntries(Object.entries(target).filter(([, value]) => value !== undefined)) as unknown as StopTarget); // prettier-ignore

const anyTarget: fc.Arbitrary<StopTarget> = fc.oneof(
  record('address', { address }),
  record('symbol', { name, offset }),
  record('line', { file: name, line: fc.integer({ min: 1, max: 9_999_999 }) }),
  record('register', { register: word }),
  record('memory', { address, length: fc.integer({ min: 1, max: 65_536 }), access: fc.constantFrom('write', 'read', 'access'), pid }), // prettier-ignore
  record('syscall', { name: optionalName, at }),
  record('kprobe', { symbol: optionalName }),
  record('program', { name: optionalName, at }),
  record('helper', { name: optionalName }),
  record('map', { name: optionalName }),
  record('dispatcher', {}),
  record('panic', {}),
  record('landing-pad', {}),
  record('fault', { vector: optionalName }),
  record('process', { event: fc.constantFrom('fork', 'exec', 'exit', 'signal'), pid }),
);

test('the text of a target parses to the same target', () => {
  fc.assert(
    fc.property(anyTarget, (target) => {
      assert.equal(parse(targetText(target)), { target, options: {} }, targetText(target));
    }),
    { numRuns: 3000 },
  );
});

test('any text is a stop or a DebuggerError', () => {
  const parts = fc.array(fc.oneof(odd, word, fc.string({ maxLength: 6 }), fc.constantFrom(' ', 'write', 'register', 'process', 'pid')), { maxLength: 8 }); // prettier-ignore
  fc.assert(
    fc.property(parts, (words) => {
      try {
        parse(words.join(' '));
      } catch (error) {
        if (!(error instanceof DebuggerError)) throw error;
        assert.match(error.message, 'expected');
      }
    }),
    { numRuns: 3000 },
  );
});

test('what is no stop says what was expected', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['', 'a place'],
    ['main if', 'an expression behind if'],
    ['*main', 'an address behind *'],
    ["'main", "a ' behind"],
    ['write', 'an address'],
    ['write nothing:8', 'the name of what is loaded'],
    ['write 0x10 pid x', 'a number behind pid'],
    ['syscall dup leave', 'entry, exit'],
    ['process born', 'fork, exec, exit, signal'],
    ['process', 'fork, exec, exit, signal'],
    ['dispatcher now', 'nothing behind'],
    ['main here', 'one place'],
    ['register', 'the name of a register'],
    ['x'.repeat(5000), 'at most'],
  ];
  for (const [text, words] of refused) {
    const check = (error: unknown): boolean =>
      error instanceof DebuggerError && error.code === 'syntax' && error.message.includes(words);
    assert.throws(() => parse(text), check, text);
  }
});

test.run();
