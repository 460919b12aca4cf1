/** One line that is typed: a stop, an address, an expression. */

import type { Motion } from './view.ts';

type Accept = (text: string) => Motion | undefined | void;

export interface Prompt {
  /** what is asked for */
  readonly label: string;
  text: string;
  /** where the next character goes */
  caret: number;
  /** what was typed before, oldest first, and which of it is shown */
  readonly history: readonly string[];
  recalled: number;
  /** what the line asks for: maybe a motion */
  readonly accept: Accept;
}

/** what nobody types */
const LONGEST = 1000;

export const createPrompt = (label: string, history: readonly string[], accept: Accept): Prompt => ({
  label,
  text: '',
  caret: 0,
  history,
  recalled: history.length,
  accept,
});

function replace(prompt: Prompt, from: number, to: number, text: string): void {
  prompt.text = prompt.text.slice(0, from) + text + prompt.text.slice(to);
  prompt.caret = from + text.length;
}

function recall(prompt: Prompt, by: number): void {
  prompt.recalled = Math.min(prompt.history.length, Math.max(0, prompt.recalled + by));
  prompt.text = prompt.history[prompt.recalled] ?? '';
  prompt.caret = prompt.text.length;
}

/** UTF-16 units of the character before or behind the caret */
const before = ({ text, caret }: Prompt): number => Array.from(text.slice(0, caret)).at(-1)?.length ?? 0;
const behind = ({ text, caret }: Prompt): number => Array.from(text.slice(caret, caret + 2))[0]?.length ?? 0;

const edits: Readonly<Record<string, (prompt: Prompt) => void>> = {
  backspace: (prompt) => replace(prompt, prompt.caret - before(prompt), prompt.caret, ''),
  delete: (prompt) => replace(prompt, prompt.caret, prompt.caret + behind(prompt), ''),
  'ctrl-u': (prompt) => replace(prompt, 0, prompt.caret, ''),
  'ctrl-k': (prompt) => replace(prompt, prompt.caret, prompt.text.length, ''),
  left: (prompt) => (prompt.caret -= before(prompt)),
  right: (prompt) => (prompt.caret += behind(prompt)),
  home: (prompt) => (prompt.caret = 0),
  'ctrl-a': (prompt) => (prompt.caret = 0),
  end: (prompt) => (prompt.caret = prompt.text.length),
  'ctrl-e': (prompt) => (prompt.caret = prompt.text.length),
  up: (prompt) => recall(prompt, -1),
  down: (prompt) => recall(prompt, 1),
};

/** What a key does to the line; the outcome when it ends it. */
export function pressInPrompt(prompt: Prompt, key: string): 'accepted' | 'left' | undefined {
  if (key === 'enter') return 'accepted';
  if (key === 'escape' || key === 'ctrl-c' || key === 'ctrl-g') return 'left';
  if (key === 'backspace' && prompt.text === '') return 'left';
  const edit = Object.hasOwn(edits, key) ? edits[key] : undefined;
  const character = key === 'space' ? ' ' : [...key].length === 1 ? key : undefined;
  if (edit !== undefined) edit(prompt);
  else if (character !== undefined && prompt.text.length < LONGEST) {
    replace(prompt, prompt.caret, prompt.caret, character);
  }
  return undefined;
}
