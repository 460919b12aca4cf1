/** Text of a guest's making as a terminal may have it: nothing in it moves the cursor, changes colours or turns text round. */

/** What is shown as it is; the rest are controls, formats (bidi, joiners, variation selectors), surrogates, what has no meaning. */
const shown = /^[\p{L}\p{N}\p{P}\p{S}\p{M} ]$/u;
const variationSelector = /^[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]$/u;
const ordinary = /^[ -~]*$/;

function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return `\\u{${code.toString(16)}}`;
}

/** One line: what must not reach the terminal is written out, as `\x1b`. */
export function printable(text: string): string {
  if (ordinary.test(text)) return text;
  let result = '';
  for (const character of text) {
    result += shown.test(character) && !variationSelector.test(character) ? character : escaped(character);
  }
  return result;
}

const TAB = 8;

/** A line with its tabs as spaces, counted in characters of a source file. */
export function expandTabs(text: string): string {
  if (!text.includes('\t')) return text;
  let result = '';
  for (const character of text) {
    result += character === '\t' ? ' '.repeat(TAB - (result.length % TAB)) : character;
  }
  return result;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A line's bytes as UTF-8; where they are none, those that are no ASCII as `\xe4`. */
export function bytesAsText(bytes: Uint8Array): string {
  try {
    return printable(expandTabs(strict.decode(bytes)));
  } catch {
    let result = '';
    for (const byte of bytes) {
      const character = String.fromCharCode(byte);
      result += byte < 0x80 ? character : escaped(character);
    }
    return printable(expandTabs(result));
  }
}
