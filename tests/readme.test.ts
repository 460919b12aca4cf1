/** What the README shows is what is printed. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runCommand } from './support/command.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const readme = read('README.md');

/** The lines of the code block that has `text` in it. */
function blockWith(text: string): string[] {
  const block = readme.split('```').find((part, n) => n % 2 === 1 && part.includes(text));
  if (block === undefined) throw new Error(`the README has no block with "${text}"`);
  return block.split('\n').slice(1, -1);
}

/** How long it takes is the host's; `…` stands for lines that are left out. */
const shown = (lines: readonly string[]): string[] =>
  lines.filter((line) => !/^ ?…$/.test(line) && line !== '').map((line) => line.replace(/, [\d.]+ s$/, ''));

/** Fails with the first of `expected` that does not follow the ones before it in `printed`. */
function appearsIn(expected: readonly string[], printed: readonly string[]): void {
  let at = 0;
  for (const line of expected) {
    const found = printed.indexOf(line, at);
    assert.ok(found >= 0, `not printed, or not in this place: ${line}`);
    at = found + 1;
  }
}

for (const [args, text] of [
  [['error_injector'], '77 system calls of 3 processes'],
  [['panic', 'index'], 'rex: panicked at'],
] as const) {
  test(`run-sample ${args.join(' ')} prints what the README shows`, async () => {
    const { screen } = await runCommand(...args);
    // the kernel log's lines begin with the time and the task
    const printed = screen.split('\n').map((line) => line.replace(/^\[ *[\d.]+\]\[ *T\d+\] /, ''));
    appearsIn(shown(blockWith(text)), shown(printed));
  });
}

test('the screen in the README is that of the tour', () => {
  const screen = blockWith('error_injector | instruction').join('\n');
  assert.ok(read('tests/golden/screens/error_injector-80x24.txt').includes(screen));
});

test.run();
