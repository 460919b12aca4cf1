/** The host's side of the screen with a terminal of the test's: however it ends, the terminal is left as it was. */
import { EventEmitter } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runOnTerminal, type Terminal } from '../debugger/host/terminal.ts';
import type { Screen } from '../debugger/screen/screen.ts';
import { createHeadlessTerminal } from './support/headless-terminal.ts';
import { sampleScreen, shown } from './support/screens.ts';

const environment = { TERM: 'xterm', LANG: 'C.UTF-8' };

/** A terminal of which only what is used is there, and what has been done to it. */
function fakeTerminal() {
  const raw: boolean[] = [];
  const input = Object.assign(new EventEmitter(), {
    setRawMode: (mode: boolean) => void raw.push(mode),
    resume() {},
    pause() {},
  });
  const output = Object.assign(new EventEmitter(), { columns: 80, rows: 24 });
  const written: string[] = [];
  return {
    terminal: { input, output } as unknown as Terminal,
    input,
    output,
    raw,
    written,
    write: (text: string) => void written.push(text),
    press: (keys: string) => input.emit('data', new TextEncoder().encode(keys)),
  };
}

const listeners = (): number =>
  ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGCONT', 'exit'].reduce(
    (sum, name) => sum + process.listenerCount(name),
    0,
  );

/** The loop has come to rest: nothing is scheduled any more. */
async function settled(screen: Screen): Promise<void> {
  for (let n = 0; n < 10 || screen.busy; n++) {
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

const { screen, session } = await sampleScreen('hello');

async function isClean(fake: ReturnType<typeof fakeTerminal>, before: number): Promise<void> {
  assert.equal(fake.raw, [true, false]);
  assert.is(listeners(), before);
  assert.is(fake.input.listenerCount('data') + fake.output.listenerCount('resize'), 0);
  const headless = createHeadlessTerminal(80, 24);
  await headless.write(`before${fake.written.join('')}after`);
  assert.is(headless.terminal.buffer.active.type, 'normal');
  assert.equal(
    headless.text().filter((line) => line !== ''),
    ['beforeafter'],
  );
}

test('keys go in, screens come out, and q leaves the terminal as it was', async () => {
  const before = listeners();
  const fake = fakeTerminal();
  const run = runOnTerminal(screen, fake.terminal, fake.write, environment);
  fake.press('sss');
  await settled(screen);
  assert.is(session.rest.instruction, 3);
  const headless = createHeadlessTerminal(80, 24);
  await headless.write(fake.written.join(''));
  assert.equal(headless.text(), shown(screen));
  fake.output.columns = 100;
  fake.output.rows = 30;
  fake.output.emit('resize');
  await settled(screen);
  assert.equal([screen.view.columns, screen.view.rows], [100, 30]);
  fake.press('q');
  assert.is(await run, 0);
  await isClean(fake, before);
  screen.view.finished = false;
});

test('signals, the end of input, and errors', async () => {
  const ends: readonly (readonly [status: number, end: (fake: ReturnType<typeof fakeTerminal>) => void])[] = [
    [143, () => process.emit('SIGTERM', 'SIGTERM')],
    [129, () => process.emit('SIGHUP', 'SIGHUP')],
    [130, () => process.emit('SIGINT', 'SIGINT')],
    [129, ({ input }) => input.emit('end')],
    [129, ({ input }) => input.emit('error', new Error('EIO'))],
  ];
  for (const [status, end] of ends) {
    const before = listeners();
    const fake = fakeTerminal();
    const run = runOnTerminal(screen, fake.terminal, fake.write, environment);
    /* oxlint-disable no-await-in-loop */
    await settled(screen);
    end(fake);
    assert.is(await run, status);
    await isClean(fake, before);
    /* oxlint-enable no-await-in-loop */
  }
});

test('what nobody has foreseen goes on behind a clean terminal', async () => {
  const before = listeners();
  const fake = fakeTerminal();
  const broken: Screen = {
    ...screen,
    busy: false,
    draw() {
      throw new TypeError('a bug');
    },
  };
  const error = await runOnTerminal(broken, fake.terminal, fake.write, environment).catch((reason: unknown) => reason);
  assert.instance(error, TypeError);
  await isClean(fake, before);
});

test('a terminal that is gone ends it, also when nothing can be written any more', async () => {
  const before = listeners();
  const fake = fakeTerminal();
  const run = runOnTerminal(
    screen,
    fake.terminal,
    () => {
      throw Object.assign(new Error('write EIO'), { code: 'EIO' });
    },
    environment,
  );
  assert.is(await run, 129);
  assert.is(listeners(), before);
});

test('a terminal without abilities gets text, and no sequence', async () => {
  const fake = fakeTerminal();
  const run = runOnTerminal(screen, fake.terminal, fake.write, { TERM: 'dumb', LANG: 'C' });
  fake.press('sS');
  await settled(screen);
  fake.press('q');
  await run;
  screen.view.finished = false;
  const text = fake.written.join('');
  assert.match(text, /registers/);
  assert.match(text, /^[ -~\r\n]*$/);
});

test.run();
