/**
 * Scripts: keys that are pressed, and screens that are printed, a line each. Used in tests, for pictures in documents, and where
 * there is no terminal. See README.md for the words.
 */
import { didYouMean } from '../../toolchain/assembler/did-you-mean.ts';
import { gridText } from './grid.ts';
import { keyNames } from './keys.ts';
import type { Screen } from './screen.ts';

export class ScriptError extends Error {
  override readonly name = 'ScriptError';
  /** the script itself is right, but the screen is not as it expects */
  readonly unmet: boolean;

  constructor(message: string, unmet = false) {
    super(message);
    this.unmet = unmet;
  }
}

/** One line of a script. */
export type ScriptStep = { readonly line: number } & (
  | { readonly kind: 'size'; readonly columns: number; readonly rows: number }
  | { readonly kind: 'keys'; readonly keys: readonly string[] }
  | { readonly kind: 'type'; readonly text: string }
  | { readonly kind: 'screen'; readonly name: string }
  | { readonly kind: 'expect'; readonly text: string }
);

/** bytes of a script */
const LARGEST = 1 << 20;
/** of one key in a row, as `20*s` */
const MOST_REPEATED = 100_000;
export const MOST_COLUMNS = 1000;
export const MOST_ROWS = 500;

type StepOf = (rest: string, fail: (message: string) => never) => Omit<ScriptStep, 'line'>;

function readKeys(rest: string, fail: (message: string) => never): string[] {
  const words = rest.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) fail('keys: expected names of keys, as s 3*n enter');
  return words.flatMap((word) => {
    const [, times = '1', key = word] = /^(\d+)\*(.+)$/.exec(word) ?? [];
    if ([...key].length !== 1 && !keyNames.has(key)) {
      fail(`keys: there is no key ${JSON.stringify(key)}${didYouMean(key, keyNames)}`);
    }
    if (Number(times) > MOST_REPEATED) fail(`keys: got ${times} times, expected at most ${MOST_REPEATED}`);
    return Array.from({ length: Number(times) }, () => key);
  });
}

/** The words that a line begins with. */
const words: Readonly<Record<string, StepOf>> = {
  size(rest, fail) {
    const [, columns, rows] =
      /^(\d+)\s+(\d+)$/.exec(rest) ?? fail(`size: got ${JSON.stringify(rest)}, expected as 80 24`);
    const inside = (text: string | undefined, most: number): boolean => Number(text) >= 1 && Number(text) <= most;
    if (!inside(columns, MOST_COLUMNS) || !inside(rows, MOST_ROWS)) {
      fail(`size: got ${columns} by ${rows}, expected 1 to ${MOST_COLUMNS} by 1 to ${MOST_ROWS}`);
    }
    return { kind: 'size', columns: Number(columns), rows: Number(rows) };
  },
  keys: (rest, fail) => ({ kind: 'keys', keys: readKeys(rest, fail) }),
  type: (rest) => ({ kind: 'type', text: rest }),
  screen: (rest, fail) => ({ kind: 'screen', name: rest === '' ? fail('screen: expected a name') : rest }),
  expect: (rest, fail) => ({ kind: 'expect', text: rest === '' ? fail('expect: expected a text') : rest }),
};

/** Lines that are empty or begin with `#` say nothing. @throws {ScriptError} with the line */
export function parseScript(file: string, text: string): ScriptStep[] {
  if (text.length > LARGEST)
    throw new ScriptError(`${file}: got ${text.length} characters, expected at most ${LARGEST}`);
  return text.split('\n').flatMap((raw, n) => {
    const content = raw.trim();
    if (content === '' || content.startsWith('#')) return [];
    const fail = (message: string): never => {
      throw new ScriptError(`${file}:${n + 1}: ${message}`);
    };
    const [, word, rest] = /^(\S+)\s*([^]*)$/.exec(content) as unknown as [string, string, string];
    const step = Object.hasOwn(words, word) ? words[word]! : undefined;
    if (step === undefined) {
      const names = Object.keys(words);
      return fail(
        `unknown word ${JSON.stringify(word)}${didYouMean(word, names)}: expected one of ${names.join(', ')}`,
      );
    }
    return [{ ...step(rest, fail), line: n + 1 } as ScriptStep];
  });
}

/** Presses a key and waits until what it has begun is over. */
export function pressAndWait(screen: Screen, key: string): void {
  screen.press(key);
  while (screen.busy) screen.advance();
}

/** A printed screen: a line with its name and size, then its rows. */
export function printedScreen(screen: Screen, name: string): string {
  const { columns, rows } = screen.view;
  return `=== ${name} (${columns}x${rows})\n${gridText(screen.draw()).join('\n')}\n`;
}

/** Plays a script on a screen; `print` gets the screens. @throws {ScriptError} what it expects is not there */
export function playScript(
  file: string,
  steps: readonly ScriptStep[],
  screen: Screen,
  print: (text: string) => void,
): void {
  for (const step of steps) {
    if (screen.view.finished) return;
    if (step.kind === 'size') screen.resize(step.columns, step.rows);
    else if (step.kind === 'screen') print(printedScreen(screen, step.name));
    else if (step.kind === 'keys') for (const key of step.keys) pressAndWait(screen, key);
    else if (step.kind === 'type') {
      for (const character of step.text) pressAndWait(screen, character === ' ' ? 'space' : character);
      pressAndWait(screen, 'enter');
    } else {
      const shown = gridText(screen.draw()).join('\n');
      if (shown.includes(step.text)) continue;
      throw new ScriptError(
        `${file}:${step.line}: expected ${JSON.stringify(step.text)} on the screen, which is:\n${shown}`,
        true,
      );
    }
  }
}
