/** A traced instruction as a line: where, which, and what it changed. */
import type { RegisterChange, TracedInstruction } from '../box/trace.ts';
import { flagBits } from '../cpu/flags.ts';
import { Flag } from '../cpu/state.ts';
import { printable } from '../lib/printable.ts';
import type { Style } from './style.ts';

const SYMBOL_WIDTH = 34;
const TEXT_WIDTH = 44;

const spaceColours = { user: 'green', kernel: 'blue', extension: 'magenta' } as const;

/** The image's tag: the line says that it is an extension's code. */
const withoutTag = (symbol: string): string => symbol.replaceAll(/\brex_prog_[0-9a-f]{16}::/g, '');

const flagRows: readonly (readonly [name: string, bit: bigint])[] = [
  ...Object.entries(flagBits).map(([name, bit]) => [name, 1n << BigInt(bit)] as const),
  ['TF', Flag.TF],
  ['IF', Flag.IF],
  ['DF', Flag.DF],
  ['AC', Flag.AC],
];

/** Flags that came on and went off: `+ZF -CF`. */
function flagChanges({ before, after }: RegisterChange): string {
  const changes = flagRows.flatMap(([name, bit]) => {
    if ((before & bit) === (after & bit)) return [];
    return [`${(after & bit) === 0n ? '-' : '+'}${name}`];
  });
  return changes.join(' ');
}

function describeChange(change: RegisterChange): string {
  if (change.register === 'rflags') return flagChanges(change);
  return `${change.register} 0x${change.before.toString(16)} -> 0x${change.after.toString(16)}`;
}

export function describeInstruction(instruction: TracedInstruction, style: Style): string {
  const { space, address, symbol, text, changes, trap } = instruction;
  const where = `${address.toString(16).padStart(16, '0')} ${withoutTag(printable(symbol)).padEnd(SYMBOL_WIDTH)}`;
  const what = withoutTag(printable(text)).padEnd(TEXT_WIDTH);
  const effects = changes.map(describeChange).filter((change) => change !== '');
  if (trap !== '') effects.push(style('yellow', `=> ${trap}`));
  const line = `${style(spaceColours[space], `${space.padEnd(9)} ${where}`)} ${what} ${effects.join(', ')}`;
  return line.trimEnd();
}
