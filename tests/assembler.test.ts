import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from '../cpu/decoder.ts';
import type { Operand } from '../cpu/instruction.ts';
import { compiledRows } from '../cpu/decoder.ts';
import { assemble, assembleCode, AssemblerError, assembleFiles } from '../toolchain/assembler/index.ts';
import { randomForms, randomInstruction, seeded, type Random } from './random-instructions.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const code = (source: string, symbols: Record<string, bigint> = {}, address = 0n): string =>
  hex(assembleCode(source, { symbols, address }));

for (const line of readFileSync(new URL('golden/assembler.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')) {
  const at = line.lastIndexOf(' | ');
  const program = line.slice(0, at);
  test(`GNU as: ${program}`, () => assert.is(code(program), line.slice(at + 3)));
}

const ours: readonly [program: string, expected: string][] = [
  ['native $7', '0f3f07000000'],
  ['native 7', '0f3f07000000'],
  ['native sys_dup', '0f3f2a000000'],
  ['mov pt_regs_ax(%rsp), %rdi', '488b7c2450'],
  ['movq $-22, pt_regs_ax(%rsp)', '48c7442450eaffffff'],
  ['mov $kernel, %rax', '48c7c000000081'],
  ['movabs $kernel, %rax', '48b800000081ffffffff'],
  ['mov %gs:rex_stack_ptr, %rsp', '65488b242548000000'],
  ['.globl f; f: jmp f', 'ebfe'],
  ['a: /* two\nlines */ jmp a # end\n// nothing\n', 'ebfe'],
  ['MOV %RAX, %RBX', '4889c3'],
];
for (const [program, expected] of ours) {
  test(`ours: ${program}`, () =>
    assert.is(
      code(program, { sys_dup: 42n, pt_regs_ax: 80n, kernel: 0xffffffff81000000n, rex_stack_ptr: 0x48n }),
      expected,
    ));
}

test('a per-CPU symbol relative to rip is reached from any address', () => {
  const bytes = assembleCode('mov %gs:counter(%rip), %rax', {
    address: 0xffffffff81000000n - 0x100n,
    symbols: { counter: 0xffffffff80ffff00n },
  });
  assert.is(hex(bytes), `65488b05${'f8ffffff'}`);
});

test('sections, symbols and lines', () => {
  const { sections, symbols, lines } = assemble(
    `.globl f
     .type f, @function
     f: lea message(%rip), %rdi
        ret
     .size f, . - f
     .section .rodata, "a", @progbits
     message: .asciz "hi"
     .type message, %object
     .size message, 3
     .Lhidden: limit = 40
     .bss
     .balign 64
     space: .zero 128`,
    { file: 'f.S', sections: { '.text': 0xffffffff81000000n, '.rodata': 0xffffffff81000100n } },
  );
  assert.equal([...sections.keys()], ['.text', '.rodata', '.bss']);
  assert.is(hex(sections.get('.text')!.bytes), '488d3df9000000c3');
  assert.is(sections.get('.bss')!.address, 0xffffffff81000140n);
  assert.is(sections.get('.bss')!.bytes.length, 128);
  assert.equal(symbols.get('f'), {
    section: '.text',
    address: 0xffffffff81000000n,
    size: 8n,
    type: 'func',
    global: true,
  });
  assert.equal(symbols.get('message'), {
    section: '.rodata',
    address: 0xffffffff81000100n,
    size: 3n,
    type: 'object',
    global: false,
  });
  assert.equal(symbols.get('limit'), { section: undefined, address: 40n, size: 0n, type: 'notype', global: false });
  assert.not(symbols.has('.Lhidden'));
  assert.equal(lines.get(0xffffffff81000000n), { file: 'f.S', line: 3 });
  assert.equal(lines.get(0xffffffff81000007n), { file: 'f.S', line: 4 });
});

test('files share .globl symbols and keep the others', () => {
  const { sections, symbols } = assembleFiles([
    { file: 'a.S', source: 'call f; local: jmp local' },
    { file: 'b.S', source: '.globl f; f: jmp local; local: ret' },
  ]);
  assert.is(hex(sections.get('.text')!.bytes), 'e802000000ebfeeb00c3');
  assert.is(symbols.get('local')!.address, 5n);
  assert.throws(
    () =>
      assembleFiles([
        { file: 'a.S', source: 'call g' },
        { file: 'b.S', source: 'g: ret' },
      ]),
    /a\.S:1:6: undefined symbol g/,
  );
  const twice = { source: '.globl f\nf: ret' };
  assert.throws(
    () =>
      assembleFiles([
        { file: 'a.S', ...twice },
        { file: 'b.S', ...twice },
      ]),
    /b\.S:2:1: duplicate label f: defined at a\.S:2/,
  );
});

test("a source's definition wins over the caller's symbol", () => {
  assert.is(code('jmp f; nop; f: ret', { f: 0x1000n }), 'eb0190c3');
});

test('int3 as padding', () => {
  assert.is(hex(assemble('ret; .align 4; ret', { codePadding: 'int3' }).sections.get('.text')!.bytes), 'c3ccccccc3');
});

const errors: readonly [source: string, message: RegExp][] = [
  ['nop\n  mvo %rax, %rbx', /^<assembly>:2:3: unknown mnemonic mvo; did you mean mov\?/],
  ['cmpxcgh %rax, (%rbx)', /did you mean cmpxchg/],
  ['add %eax, %rbx', /operand size mismatch \(%eax has 32 bits, %rbx has 64 bits\); add takes:/],
  ['add %eax', /1 operand given; add takes:/],
  ['add $1, (%rax)', /size of the memory operand is not known \(8, 16, 32, 64 bits\): add a suffix/],
  ['movb $300, (%rax)', /value out of range/],
  ['mov $5, $6', /no form with these operands/],
  ['add $0x123456789, %rax', /value out of range/],
  ['int $256', /value out of range/],
  ['mov %rxx, %rax', /:1:6: unknown register %rxx/],
  ['mov (%ax), %rax', /cannot address memory/],
  ['mov (%rax,%rsp), %rax', /stack pointer cannot be an index/],
  ['mov (%rax,%ebx), %rax', /one size/],
  ['mov (%rax,%rbx,3), %rax', /expected a scale of 1, 2, 4 or 8/],
  ['mov (%rax', /expected \), got the end of the line/],
  ['mov %ah, %r8b', /REX/],
  ['call %rax', /indirect call is written with \*/],
  ['mov *%rax, %rbx', /\* stands only before/],
  ['jmp nowhere', /:1:5: undefined symbol nowhere/],
  ['start: jmp strat', /undefined symbol strat; did you mean start\?/],
  ['jmp 1f', /no label 1: after this line/],
  ['jmp 1b; 1:', /no label 1: before this line/],
  ['a: nop\na: nop', /:2:1: duplicate label a: defined at <assembly>:1/],
  ['a: .set a, 5', /label already/],
  ['.set a, b; .set b, a; .long a', /cycle/],
  ['.byte 256', /256 out of range: expected 8 bits/],
  ['.byte far; far = 4096', /0x1000 out of range: expected 8 bits/],
  ['mov far, %eax; far = 0x123456789', /out of range: expected 32 signed bits/],
  ['call far; far = 0x123456789', /bytes away: expected a distance that fits 32 signed bits/],
  ['1: .zero 200; loop 1b', /bytes away: expected a distance that fits 8 signed bits/],
  ['.frobnicate', /unknown directive \.frobnicate/],
  ['.algn 4', /did you mean \.align/],
  ['.ascii "abc', /:1:8: unterminated string/],
  ['/* abc', /unterminated comment/],
  ['.align 3', /expected a power of two/],
  ['.p2align 99', /expected 0 to 20/],
  ['.zero 1000000000000', /at most 16777216/],
  ['.fill 0x7fffffffffffffff, 8', /at most 16777216/],
  ['.zero 0x1000000; .zero 1', /more than 16777216/],
  ['.zero -1', /expected 0 or more/],
  ['.zero b - a; b: nop; a:', /expected 0 or more/],
  ['.zero b - . + 1; b:', /do not settle|16777216/],
  ['.long 1 / 0', /division by zero/],
  ['.long 1 / (b - b - 0); b:', /division by zero/],
  ['.long 0x10000000000000000', /wider than 64 bits/],
  ['.long 12abc', /is no number/],
  ['.long 09', /no number/],
  [`.long ${'('.repeat(100_000)}1`, /nested deeper|too long/],
  [`.long ${'-'.repeat(5000)}1`, /nested deeper/],
  [`.long a${'+a'.repeat(5000)}; a:`, /deeper than/],
  ['lock mov %rax, (%rbx)', /lock cannot stand before mov/],
  ['lock add %rax, %rbx', /lock cannot stand before add/],
  ['rep add %rax, %rbx', /repeat prefix cannot stand before add/],
  ['nop )', /expected a number, a symbol or \(, got \)/],
  ['ret $5 6', /expected the end of the statement, got 6/],
  ['5 + 5', /expected a label/],
  ['.type f, @fun', /unknown symbol type fun/],
  ['.popsection', /without \.pushsection/],
  ['movabs $5', /1 operand given; movabs takes/],
  ['\u0000', /unexpected character/],
];
for (const [source, message] of errors) {
  test(`refused: ${JSON.stringify(source.slice(0, 40))}`, () => {
    try {
      assemble(source);
    } catch (error) {
      assert.instance(error, AssemblerError);
      assert.match((error as AssemblerError).message, message);
      return;
    }
    assert.unreachable('assembled');
  });
}

