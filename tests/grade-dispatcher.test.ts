/** The autograder of a student's rex_64.S: right ones pass, and of a wrong one it says what, where and why. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readDispatcher } from '../command/dispatcher-source.ts';
import { describeGrade, gradeDispatcher } from '../command/grade-dispatcher.ts';
import { AssemblerError } from '../toolchain/assembler/index.ts';
import { runCommand } from './support/command.ts';

const own = readDispatcher(undefined);

function edited(line: string, instead: string): string {
  assert.ok(own.includes(`\t${line}\n`), `rex_64.S has no line ${line}`);
  return own.replace(`\t${line}\n`, instead === '' ? '' : `\t${instead}\n`);
}

const grade = async (source: string): Promise<string> =>
  describeGrade('my.S', await gradeDispatcher(source)).join('\n');

test("the kernel's own passes, and so does one that does the same otherwise", async () => {
  const otherwise = edited('xor\t%eax, %eax', 'mov\t$0, %eax');
  const text = await grade(otherwise);
  assert.not.match(text, 'FAILED');
  assert.match(text, /^ok +a program that returns \(1 run\)$/m);
  assert.match(text, /^ok +a program that panics while it holds a lock \(1 run\)$/m);
});

test('a clobbered register, and state that stays set', async () => {
  const source = edited('pop\t%r15', 'pop\t%rcx').replace('\tmovq\t$0, %gs:rex_curr_prog\n', '');
  const text = await grade(source);
  assert.match(text, /FAILED a program that returns/);
  assert.match(text, /r15: got 0x[0-9a-f]+, expected 0x[0-9a-f]+: a callee-saved register keeps its value/);
  assert.match(text, /rex_curr_prog: got 0xffff[0-9a-f]+, expected 0x0: no program runs any more/);
  assert.match(
    text,
    /first instruction that differs from the kernel's own: my\.S:\d+: "pop %rsp", ours: "movq \$0, %gs:rex_curr_prog"/,
  );
});

test('a landing pad that does not come back, and a result that is not 0', async () => {
  const loops = await grade(edited('jmp\trex_exit', 'jmp\trex_landingpad_asm'));
  assert.match(loops, /^ok +a program that returns/m);
  assert.match(loops, /the return: got none in \d+ instructions, expected a return to 0x/);
  const result = await grade(edited('xor\t%eax, %eax', ''));
  assert.match(result, /rax: got 0x5ca1ab1e, expected 0x0: a panic looks like a program that returned 0/);
});

test('a file that cannot be assembled is refused with its place', async () => {
  try {
    await gradeDispatcher(edited('pop\t%r15', 'pop\t%r16'));
    assert.unreachable();
  } catch (error) {
    assert.instance(error, AssemblerError);
  }
});

/** What a student adds behind rex_64.S, and what is said of it; the line is the first of what was added, unless it says. */
// prettier-ignore
const refusals: readonly (readonly [added: string, message: string, line?: number])[] = [
  ['\tnative rex_landingpad_reprot',         'no native function is called rex_landingpad_reprot; did you mean rex_landingpad_report?'],
  ['here: native rex_landingpad_reprot',     'no native function is called rex_landingpad_reprot; did you mean rex_landingpad_report?'],
  ['1: native rex_landingpad_reprot',        'no native function is called rex_landingpad_reprot; did you mean rex_landingpad_report?'],
  ['\tnop; native rex_landingpad_reprot',    'no native function is called rex_landingpad_reprot; did you mean rex_landingpad_report?'],
  ['/**/ native rex_landingpad_reprot',      'no native function is called rex_landingpad_reprot; did you mean rex_landingpad_report?'],
  ['\tnop\n\tnative nothing_like_it',        'no native function is called nothing_like_it', 1],
  ['\tnative rex_exit',                      'no native function is called rex_exit'],
  ['\tnative',                               '0 operands given'],
  ['\tnative %rax',                          'no form with these operands'],
  ['\tmov $native.rex_landingpad_reprot, %eax', 'did you mean native.rex_landingpad_report?'],
  ['\t.section .txet',                       'unknown section .txet; did you mean .text?'],
  ['\t.section .txet, "ax"\n\tnop',          'unknown section .txet; did you mean .text?'],
  ['\t.section ".init.text", "ax"',          'unknown section .init.text: expected one of .text, .rodata, .data, .bss'],
  ['\t.pushsection .rodta',                  'unknown section .rodta; did you mean .rodata?'],
  ['\t.section .text.hot, "ax"',             'unknown section .text.hot: expected one of'],
  ['SYM_FUNC_START(my_function)',            'unknown mnemonic SYM_FUNC_START; there are no kernel headers: write .globl NAME'],
  ['SYM_FUNC_END(my_function)',              'unknown mnemonic SYM_FUNC_END; there are no kernel headers: write .size NAME'],
  ['SYM_INNER_LABEL(rex_leave, SYM_L_GLOBAL)', 'unknown mnemonic SYM_INNER_LABEL; there are no kernel headers: write .globl NAME'],
  ['\tmovq PER_CPU_VAR(rex_stack_ptr), %rbp', 'undefined symbol PER_CPU_VAR; there are no kernel headers: write %gs:NAME'],
  ['\tENDBR',                                'unknown mnemonic ENDBR; there are no kernel headers: write endbr64'],
  ['\tmovq %gs:rex_stack_prt, %rbp',         'undefined symbol rex_stack_prt; did you mean rex_stack_ptr?'],
  ['\t.macro both',                          'unknown directive .macro; there are no macros'],
  ['\t.rept 3',                              'unknown directive .rept; there are no macros'],
  ['\t.ifdef X',                             'unknown directive .ifdef; there are no macros'],
  ['\t.include "my.h"',                      'unknown directive .include; one file is assembled'],
  ['\t.balgin 8',                            'unknown directive .balgin; did you mean .balign?'],
  ['\n#define NOTHING 0',                    '#define: there is no C preprocessor', 1],
  ['  #ifdef CONFIG_X86',                    '#ifdef: there is no C preprocessor'],
  ['#if 0',                                  '#if: there is no C preprocessor'],
  ['\t.zero 0x7fffffff',                     'a fill of 2147483647 bytes'],
];

