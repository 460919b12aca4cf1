/** Stops as people write them; parse.ts reads them. README.md has the grammar. */
import { hex } from '../error.ts';
import type { StopTarget } from '../types.ts';
import { asWord } from './words.ts';

/** What begins a target of its kind. */
export const keywords: ReadonlySet<string> = new Set([
  'register',
  'write',
  'read',
  'access',
  'syscall',
  'kprobe',
  'program',
  'helper',
  'map',
  'dispatcher',
  'panic',
  'landing-pad',
  'fault',
  'process',
  'if',
]);

const plainSymbol = (name: string): boolean =>
  /^[A-Za-z_.$][A-Za-z0-9_.$]*(?:::[A-Za-z_][A-Za-z0-9_.$]*)*$/.test(name) && !keywords.has(name);
const plainFile = (name: string): boolean => /^[A-Za-z0-9_./-]+$/.test(name) && !name.startsWith('-');
/** names of what is no keyword's neighbour: `*` means any */
const plainName = (name: string): boolean => /^[A-Za-z0-9_.$#+-]+$/.test(name) && name !== 'if';

const name = (text: string | undefined): string => (text === undefined ? '' : ` ${asWord(text, plainName)}`);
const at = (text: string | undefined, where: 'entry' | 'exit'): string =>
  where === 'entry' ? name(text) : `${text === undefined ? ' *' : name(text)} exit`;
const process = (pid: number | undefined): string => (pid === undefined ? '' : ` pid ${pid}`);

function offsetText(offset: bigint | undefined): string {
  if (offset === undefined) return '';
  return offset < 0n ? hex(offset) : `+${hex(offset)}`;
}

/** One line, which parses to the same target. */
export function targetText(target: StopTarget): string {
  switch (target.kind) {
    case 'address':
      return `*${hex(target.address)}`;
    case 'symbol':
      return `${asWord(target.name, plainSymbol)}${offsetText(target.offset)}`;
    case 'line':
      return `${asWord(target.file, plainFile)}:${target.line}`;
    case 'register':
      return `register ${asWord(target.register, plainName)}`;
    case 'memory':
      return `${target.access} ${hex(target.address)}:${target.length}${process(target.pid)}`;
    case 'syscall':
    case 'program':
      return `${target.kind}${at(target.name, target.at)}`;
    case 'kprobe':
      return `kprobe${name(target.symbol)}`;
    case 'helper':
    case 'map':
      return `${target.kind}${name(target.name)}`;
    case 'fault':
      return `fault${name(target.vector)}`;
    case 'process':
      return `process ${target.event}${process(target.pid)}`;
    default:
      return target.kind;
  }
}
