/** What a terminal sends when keys are pressed, as names: `s`, `S`, `enter`, `ctrl-c`, `page-up`. */

// prettier-ignore
const named: Readonly<Record<string, string>> = {
  '\r': 'enter', '\n': 'enter', '\t': 'tab', '\x7f': 'backspace', '\b': 'backspace', ' ': 'space',
};

/** final byte, or number before `~`, of control sequences; xterm's, VT220's, the Linux console's and rxvt's */
// prettier-ignore
const sequences: Readonly<Record<string, string>> = {
  A: 'up', B: 'down', C: 'right', D: 'left', H: 'home', F: 'end', Z: 'shift-tab',
  '1~': 'home', '7~': 'home', '4~': 'end', '8~': 'end', '3~': 'delete', '5~': 'page-up', '6~': 'page-down',
};

const DELETE = 0x7f;

function nameOf(character: string): string | undefined {
  const name = named[character];
  if (name !== undefined) return name;
  const code = character.codePointAt(0)!;
  if (code >= 1 && code <= 26) return `ctrl-${String.fromCharCode(code + 0x60)}`;
  return code < 0x20 || (code >= DELETE && code < 0xa0) ? undefined : character;
}

/** Longest control sequence: what goes on for longer is dropped. */
const LONGEST_SEQUENCE = 32;
const introducer = /^\x1b[[O]/; // oxlint-disable-line no-control-regex
// oxlint-disable-next-line no-control-regex
const sequence = /^\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~])/;

/** Every key that a script can name beside single characters. */
export const keyNames: ReadonlySet<string> = new Set([
  ...Object.values(named),
  ...Object.values(sequences),
  'escape',
  ...Array.from({ length: 26 }, (_, n) => `ctrl-${String.fromCharCode(n + 0x61)}`),
]);

export interface KeyDecoder {
  /** The keys that are complete now. */
  feed(bytes: Uint8Array): string[];
  /** Nothing more has come for a while: an ESC that was waiting for the rest of a sequence is the key. */
  flush(): string[];
}

export function createKeyDecoder(): KeyDecoder {
  const decoder = new TextDecoder();
  let pending = '';
  const take = (final: boolean): string[] => {
    const keys: string[] = [];
    while (pending !== '') {
      if (pending[0] !== '\x1b') {
        const character = String.fromCodePoint(pending.codePointAt(0)!);
        pending = pending.slice(character.length);
        const name = nameOf(character);
        if (name !== undefined) keys.push(name);
        continue;
      }
      const found = sequence.exec(pending)?.[0];
      if (found !== undefined) {
        pending = pending.slice(found.length);
        // of `1;5A` (with control) the key is A
        const name = sequences[/(\d*~|.)$/.exec(found)![0]];
        if (name !== undefined) keys.push(name);
        continue;
      }
      const growing = pending.length < LONGEST_SEQUENCE && (pending === '\x1b' || introducer.test(pending));
      if (growing && !final) break;
      const dropped = introducer.test(pending) ? pending.length : 1;
      pending = pending.slice(dropped);
      if (dropped === 1) keys.push('escape');
    }
    return keys;
  };
  return {
    feed(bytes) {
      pending += decoder.decode(bytes, { stream: true });
      return take(false);
    },
    flush: () => take(true),
  };
}