test('an error has its place in fields', () => {
  try {
    assemble('nop\n\tnop; frob %rax', { file: 'x.S' });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, AssemblerError);
    const { file, line, column, token } = error as AssemblerError;
    assert.equal({ file, line, column, token }, { file: 'x.S', line: 2, column: 7, token: 'frob' });
  }
});

test('overlapping sections are refused', () => {
  assert.throws(
    () => assemble('nop; .data; .byte 1', { sections: { '.text': 0x1000n, '.data': 0x1000n } }),
    /section \.(text|data) ends at 0x1001, after the start of/,
  );
});

const forms = randomForms(new Set(compiledRows.map(({ row }) => row.mnemonic)));

/** Operands as the decoder reports them, without what the choice of the row decides. */
function comparable(operand: Operand, bits: number): unknown {
  switch (operand.kind) {
    case 2:
      return BigInt.asUintN(bits, operand.value);
    case 3:
      return `xmm${operand.index}`;
    default:
      return operand;
  }
}

function drawn(
  random: Random,
  count: number,
): { text: string; expected: readonly Operand[]; mnemonic: string; width: number; bits: number }[] {
  const result = [];
  while (result.length < count) {
    const made = randomInstruction(random, forms[random(forms.length)]!);
    if (made === undefined) continue;
    const immediate = made.form.specs.find(({ slot }) => slot === 'I');
    const bits = immediate?.size === 'b' ? 8 : immediate?.size === 'w' ? 16 : immediate?.size === 'd' ? 32 : made.width;
    result.push({
      text: made.text,
      expected: made.operands,
      mnemonic: made.form.row.row.mnemonic,
      width: made.width,
      bits,
    });
  }
  return result;
}

