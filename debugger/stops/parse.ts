/** From what people write to a target: README.md has the grammar. */
import { hex } from '../error.ts';
import type { StopOptions, StopTarget } from '../types.ts';
import { keywords } from './text.ts';
import { stopSyntaxError, wordsOf, type Word } from './words.ts';

export interface ParsedStop {
  readonly target: StopTarget;
  readonly options: StopOptions;
}

const number = /^(?:0x[0-9a-f]{1,16}|[0-9]{1,20})$/i;
const symbolWithOffset = /^(.+?)([+-](?:0x[0-9a-f]{1,16}|[0-9]{1,20}))$/i;
const fileWithLine = /^(.+):([0-9]{1,8})$/;

const offsetOf = (text: string): bigint => (text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text.slice(1)));

/** The words behind a keyword, taken one after the other. */
class Rest {
  private readonly text: string;
  private readonly words: Word[];

  constructor(text: string, words: readonly Word[]) {
    this.text = text;
    this.words = [...words];
  }

  /** The next word if there is one; `*` means any, as none does. */
  name(): string | undefined {
    const word = this.words.shift();
    return word === undefined || (word.text === '*' && !word.quoted) ? undefined : word.text;
  }

  keyword(...allowed: readonly string[]): string | undefined {
    const word = this.words[0];
    if (word === undefined) return undefined;
    if (word.quoted || !allowed.includes(word.text)) throw stopSyntaxError(this.text, `one of ${allowed.join(', ')}`);
    return this.words.shift()!.text;
  }

  pid(): { readonly pid?: number } {
    if (this.keyword('pid') === undefined) return {};
    const word = this.words.shift();
    if (word === undefined || !/^[0-9]{1,9}$/.test(word.text)) throw stopSyntaxError(this.text, 'a number behind pid');
    return { pid: Number(word.text) };
  }

  required(what: string): string {
    return this.name() ?? this.fail(what);
  }

  fail(what: string): never {
    throw stopSyntaxError(this.text, what);
  }

  end<Target>(target: Target): Target {
    if (this.words.length > 0) this.fail(`nothing behind what there is: got ${this.words[0]!.text}`);
    return target;
  }
}

export interface ParseNames {
  /** the address of a symbol now */
  addressOf(name: string): bigint | undefined;
}

function addressAndLength(rest: Rest, names: ParseNames): { readonly address: bigint; readonly length: number } {
  const word = rest.required('an address behind it, as 0xffff888000001000:8');
  const [, place, length] = /^(.*?)(?::([0-9]{1,8}))?$/.exec(word)!;
  const [, symbol, offset] = symbolWithOffset.exec(place!) ?? [];
  const address = number.test(place!) ? BigInt(place!) : names.addressOf(symbol ?? place!);
  if (address === undefined) return rest.fail(`an address or the name of what is loaded: got ${place}`);
  return { address: address + (symbol === undefined ? 0n : offsetOf(offset!)), length: Number(length ?? 8) };
}

const where = (rest: Rest): 'entry' | 'exit' => (rest.keyword('entry', 'exit') ?? 'entry') as 'entry';
const optional = <Key extends string>(key: Key, value: string | undefined): { readonly [K in Key]?: string } =>
  (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: string };

type Reader = (rest: Rest, names: ParseNames) => StopTarget;

const readMemoryStop =
  (access: 'write' | 'read' | 'access'): Reader =>
  (rest, names) => ({ kind: 'memory', ...addressAndLength(rest, names), access, ...rest.pid() });

const processEvents = ['fork', 'exec', 'exit', 'signal'] as const;

const readers: Readonly<Record<string, Reader>> = {
  register: (rest) => ({ kind: 'register', register: rest.required('the name of a register') }),
  write: readMemoryStop('write'),
  read: readMemoryStop('read'),
  access: readMemoryStop('access'),
  syscall: (rest) => ({ kind: 'syscall', ...optional('name', rest.name()), at: where(rest) }),
  program: (rest) => ({ kind: 'program', ...optional('name', rest.name()), at: where(rest) }),
  kprobe: (rest) => ({ kind: 'kprobe', ...optional('symbol', rest.name()) }),
  helper: (rest) => ({ kind: 'helper', ...optional('name', rest.name()) }),
  map: (rest) => ({ kind: 'map', ...optional('name', rest.name()) }),
  dispatcher: () => ({ kind: 'dispatcher' }),
  panic: () => ({ kind: 'panic' }),
  'landing-pad': () => ({ kind: 'landing-pad' }),
  fault: (rest) => ({ kind: 'fault', ...optional('vector', rest.name()) }),
  process: (rest) => {
    const event = rest.keyword(...processEvents) ?? rest.fail(`one of ${processEvents.join(', ')}`);
    return { kind: 'process', event: event as 'fork', ...rest.pid() };
  },
};

/** `*0x…`, `name+0x10`, `file:19`; a quoted name and what follows it are two words. */
function readPlace(text: string, words: readonly Word[]): StopTarget {
  const [first, second, ...more] = words as [Word, ...Word[]];
  const behind = first.quoted && second !== undefined && second.at === first.end ? second.text : '';
  if (more.length > 0 || (second !== undefined && behind === '')) {
    throw stopSyntaxError(text, `one place, or one of ${[...keywords].join(', ')} in front`);
  }
  if (first.quoted) {
    if (behind === '') return { kind: 'symbol', name: first.text };
    const line = /^:([0-9]{1,8})$/.exec(behind);
    if (line !== null) return { kind: 'line', file: first.text, line: Number(line[1]) };
    const offset = symbolWithOffset.exec(`x${behind}`);
    if (offset?.[1] === 'x') return { kind: 'symbol', name: first.text, offset: offsetOf(offset[2]!) };
    throw stopSyntaxError(text, 'an offset as +0x10 or a line as :19 behind a quoted name');
  }
  const word = first.text;
  const address = word.startsWith('*') ? word.slice(1) : word;
  if (number.test(address)) return { kind: 'address', address: BigInt(address) };
  if (word.startsWith('*')) throw stopSyntaxError(text, `an address behind *, as *${hex(0xffffffff81000000n)}`);
  const line = fileWithLine.exec(word);
  if (line !== null) return { kind: 'line', file: line[1]!, line: Number(line[2]) };
  const symbol = symbolWithOffset.exec(word);
  if (symbol !== null) return { kind: 'symbol', name: symbol[1]!, offset: offsetOf(symbol[2]!) };
  return { kind: 'symbol', name: word };
}

/** DebuggerError. */
export function parseStop(text: string, names: ParseNames): ParsedStop {
  const { words, condition } = wordsOf(text);
  const [first, ...behind] = words;
  if (first === undefined) throw stopSyntaxError(text, 'a place to stop at');
  if (condition === '') throw stopSyntaxError(text, 'an expression behind if');
  const reader = !first.quoted && Object.hasOwn(readers, first.text) ? readers[first.text] : undefined;
  const rest = new Rest(text, behind);
  const target = reader === undefined ? readPlace(text, words) : rest.end(reader(rest, names));
  return { target, options: condition === undefined ? {} : { condition } };
}
