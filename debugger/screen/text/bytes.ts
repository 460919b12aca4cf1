/** Lines of files and of a guest's output, which may hold tabs and bytes that are no text. */
import { escaped, printable } from '../../../lib/printable.ts';

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