test('what cannot be assembled is refused with its file, its line and what was meant', async () => {
  const lines = own.split('\n').length;
  for (const [added, message, after = 0] of refusals) {
    try {
      await gradeDispatcher(`${own}${added}\n`);
      assert.unreachable(added);
    } catch (error) {
      assert.instance(error, AssemblerError);
      const { file, line, message: text } = error as AssemblerError;
      assert.equal([file, line], ['kernel/rex-dispatcher/rex_64.S', lines + after], added);
      assert.match(text, message);
    }
  }
});

test('lines of the preprocessor and of the linker that change nothing are let pass', async () => {
  const added =
    '#include <linux/linkage.h>\n# define: what follows is a comment\n\t.section .note.GNU-stack, "", @progbits\n';
  assert.not.match(await grade(`${added}\t.text\n${own}`), 'FAILED');
});

test("a file without what the kernel calls is named with the kernel's", async () => {
  const { status, stderr } = await runCommandOn('\t.text\n');
  assert.is(status, 3);
  assert.match(
    stderr,
    /^run-sample: kernel\/.*\.S:\d+:\d+: undefined symbol rex_dispatcher_func: with .*my \$& file\.S in the place of .*rex_64\.S\n$/,
  );
  const misspelt = await runCommandOn(`${own}\tnative dump_stack_lvi\n`);
  assert.is(misspelt.status, 3);
  assert.match(
    misspelt.stderr,
    /^run-sample: .*\/my \$& file\.S:\d+:\d+: no native function is called dump_stack_lvi; did you mean dump_stack_lvl\?\n$/,
  );
});

/** A sample with `source` in the place of rex_64.S, in a file with a name that is all signs. */
async function runCommandOn(source: string) {
  const folder = mkdtempSync(join(tmpdir(), 'dispatcher-'));
  try {
    const path = join(folder, 'my $& file.S');
    writeFileSync(path, source);
    return await runCommand('--dispatcher', path, '--quiet', 'hello');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test.run();
