/** The line that says in words what the next instruction does, with the values that it finds. */
import type { ValueDescription } from '../types.ts';
import { withoutTag } from './panels/panel.ts';
import { span, type Line } from './style.ts';
import { printable } from '../../lib/printable.ts';
import { fit, wrap } from './text/width.ts';
import type { View } from './view.ts';

const MOST_VALUES = 6;

function valueText({ name, address, place, value }: ValueDescription): string {
  const where = address === undefined ? '' : ` 0x${address.toString(16)}${place === '' ? '' : ` (${place})`}`;
  const what = value === undefined ? '?' : value < 10n ? `${value}` : `0x${value.toString(16)}`;
  return `${name}${where} = ${what}`;
}

/** As many lines as there are, cut off at `rows`. */
export function sentenceLines({ debugger: session }: View, columns: number, rows: number): Line[] {
  const { rest, box } = session;
  if (rest.pid === 0) {
    const why = box.death === undefined ? 'every task sleeps or has ended' : 'the kernel has stopped for good';
    return [[span(`Nothing is being executed: ${why}. Going back leads to what was.`, 'strong')]];
  }
  const instruction = session.instructionAt();
  if (instruction === undefined) {
    return [[span(`nothing is mapped at 0x${rest.rip.toString(16)}: executing it faults`, 'error')]];
  }
  const { text, sentence, reads, writes } = instruction;
  const touched = writes.filter(({ address }) => address !== undefined);
  const values = [...reads, ...touched.filter((one) => !reads.some(({ name }) => name === one.name))];
  const found = values.slice(0, MOST_VALUES).map(valueText).join(', ');
  const words = withoutTag(printable(`${text}: ${sentence}${found === '' ? '' : `  [${found}]`}`));
  const head = withoutTag(printable(`${text}:`));
  const lines = wrap(words, columns);
  // what has no room is said to be missing
  if (lines.length > rows) lines[rows - 1] = `${fit(lines[rows - 1]!, columns - 2).trimEnd()} …`;
  return lines.slice(0, rows).map((part, n): Line => {
    if (n > 0 || !part.startsWith(head)) return [span(part)];
    return [span(head, 'strong'), span(part.slice(head.length))];
  });
}
