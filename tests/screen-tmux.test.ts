/** The screen on a terminal with real keys, by tmux, where it is installed. However it ends, the terminal is left clean. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tinyProgram } from './support/tiny-program.ts';

const root = new URL('..', import.meta.url).pathname;
const installed = spawnSync('tmux', ['-V']).status === 0;
/** a server of our own: nobody else's windows are touched */
const socket = (): string => `screen-test-${process.pid}-${sessions}`;
let sessions = 0;
const check = installed ? test : test.skip;
if (!installed) console.log('skipped: no tmux');

const tmux = (...args: readonly string[]): string =>
  execFileSync('tmux', ['-L', socket(), '-f', '/dev/null', ...args], { encoding: 'utf8' });
const screenText = (): string => tmux('capture-pane', '-p');
const keys = (...names: readonly string[]): void => void tmux('send-keys', ...names);
const typed = (text: string): void => void tmux('send-keys', '-l', text);
const terminalState = (): string => tmux('display-message', '-p', '#{alternate_on} #{cursor_flag} #{wrap_flag}').trim();
const CLEAN = '0 1 1';

/** between two looks, and most of them */
const INTERVAL = 100;
const PATIENCE = 300;

const wait = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Until the screen shows it; fails with what it shows. */
async function until(what: RegExp): Promise<string> {
  for (let n = 0; n < PATIENCE; n++) {
    const text = screenText();
    if (what.test(text)) return text;
    // oxlint-disable-next-line no-await-in-loop
    await wait(INTERVAL);
  }
  throw new assert.Assertion({ message: `${what} does not appear on the screen:\n${screenText()}` } as never);
}

const command = `${process.execPath} --import tsx run-sample.ts`;

/** A shell that starts the screen and says how it ended. */
async function start(
  options: string,
  environment = 'LC_ALL=C.UTF-8 NO_COLOR=',
  size: readonly [number, number] = [80, 24],
) {
  const [columns, rows] = size.map(String) as [string, string];
  sessions++;
  tmux('new-session', '-d', '-x', columns, '-y', rows, '-c', root, 'env -u ENV PS1=ready: sh');
  await until(/ready:/);
  typed(`env ${environment} ${command} ${options}; echo "status=$?"`);
  keys('Enter');
}

test.after.each(() => {
  if (installed) spawnSync('tmux', ['-L', socket(), 'kill-server']);
});

check('steps, stops, prompts and a resize, with real keys', async () => {
  await start('error_injector --step');
  await until(/instruction 0 /);
  keys('s', 's');
  await until(/instruction 2 /);
  keys(':');
  typed('dispatcher');
  keys('Enter', 'c');
  await until(/stopped at rex_dispatcher_func/);
  keys('Down', 'Down', 'u');
  await until(/push %r12: mem64/);
  tmux('resize-window', '-x', '130', '-y', '40');
  const wide = await until(/^─ source.*│/m);
  assert.match(wide, /^─ code rex_dispatcher_func ─+│─ registers/m);
  keys('BTab', 'S');
  await until(/push %rbx: mem64/);
  keys('q');
  await until(/status=0/);
  assert.is(terminalState(), CLEAN);
});

check('the tour, without colours, in ASCII', async () => {
  await start('error_injector --tour', 'LC_ALL=C NO_COLOR=1', [100, 30]);
  await until(/space next place/);
  keys('Space');
  await until(/1 of 10/);
  keys('Space');
  const text = await until(/2 of 10/);
  assert.match(text, /^[ -~\n]*$/);
  assert.match(text, /\*rip ffffffff81/);
  assert.not.match(tmux('capture-pane', '-p', '-e'), /\u001b\[(?:\d+;)*3[0-7]m/); // oxlint-disable-line no-control-regex
  keys('BSpace');
  await until(/1 of 10/);
  keys('q');
  await until(/status=0/);
});

check('signals leave the terminal clean, and their status', async () => {
  const each = [
    ['TERM', 143],
    ['HUP', 129],
    ['INT', 130],
  ] as const;
  for (const [signal, status] of process.env['TEST_TIER'] === 'slow' ? each : each.slice(0, 1)) {
    /* oxlint-disable no-await-in-loop */
    await start('hello --step');
    await until(/instruction 0 /);
    assert.is.not(terminalState(), CLEAN);
    // the shell's only child
    const shell = tmux('display-message', '-p', '#{pane_pid}').trim();
    const child = execFileSync('ps', ['-o', 'pid=', '--ppid', shell], { encoding: 'utf8' }).trim();
    process.kill(Number(child), `SIG${signal}`);
    await until(new RegExp(`status=${status}`));
    /* oxlint-enable no-await-in-loop */
    assert.is(terminalState(), CLEAN);
    typed('stty -a');
    keys('Enter');
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await until(/icanon/), /(?<!-)\bicanon\b/);
    tmux('kill-server');
  }
});

check('a long run is interrupted by ^C', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'screen-'));
  writeFileSync(join(folder, 'spin'), tinyProgram('again: jmp again'));
  await start(`--step --budget ${Number.MAX_SAFE_INTEGER} ${folder}/spin`);
  await until(/instruction 0 /);
  keys('c');
  await until(/continuing/);
  keys('C-c');
  await until(/^interrupted/m);
  keys('q');
  await until(/status=0/);
  rmSync(folder, { recursive: true });
});

test.run();
