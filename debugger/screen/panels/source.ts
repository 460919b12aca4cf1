/** The source of the instruction: the line marked, and how it came there by inlining. */
import type { SourcePlace, StoryFrame } from '../../types.ts';
import { line, span, type Line } from '../style.ts';
import { printable } from '../../../lib/printable.ts';
import { expandTabs } from '../text/bytes.ts';
import { fit } from '../text/width.ts';
import type { View } from '../view.ts';
import { placeShown } from './code.ts';
import { withoutTag, type Panel } from './panel.ts';

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const placeText = ({ file, line: number }: SourcePlace): string => `${baseName(file)}:${number}`;

/** The innermost place whose text is at hand, and its place in the list. */
function readable(
  { debugger: session }: View,
  source: readonly SourcePlace[],
): { text: string; at: number } | undefined {
  for (const [at, { file }] of source.entries()) {
    const text = session.sourceText(file);
    if (text !== undefined) return { text, at };
  }
  return undefined;
}

/** `map at option.rs:1110 <- err_injector at main.rs:19`, innermost first, a line each. */
function inlining(source: readonly SourcePlace[], shown: number, columns: number): Line[] {
  if (source.length < 2 && shown === 0) return [];
  return source.map((place, at) => {
    const name = place.function === '' ? '?' : printable(place.function);
    const words = `${at === source.length - 1 ? 'in' : 'inlined'} ${name} at ${placeText(place)}`;
    return line(fit(words, columns), at === shown ? 'strong' : 'dim');
  });
}

/** Where the text of an instruction is not at hand: the nearest caller's that is. */
function callerWithSource(view: View): StoryFrame | undefined {
  if (view.cursor !== undefined) return undefined;
  return view.debugger.story().find(({ source }) => readable(view, source) !== undefined);
}

function callerLine(caller: StoryFrame, own: readonly SourcePlace[]): Line {
  const missing = own[0] === undefined ? 'no source of this instruction' : `${placeText(own[0])} is not at hand`;
  return line(printable(`${missing}; it was called from ${withoutTag(caller.symbol)}:`), 'dim');
}

/** most lines of inlining, so that the source itself has its share */
const inliningRows = (rows: number): number => Math.floor(rows / 3);

export const sourcePanel: Panel = {
  name: 'source',
  title(view) {
    const { source } = view.debugger.describe(placeShown(view));
    return source[0] === undefined ? '' : printable(placeText(source[0]));
  },
  lines(view, columns, rows) {
    const { source: own } = view.debugger.describe(placeShown(view));
    const caller = readable(view, own) === undefined ? callerWithSource(view) : undefined;
    const source = caller?.source ?? own;
    if (source.length === 0) return [line('no source is known for this instruction', 'dim')];
    const found = readable(view, source);
    const inlined = inlining(source, found?.at ?? -1, columns).slice(0, inliningRows(rows));
    const chain = caller === undefined ? inlined : [callerLine(caller, own), ...inlined];
    if (found === undefined) {
      const missing = `the text of ${printable(source[0]!.file)} is not at hand`;
      return [...chain, line(missing, 'dim')];
    }
    const place = source[found.at]!;
    const texts = found.text.split('\n');
    const room = Math.max(1, rows - chain.length);
    const first = Math.max(1, Math.min(place.line - Math.floor(room / 2), texts.length - room + 1));
    const width = String(first + room).length;
    const shown: Line[] = [...chain];
    for (let number = first; number < first + room && number <= texts.length; number++) {
      const here = number === place.line;
      const text = printable(expandTabs(texts[number - 1]!.replace(/\r$/, '')));
      shown.push([
        span(here ? '>' : ' ', here ? 'current' : 'plain'),
        span(`${String(number).padStart(width)} `, here ? 'current' : 'dim'),
        span(here ? fit(text, Math.max(0, columns - width - 2)) : text, here ? 'current' : 'plain'),
      ]);
    }
    return shown;
  },
};
