const escapes: Readonly<Record<string, string>> = {
  SP: '@',
  BP: '*',
  RF: '&',
  LT: '<',
  GT: '>',
  LP: '(',
  RP: ')',
  C: ',',
};

/** A mangled name longer than this is left alone. */
const MAX_LENGTH = 65536;

/** `_ZN (length bytes)* 17h<16 hex> E`, rustc's mangling before v0; undefined when it is something else, such as C++. */
export function demangleLegacy(name: string): string | undefined {
  if (name.length > MAX_LENGTH) return undefined;
  const elements: string[] = [];
  let at = '_ZN'.length;
  while (name[at] !== 'E') {
    const digits = /^[1-9][0-9]{0,4}/.exec(name.slice(at, at + 5))?.[0];
    if (digits === undefined) return undefined;
    at += digits.length;
    const end = at + Number(digits);
    if (end >= name.length) return undefined;
    elements.push(name.slice(at, end));
    at = end;
  }
  const suffix = name.slice(at + 1);
  if (suffix !== '' && !suffix.startsWith('.')) return undefined;
  const hash = elements.pop();
  if (hash === undefined || elements.length === 0 || !/^h[0-9a-f]{16}$/.test(hash)) return undefined;
  return elements.map(unescape).join('::') + (suffix.startsWith('.llvm.') ? '' : suffix);
}

function unescape(element: string): string {
  const text = element.startsWith('_$') ? element.slice(1) : element;
  return text.replace(/\$(u[0-9a-f]{1,6}|[A-Z]{1,2})\$|\.\.|\./g, (match, code: string | undefined) => {
    if (code === undefined) return match === '..' ? '::' : '.';
    if (!code.startsWith('u')) return escapes[code] ?? match;
    const point = Number.parseInt(code.slice(1), 16);
    return point >= 0x20 && point <= 0x10ffff ? String.fromCodePoint(point) : match;
  });
}