test('text to bytes to instruction gives the operands back', () => {
  for (const { text, expected, mnemonic, bits } of drawn(seeded(1), 20_000)) {
    const bytes = assembleCode(text);
    const decoded = decode(bytes, 0, bytes.length);
    const where = `${text}: ${hex(bytes)}`;
    if (typeof decoded === 'string') assert.unreachable(`${where}: ${decoded}`);
    else {
      assert.is(decoded.length, bytes.length, where);
      if (mnemonic === 'xchg' && decoded.mnemonic === 'nop') continue;
      assert.is(decoded.mnemonic, mnemonic, where);
      const got = decoded.operands.map((operand) => comparable(operand, bits));
      const wanted = expected.map((operand) => comparable(operand, bits));
      const reversed = mnemonic === 'xchg' || mnemonic === 'test' ? got.toReversed() : got;
      if (!same(got, wanted) && !same(reversed, wanted)) assert.equal(got, wanted, where);
    }
  }
});

const text = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item));
const same = (a: unknown, b: unknown): boolean => text(a) === text(b);

/** What GNU as has none of, or refuses, or encodes otherwise than shortest. */
const notForGnu =
  /^(native|nop|bswapw|ud[01]|prefetch|xchg. %([er]?ax), %\2|fx|p?movmsk|pextr[bw]|pinsr[bw]|extractps|sldt|str |fstpnce)/;

function randomProgram(random: Random, length: number): string {
  const lines: string[] = [];
  const labels = Math.ceil(length / 8);
  drawn(random, length).forEach((one, n) => {
    if (n % 8 === 0) lines.push(`l${n / 8}:`);
    if (random(6) === 0) lines.push(`${['jmp', 'je', 'jnl', 'call'][random(4)]} l${random(labels)}`);
    if (random(30) === 0) lines.push(`.p2align ${random(6)}`);
    if (random(30) === 0) lines.push(`.quad ${random(100)}, l${random(labels)} - l${random(labels)}`);
    if (!notForGnu.test(one.text)) lines.push(one.text);
  });
  return lines.join('\n');
}

