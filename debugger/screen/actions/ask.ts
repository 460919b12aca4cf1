/** What keys have in common: what they say, what they ask for. */
import { DebuggerError } from '../../error.ts';
import { createPrompt } from '../prompt.ts';
import type { Motion, View } from '../view.ts';

export const say = (view: View, text: string): void => {
  view.message = { text, error: false };
};

/** of typed lines that are remembered, by kind */
const MOST_TYPED = 100;

export function ask(view: View, label: string, accept: (text: string) => Motion | undefined | void): void {
  const typed = view.typed.get(label) ?? [];
  view.typed.set(label, typed);
  view.prompt = createPrompt(label, [...typed], (text) => {
    if (text !== '' && typed.at(-1) !== text) typed.push(text);
    if (typed.length > MOST_TYPED) typed.shift();
    return accept(text);
  });
}

export function wholeNumber(text: string, what: string): number {
  const number = /^\d[\d,_]*$/.test(text) ? Number(text.replaceAll(/[,_]/g, '')) : NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new DebuggerError('syntax', `${what}: got ${JSON.stringify(text)}, expected a whole number`);
}
