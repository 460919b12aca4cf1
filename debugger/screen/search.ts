/** Places by a name or a part of one: symbols, `main.rs:19`, `*0x…`, expressions. */
import { demangle } from '../../toolchain/elf/index.ts';
import { DebuggerError } from '../error.ts';
import type { Debugger } from '../types.ts';

/** The value of a text that is one; undefined where the debugger has none. */
function attempt(question: () => bigint | undefined): bigint | undefined {
  try {
    return question();
  } catch (error) {
    if (error instanceof DebuggerError) return undefined;
    throw error;
  }
}

function byStop(session: Debugger, text: string): bigint | undefined {
  const { target } = session.parseStop(text);
  if (target.kind === 'address') return target.address;
  if (target.kind === 'line') return session.addressesOf(target.file, target.line)[0];
  return undefined;
}

/**
 * Where `text` leads; `after`: the first such place above that address, going round. A name in full goes first, then
 * whatever symbol contains the text. DebuggerError when nothing does.
 */
export function findPlace(session: Debugger, text: string, after?: bigint): bigint {
  const exact = attempt(() => session.evaluate(text)) ?? attempt(() => byStop(session, text));
  const matches = session.box.symbols.all
    .filter(({ name }) => name.includes(text) || demangle(name).includes(text))
    .map(({ address }) => address);
  if (exact !== undefined && after === undefined) return exact;
  const next = after === undefined ? undefined : matches.find((address) => address > after);
  const found = next ?? matches[0] ?? exact;
  if (found === undefined) throw new DebuggerError('unknown-name', `no symbol contains ${JSON.stringify(text)}`);
  return found;
}
