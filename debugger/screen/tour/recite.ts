/** A tour without a terminal: each place with its paragraphs and what the screen shows there. */
import { printedScreen, pressAndWait } from '../script.ts';
import { printable } from '../../../lib/printable.ts';
import { columnsOf, wrap } from '../text/width.ts';
import type { Screen } from '../screen.ts';

const WIDTH = 80;

const headingText = (words: string, underline: string): string => {
  const shown = printable(words);
  return `${shown}\n${underline.repeat(columnsOf(shown))}\n\n`;
};

const paragraphsText = (paragraphs: readonly string[]): string =>
  paragraphs.map((paragraph) => `${wrap(printable(paragraph), WIDTH).join('\n')}\n\n`).join('');

/** False when a place has not been reached, which is said. */
export function recite(screen: Screen, print: (text: string) => void): boolean {
  const { view } = screen;
  const { tour: player } = view;
  if (player === undefined) return true;
  const { title, introduction, places } = player.tour;
  print(`${headingText(title, '=')}${paragraphsText(introduction)}`);
  for (const [n, { heading, paragraphs, show }] of places.entries()) {
    pressAndWait(screen, 'space');
    if (player.at !== n) {
      print(`${printable(view.message?.text ?? `not reached: ${heading}`)}\n`);
      return false;
    }
    // the lecture is printed above the screen
    view.tab = show ?? 'source';
    print(`${headingText(`${n + 1}. ${heading}`, '-')}${paragraphsText(paragraphs)}`);
    print(`${printedScreen(screen, `place ${n + 1}`)}\n`);
  }
  return true;
}
