/** The autograder of a student's rex_64.S: right ones pass, and of a wrong one it says what, where and why. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readDispatcher } from '../command/dispatcher-source.ts';
import { describeGrade, gradeDispatcher } from '../command/grade-dispatcher.ts';
import { AssemblerError } from '../toolchain/assembler/index.ts';

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

test.run();
