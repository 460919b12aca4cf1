/**
 * Text of a guest's or a file's making as a terminal may have it: nothing in it moves the cursor, changes colours, rings or
 * turns text round. All text that others have written goes through here before this package prints it; what a program of
 * the guest writes to its own output does not.
 */

/** What is shown as it is; the rest are controls, formats (bidi, joiners, variation selectors), surrogates, what has no meaning. */
const shown = /^[\p{L}\p{N}\p{P}\p{S}\p{M} ]$/u;
const variationSelector = /^[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]$/u;
const ordinary = /^[ -~]*$/;
const ordinaryText = /^[\t\n -~]*$/;

const isShown = (character: string): boolean => shown.test(character) && !variationSelector.test(character);

/** `\x1b`, `\u{202e}` */
export function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return `\\u{${code.toString(16)}}`;
}

function escapeBut(kept: string, text: string): string {
  let result = '';
  for (const character of text) {
    result += isShown(character) || kept.includes(character) ? character : escaped(character);
  }
  return result;
}

/** One line, for a place where each character has its cell: what must not reach the terminal is written out, as `\x1b`. */
export const printable = (text: string): string => (ordinary.test(text) ? text : escapeBut('', text));

/** One line, whose tabs stay. */
export const printableLine = (text: string): string => (ordinary.test(text) ? text : escapeBut('\t', text));

/** Lines, which stay lines. */
export const printableText = (text: string): string => (ordinaryText.test(text) ? text : escapeBut('\t\n', text));

/** JSON that means the same. */
export function printableJson(json: string): string {
  if (ordinary.test(json)) return json;
  let result = '';
  for (const character of json) {
    if (isShown(character)) result += character;
    else
      for (let n = 0; n < character.length; n++)
        result += `\\u${character.charCodeAt(n).toString(16).padStart(4, '0')}`;
  }
  return result;
}
