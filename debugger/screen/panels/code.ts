/** Disassembly round the place of execution, or round the cursor. */
import type { DisassembledLine } from '../../types.ts';
import { line, span, type Line } from '../style.ts';
import { fit } from '../text/width.ts';
import { printable } from '../../../lib/printable.ts';
import type { View } from '../view.ts';
import { hex, withoutTag, type Panel } from './panel.ts';

/** bytes before a place in which an instruction is looked for that leads to it */
const BACK = 96;
/** a function up to so many bytes is disassembled from its start */
const WHOLE_FUNCTION = 4096n;
const LONGEST_INSTRUCTION = 15n;

const offsetOf = (symbol: string): bigint => BigInt(/\+(0x[0-9a-f]+)$/.exec(symbol)?.[1] ?? 0);
const nameOf = (symbol: string): string => symbol.replace(/\+0x[0-9a-f]+$/, '');

/** Instructions that lead to `address`, which is not among them, oldest first. */
function linesBefore({ debugger: session }: View, address: bigint, count: number): DisassembledLine[] {
  const { symbol } = session.describe(address);
  const offset = offsetOf(symbol);
  const leading = (start: bigint): DisassembledLine[] | undefined => {
    const lines = session.disassemble(start, Number(address - start));
    const end = lines.findIndex((candidate) => candidate.address >= address);
    return end >= 0 && lines[end]!.address === address ? lines.slice(0, end) : undefined;
  };
  if (symbol !== '' && offset <= WHOLE_FUNCTION) {
    const known = leading(address - offset);
    if (known !== undefined) return known.slice(-count);
  }
  const reach = BigInt(Math.min(BACK, count * Number(LONGEST_INSTRUCTION)));
  for (let start = address > reach ? address - reach : 0n; start < address; start++) {
    const guessed = leading(start);
    if (guessed !== undefined) return guessed.slice(-count);
  }
  return [];
}

/** `rows` lines of code of which one is at `address`. */
export function codeRound(view: View, address: bigint, rows: number): readonly DisassembledLine[] {
  const before = linesBefore(view, address, rows);
  const { symbol } = view.debugger.describe(address);
  const behind = view.debugger.disassemble(address, rows);
  // a whole function where it fits, else the place a third from above
  const lead = before.filter((candidate) => nameOf(candidate.symbol) === nameOf(symbol));
  const third = Math.min(before.length, Math.floor((rows - 1) / 3));
  const above = lead.length < rows && lead.length <= Math.floor((rows * 2) / 3) ? lead.length : third;
  return [...before.slice(before.length - above), ...behind].slice(0, rows);
}

export const placeShown = ({ cursor, debugger: session }: View): bigint => cursor ?? session.rest.rip;

export const codePanel: Panel = {
  name: 'code',
  title(view) {
    const { symbol, space } = view.debugger.describe(placeShown(view));
    return symbol === '' ? space : withoutTag(printable(nameOf(symbol)));
  },
  lines(view, columns, rows) {
    const { debugger: session, cursor } = view;
    const code = codeRound(view, placeShown(view), rows);
    if (code.length === 0) return [line(`nothing is mapped at 0x${hex(placeShown(view))}`, 'dim')];
    const stops = new Set(session.stops.flatMap(({ enabled, addresses }) => (enabled ? addresses : [])));
    const width = Math.max(...code.map(({ symbol, address }) => labelOf(symbol, address, columns).length));
    let function_ = nameOf(code[0]!.symbol);
    const shown: Line[] = [];
    for (const { address, symbol, text } of code) {
      if (nameOf(symbol) !== function_ && nameOf(symbol) !== '') {
        function_ = nameOf(symbol);
        shown.push(line(`${withoutTag(printable(function_))}:`, 'name'));
      }
      const here = address === session.rest.rip;
      const words = targetsByName(withoutTag(printable(text)));
      const label = labelOf(symbol, address, columns).padStart(width);
      const mark = stops.has(address) ? '*' : ' ';
      const style = here ? 'current' : address === cursor ? 'cursor' : 'plain';
      shown.push([
        span(here ? '>' : address === cursor ? '-' : ' ', here ? 'current' : 'strong'),
        span(mark, 'stop'),
        span(`${label} `, style === 'plain' ? 'name' : style),
        span(style === 'plain' ? words : fit(words, Math.max(0, columns - width - 3)), style),
      ]);
    }
    return shown.slice(0, Math.max(rows, 1));
  },
};

/** A target that has a name is that: `call do_syscall_64`. */
const targetsByName = (text: string): string => text.replace(/\b0x[0-9a-f]{4,16} <([^<>]+(?:<.*>)?[^<>]*)>$/, '$1');

/** Where an instruction is: its offset in its function, in wide panels its address too. */
function labelOf(symbol: string, address: bigint, columns: number): string {
  const offset = `+${hex(offsetOf(symbol))}`;
  if (symbol === '') return hex(address);
  return columns >= 64 ? `${hex(address, 16)} ${offset.padStart(5)}` : offset;
}
