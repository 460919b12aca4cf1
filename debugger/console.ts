/** What can be asked for in words, of gdb's `monitor` and of an editor's debug console alike: lines of text. */
import { DebuggerError, quote } from './error.ts';
import type { Debugger, Rest, Stop, ValueDescription } from './types.ts';

/** Where it is, and how it came to rest there. */
export function whereText({ instruction, cpu, pid, text }: Rest): string {
  return `instruction ${instruction.toLocaleString('en-US')}, CPU ${cpu}, ${pid === 0 ? 'idle' : `pid ${pid}`}: ${text}`;
}

/** `1  syscall dup (off), 2 hits` */
export function stopText({ id, text, enabled, hits, addresses, target }: Stop): string {
  const pending =
    ['address', 'symbol', 'line'].includes(target.kind) && addresses.length === 0 ? ', not loaded yet' : '';
  return `${id}  ${text}${enabled ? '' : ' (off)'}${pending}${hits > 0 ? `, ${hits} hit${hits === 1 ? '' : 's'}` : ''}`;
}

/** How execution came here, a line a level. */
export function storyLines(host: Debugger): string[] {
  const frames = host.story().map(({ kind, title, symbol, address, source }) => {
    const place = source.at(-1);
    const where = symbol === '' ? `0x${address.toString(16)}` : symbol;
    return `${kind.padEnd(11)} ${title}  ${where}${place === undefined ? '' : `  ${place.file}:${place.line}`}`;
  });
  return frames.length > 0 ? frames : ['nothing is being executed'];
}

function valueLines(title: string, values: readonly ValueDescription[]): string[] {
  const lines = values.map(({ name, value, place }) => {
    const shown = value === undefined ? 'cannot be read' : `0x${value.toString(16)}`;
    return `  ${name} = ${shown}${place === '' ? '' : ` (${place})`}`;
  });
  return lines.length === 0 ? [] : [title, ...lines];
}

/** What the next instruction does, with its values. */
export function explainLines(host: Debugger): string[] {
  const instruction = host.instructionAt();
  if (instruction === undefined) return ['there is no instruction here'];
  const { text, sentence, reads, writes, mayFault } = instruction;
  return [
    text,
    sentence,
    ...valueLines('reads:', reads),
    ...valueLines('writes, over what is there now:', writes),
    ...(mayFault.length > 0 ? [`may fault: ${mayFault.join(', ')}`] : []),
  ];
}

/** @throws {DebuggerError} */
export function requireArgument(argument: string, what: string): string {
  if (argument !== '') return argument;
  throw new DebuggerError('syntax', `expected ${what}`);
}

/** `60000`, `60,000`. @throws {DebuggerError} */
export function wholeNumber(text: string, what: string): number {
  const digits = text.replaceAll(/[,_]/g, '');
  if (/^\d{1,15}$/.test(digits)) return Number(digits);
  throw new DebuggerError('syntax', `got ${quote(text)}, expected ${what}`);
}
