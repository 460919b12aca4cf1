/** --step, --script and --tour: what is printed, and the exit statuses. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { terminalAbilities } from '../debugger/host/terminal.ts';
import { runCommand } from './support/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'screen-'));
test.after(() => rmSync(folder, { recursive: true }));

function script(text: string): string {
  const file = join(folder, 'script');
  writeFileSync(file, text);
  return file;
}

test('a script is played, and its screens are printed', async () => {
  const file = script(
    'size 90 24\nkeys :\ntype dispatcher\nkeys c\nexpect rex_dispatcher_func\nscreen there\nkeys q\nscreen never\n',
  );
  const { status, stdout, stderr } = await runCommand('error_injector', '--script', file);
  assert.is(status, 0, stderr);
  const lines = stdout.split('\n');
  assert.is(lines[0], '=== there (90x24)');
  assert.is(lines.length, 26);
  assert.match(lines[1]!, /error_injector \| instruction [\d,]+ \| 2 userapp \| kernel rex_dispatcher_func/);
});

test('what is wrong with a script has a line and a status', async () => {
  const unmet = await runCommand('hello', '--script', script('expect what is not there'));
  assert.is(unmet.status, 1);
  assert.match(unmet.stderr, /script:1: expected "what is not there" on the screen/);
  const wrong = await runCommand('hello', '--script', script('keys s\nsceen x'));
  assert.is(wrong.status, 2);
  assert.match(wrong.stderr, /script:2: unknown word "sceen".*screen/);
  const missing = await runCommand('hello', '--script', join(folder, 'none'));
  assert.is(missing.status, 3);
  assert.match(missing.stderr, /cannot read .*none/);
});

test('--step needs a terminal', async () => {
  const { status, stdout, stderr } = await runCommand('error_injector', '--step');
  assert.is(status, 2);
  assert.is(stdout, '');
  assert.is(stderr, 'run-sample: --step needs a terminal; --script FILE plays keys without one\n');
});

test('options that exclude each other, and samples without a tour', async () => {
  for (const other of ['--json', '--trace', '--all', '--explore=3']) {
    // oxlint-disable-next-line no-await-in-loop
    const { status, stderr } = await runCommand('error_injector', '--step', other);
    assert.is(status, 2);
    assert.match(stderr, /exclude each other/);
  }
  const { status, stderr } = await runCommand('hello', '--tour');
  assert.is(status, 2);
  assert.match(stderr, /hello has no tour.md; there are tours of error_injector, panic/);
});

test('a tour without a terminal is recited: ten places, a screen each', async () => {
  const { status, stdout, stderr } = await runCommand('panic', '--tour');
  assert.is(status, 0, stderr);
  assert.is(stdout.match(/^=== place \d+ \(80x24\)$/gm)?.length, 10);
  assert.match(stdout, /^A panic in the kernel\n=+\n/);
  assert.match(stdout, /^10\. The call goes on$/m);
});

test('a tour with arguments under which a place is not reached fails with that place', async () => {
  const { status, stdout } = await runCommand('panic', '--tour', 'none');
  assert.is(status, 1);
  assert.match(stdout, /samples\/panic\/tour\.md:\d+: The index: not reached: main\.rs:74/);
});

test("a sample's further programs are run when it waits", async () => {
  const file = script('keys c\nexpect nothing can run any more\nkeys t t t t t t\nscreen end\n');
  const { status, stdout, stderr } = await runCommand('syscall_tp', '--script', file);
  assert.is(status, 0, stderr);
  assert.match(stdout, /=== end/);
});

test('abilities of terminals', () => {
  const unicode = { LANG: 'C.UTF-8' };
  assert.equal(terminalAbilities({ TERM: 'xterm', ...unicode }), { dumb: false, look: 'colour', ascii: false });
  assert.equal(terminalAbilities({ TERM: 'xterm', NO_COLOR: '1', ...unicode }), {
    dumb: false,
    look: 'mono',
    ascii: false,
  });
  assert.equal(terminalAbilities({ TERM: 'xterm', NO_COLOR: '', LANG: 'C' }), {
    dumb: false,
    look: 'colour',
    ascii: true,
  });
  assert.equal(terminalAbilities({ TERM: 'dumb', ...unicode }), { dumb: true, look: 'none', ascii: false });
  assert.equal(terminalAbilities({ LC_ALL: 'C', LANG: 'en_US.UTF-8' }), { dumb: true, look: 'none', ascii: true });
});

test.run();
