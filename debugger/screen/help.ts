/** The keys in words: printed from the table of commands. */
import { commands } from './commands.ts';
import { line, span, type Line } from './style.ts';

const keysText = (keys: readonly string[]): string => keys.join(' ');

export function helpLines(columns: number): readonly Line[] {
  const width = Math.max(...commands.map(({ keys }) => keysText(keys).length));
  const rows = commands.map(({ keys, counts, help }): Line => [
    span(` ${keysText(keys).padEnd(width)} `, 'strong'),
    span(counts ? 'N ' : '  ', 'name'),
    span(help),
  ]);
  return [
    line(' Keys. N: a number typed before the key says how often, or which.'.slice(0, columns), 'title'),
    ...rows,
    line(' escape or ? ends this.', 'dim'),
  ];
}