const hasGnu = spawnSync('as', ['--version']).status === 0 && spawnSync('objcopy', ['--version']).status === 0;
test(`random programs as GNU as assembles them${hasGnu ? '' : ' (skipped: no as)'}`, () => {
  if (!hasGnu) return;
  const folder = mkdtempSync(join(tmpdir(), 'assembler-'));
  const [source, object, bytes] = ['a.s', 'a.o', 'a.bin'].map((name) => join(folder, name)) as [string, string, string];
  try {
    for (let seed = 1; seed <= 10; seed++) {
      const program = randomProgram(seeded(seed), 400);
      writeFileSync(source, `${program}\n`);
      execFileSync('as', ['--64', '-o', object, source], { stdio: 'pipe' });
      execFileSync('objcopy', ['-O', 'binary', '-j', '.text', object, bytes]);
      const wanted = hex(readFileSync(bytes));
      const got = assemble(program);
      const ourBytes = hex(got.sections.get('.text')!.bytes);
      if (ourBytes === wanted) continue;
      let at = 0;
      while (ourBytes[at] === wanted[at]) at++;
      const address = BigInt(at >> 1);
      const near = [...got.lines].findLast(([start]) => start <= address);
      const line = near === undefined ? '' : program.split('\n')[near[1].line - 1];
      assert.unreachable(
        `seed ${seed}, ${line}: as ${wanted.slice(at & ~1, at + 24)}, ours ${ourBytes.slice(at & ~1, at + 24)}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('any text gives a program or an AssemblerError', () => {
  const random = seeded(7);
  const pieces = [
    'mov',
    'movq',
    'add',
    'jmp',
    'lea',
    'rep',
    'lock',
    'native',
    '%rax',
    '%eax',
    '%xmm1',
    '%cr0',
    '%gs:',
    '%rip',
    '(',
    ')',
    ',',
    '$',
    '*',
    '-',
    '+',
    '/',
    '%',
    '<<',
    '>>',
    '~',
    '!',
    '@',
    '=',
    ':',
    ';',
    '\n',
    ' ',
    '"',
    "'",
    '\\',
    '#',
    '//',
    '/*',
    '*/',
    '1',
    '1f',
    '1b',
    '0x',
    '0x7fffffffffffffff',
    '99999999999999999999',
    'a',
    'b',
    '.',
    '.L1',
    '__proto__',
    'constructor',
    '.set',
    '.equ',
    '.zero',
    '.fill',
    '.align',
    '.p2align',
    '.byte',
    '.quad',
    '.ascii',
    '.section',
    '.text',
    '.bss',
    '.size',
    '.type',
    '.globl',
    '.org',
    '.pushsection',
    '.popsection',
    '.previous',
    '\u00e9',
    '\ud800',
    '\u0000',
    '1:',
    'a:',
    'b:',
  ];
  for (let n = 0; n < 20_000; n++) {
    const source = Array.from(
      { length: 1 + random(30) },
      () => pieces[random(pieces.length)]! + (random(3) === 0 ? '' : ' '),
    ).join('');
    try {
      assemble(source);
    } catch (error) {
      if (!(error instanceof AssemblerError)) throw new Error(JSON.stringify(source), { cause: error });
    }
  }
});

test('mutated programs give a program or an AssemblerError', () => {
  const random = seeded(11);
  for (let n = 0; n < 1500; n++) {
    const characters = [...randomProgram(random, 8)];
    for (let k = 0; k < 4; k++) {
      const at = random(characters.length);
      if (random(2) === 0) characters.splice(at, 1 + random(3));
      else characters.splice(at, 0, String.fromCharCode(32 + random(95)));
    }
    const source = characters.join('');
    try {
      assemble(source);
    } catch (error) {
      if (!(error instanceof AssemblerError)) throw new Error(JSON.stringify(source), { cause: error });
    }
  }
});

test('2000 lines take well under a second', () => {
  const program = randomProgram(seeded(3), 1700);
  for (let n = 0; n < 3; n++) assemble(program);
  const start = performance.now();
  assemble(program);
  const took = performance.now() - start;
  assert.ok(took < 500, `${took} ms`);
});

test.run();
