/** How execution came here: a call stack across privilege and stack switches, innermost first. */
import type { StoryFrame } from '../../types.ts';
import { line, span, type Line, type StyleName } from '../style.ts';
import { printable } from '../../../lib/printable.ts';
import { hex, withoutTag, type Panel } from './panel.ts';

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** kinds that say more than that a function was called */
const turns: ReadonlySet<StoryFrame['kind']> = new Set([
  'syscall',
  'exception',
  'kprobe',
  'dispatcher',
  'program',
  'helper',
  'interrupt',
]);

function whereText({ symbol, address, source }: StoryFrame): string {
  const place = source.at(-1);
  const where = symbol === '' ? `0x${hex(address)}` : withoutTag(symbol);
  return place === undefined ? where : `${where}  ${baseName(place.file)}:${place.line}`;
}

export const storyPanel: Panel = {
  name: 'story',
  title: () => 'how it came here',
  lines(view) {
    const story = view.debugger.story();
    if (story.length === 0) return [line('nothing is being executed', 'dim')];
    return story.map((frame, n): Line => {
      const style: StyleName = turns.has(frame.kind) ? 'strong' : 'plain';
      const where = printable(whereText(frame));
      const title = withoutTag(printable(frame.title));
      return [
        span(n === 0 ? '>' : ' ', 'current'),
        span(frame.kind.padEnd(11), frame.space),
        span(title, style),
        span(where.startsWith(title) ? where.slice(title.length) : `  ${where}`, 'dim'),
      ];
    });
  },
};
