/** Registers: what the latest motion has changed is marked, flags are letters. */
import { registerNames } from '../../../cpu/state.ts';
import type { RegisterValue } from '../../types.ts';
import { line, span, type Line, type Span } from '../style.ts';
import { fit } from '../text/width.ts';
import { shownRegisters, type View } from '../view.ts';
import { hex, type Panel } from './panel.ts';
import { meaningOf } from './values.ts';

/** RFLAGS by letter, in the order of bits as debuggers print them */
const flagLetters = [
  ['o', 11],
  ['d', 10],
  ['i', 9],
  ['t', 8],
  ['s', 7],
  ['z', 6],
  ['a', 4],
  ['p', 2],
  ['c', 0],
] as const;

/** `odItsZaPc`: upper case is set. */
export const flagText = (flags: bigint): string =>
  flagLetters.map(([letter, bit]) => ((flags >> BigInt(bit)) & 1n ? letter.toUpperCase() : letter)).join('');

/** in the order that debuggers have */
const general: readonly string[] = ['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp'].concat(
  registerNames.filter((name) => /^r\d/.test(name)),
);

/** Those of 64 bits and less beside the general ones, in the debugger's order. */
const others = (registers: readonly RegisterValue[]): readonly RegisterValue[] =>
  registers.filter(({ name }) => !general.includes(name) && name !== 'rip' && name !== 'rflags');

function cell(view: View, register: RegisterValue | undefined, name: string, nameWidth: number, digits = 16): Span[] {
  if (register === undefined) return [span(` ${name.padEnd(nameWidth)} ${'?'.padEnd(digits)}`, 'dim')];
  const before = view.before.registers.get(name);
  const changed = before !== undefined && before !== register.value;
  const style = changed ? 'changed' : 'plain';
  return [
    span(changed && !view.colours ? '*' : ' ', style),
    span(name.padEnd(nameWidth), changed ? 'changed' : 'name'),
    span(` ${hex(register.value, digits)}`, style),
  ];
}

function flagsLine(view: View, flags: RegisterValue | undefined): Span[] {
  if (flags === undefined) return [];
  const before = view.before.registers.get('rflags') ?? flags.value;
  const shown: Span[] = [];
  const [old, now] = [flagText(before), flagText(flags.value)];
  for (const [n, letter] of [...now].entries()) {
    shown.push(span(letter, old[n] === letter ? (letter === letter.toLowerCase() ? 'dim' : 'strong') : 'changed'));
  }
  const marked = before !== flags.value && !view.colours;
  return [span(marked ? '*' : ' ', 'changed'), span('flags ', 'name'), ...shown];
}

/** columns in which a second register stands beside the first */
const TWO = 42;
/** what `rax 0123456789abcdef` takes with a mark before it */
const CELL = 21;
const SYSTEM_DIGITS = 16;

export const registersPanel: Panel = {
  name: 'registers',
  title: ({ follow, debugger: session }) =>
    follow === undefined ? '' : 'pid' in follow && session.rest.pid !== follow.pid ? `of pid ${follow.pid}` : '',
  lines(view, columns, rows) {
    const registers = shownRegisters(view);
    const byName = new Map(registers.map((register) => [register.name, register]));
    const ip = byName.get('rip');
    const describe = (value: bigint | undefined): Line =>
      value === undefined ? [] : [span('  '), ...meaningOf(view.debugger, value)];
    const shown: Line[] = [];
    // one a line with what it means where there is room for that
    const single = rows >= general.length + 2 || columns < TWO;
    if (single) {
      for (const name of general) {
        shown.push([...cell(view, byName.get(name), name, 3), ...describe(byName.get(name)?.value)]);
      }
    } else {
      const half = general.length / 2;
      for (let n = 0; n < half; n++) {
        const [left, right] = [general[n]!, general[n + half]!];
        shown.push([...cell(view, byName.get(left), left, 3), span(' '), ...cell(view, byName.get(right), right, 3)]);
      }
    }
    shown.push([...cell(view, ip, 'rip', 3), ...describe(ip?.value)]);
    shown.push([
      ...flagsLine(view, byName.get('rflags')),
      span(`  rflags ${hex(byName.get('rflags')?.value ?? 0n)}`, 'dim'),
    ]);
    const rest = others(registers);
    const nameWidth = Math.max(3, ...rest.map(({ name }) => name.length));
    const narrow = rest.filter(({ bits }) => bits <= 64);
    const across = Math.max(1, Math.floor(columns / (nameWidth + 2 + SYSTEM_DIGITS)));
    for (let n = 0; n < narrow.length; n += across) {
      shown.push(
        narrow
          .slice(n, n + across)
          .flatMap((register) => cell(view, register, register.name, nameWidth, SYSTEM_DIGITS)),
      );
    }
    for (const register of rest.filter(({ bits }) => bits > 64)) {
      shown.push(cell(view, register, register.name, nameWidth, register.bits / 4));
    }
    return columns < CELL ? shown.map((spans) => line(fit(spans.map(({ text }) => text).join(''), columns))) : shown;
  },
};
