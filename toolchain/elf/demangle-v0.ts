/** Bounds of one demangling: nesting, productions read (back-references count again), characters printed. */
const MAX_DEPTH = 300;
const MAX_STEPS = 20_000;
const MAX_OUTPUT = 65536;

const basicTypes: Readonly<Record<string, string>> = {
  a: 'i8',
  b: 'bool',
  c: 'char',
  d: 'f64',
  e: 'str',
  f: 'f32',
  h: 'u8',
  i: 'isize',
  j: 'usize',
  l: 'i32',
  m: 'u32',
  n: 'i128',
  o: 'u128',
  p: '_',
  s: 'i16',
  t: 'u16',
  u: '()',
  v: '...',
  x: 'i64',
  y: 'u64',
  z: '!',
};

const upperNamespaces: Readonly<Record<string, string>> = { C: 'closure', S: 'shim' };

interface State {
  /** the mangled name without `_R`: what back-references count in */
  readonly text: string;
  at: number;
  depth: number;
  steps: number;
  output: string;
  /** above 0 nothing is printed and back-references are not followed */
  muted: number;
  /** lifetimes bound by the enclosing binders */
  boundLifetimes: number;
}

interface Identifier {
  readonly disambiguator: bigint;
  readonly text: string;
}

class NotMangled extends Error {}

function fail(): never {
  throw new NotMangled();
}

/** The v0 grammar of RFC 2603 and the rustc book; undefined when `name` is not in it or passes the bounds. */
export function demangleV0(name: string): string | undefined {
  // names are ASCII up to a vendor suffix such as .llvm.123
  const [mangled, suffix] = /^_R([0-9A-Za-z_]+)([.$].*)?$/s.exec(name)?.slice(1) ?? [];
  if (mangled === undefined || mangled.length > MAX_OUTPUT) return undefined;
  const state: State = { text: mangled, at: 0, depth: 0, steps: 0, output: '', muted: 0, boundLifetimes: 0 };
  try {
    // a number is an encoding version: none but the implied 0 exists
    if (/[0-9]/.test(mangled[0]!)) return undefined;
    path(state, true);
    if (state.at < mangled.length) mute(state, () => path(state, false));
    if (state.at < mangled.length) return undefined;
  } catch (error) {
    if (error instanceof NotMangled) return undefined;
    throw error;
  }
  return state.output + (suffix === undefined || suffix.startsWith('.llvm.') ? '' : suffix);
}

function print(state: State, text: string): void {
  if (state.muted > 0) return;
  if (state.output.length + text.length > MAX_OUTPUT) fail();
  state.output += text;
}

function next(state: State): string {
  return state.text[state.at++] ?? fail();
}

function eat(state: State, character: string): boolean {
  if (state.text[state.at] !== character) return false;
  state.at++;
  return true;
}

function nested(state: State, body: () => void): void {
  if (++state.steps > MAX_STEPS || ++state.depth > MAX_DEPTH) fail();
  body();
  state.depth--;
}

function mute(state: State, body: () => void): void {
  state.muted++;
  body();
  state.muted--;
}

/** Items up to `E`. */
function list(state: State, separator: string, item: () => void): number {
  let count = 0;
  while (!eat(state, 'E')) {
    if (count++ > 0) print(state, separator);
    item();
  }
  return count;
}

/** `_` is 0, `0_` is 1, …; below 2^64, since crate disambiguators are hashes. */
function base62(state: State): bigint {
  if (eat(state, '_')) return 0n;
  let value = 0n;
  for (;;) {
    const character = next(state);
    if (character === '_') return value + 1n;
    value = value * 62n + BigInt('0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.indexOf(character));
    if (value >= 1n << 64n) fail();
  }
}

/** An optional number behind `tag`: absent is 0, `s_` is 1, `s0_` is 2. */
function taggedNumber(state: State, tag: string): bigint {
  return eat(state, tag) ? base62(state) + 1n : 0n;
}

function decimal(state: State): number {
  const first = next(state);
  if (first === '0') return 0;
  if (!/[1-9]/.test(first)) fail();
  let value = Number(first);
  while (/[0-9]/.test(state.text[state.at] ?? '')) {
    value = value * 10 + Number(next(state));
    if (value > state.text.length) fail();
  }
  return value;
}

function identifier(state: State): Identifier {
  const disambiguator = taggedNumber(state, 's');
  return { disambiguator, text: undisambiguated(state) };
}

function undisambiguated(state: State): string {
  const punycode = eat(state, 'u');
  const length = decimal(state);
  eat(state, '_');
  const end = state.at + length;
  if (end > state.text.length) fail();
  const text = state.text.slice(state.at, end);
  state.at = end;
  return punycode ? `punycode{${text}}` : text;
}

/** Reads again what stands at an earlier offset. */
function backReference(state: State, body: () => void): void {
  const start = state.at - 1;
  const target = Number(base62(state));
  if (target >= start) fail();
  if (state.muted > 0) return;
  const resume = state.at;
  state.at = target;
  body();
  state.at = resume;
}

/** `inValue`: generic arguments are written `::<T>` rather than `<T>`. */
function path(state: State, inValue: boolean): void {
  nested(state, () => {
    const tag = next(state);
    const production = paths[tag] ?? fail();
    production(state, inValue);
  });
}

function implPath(state: State): void {
  taggedNumber(state, 's');
  mute(state, () => path(state, false));
}

function selfAsTrait(state: State): void {
  print(state, '<');
  type(state);
  print(state, ' as ');
  path(state, false);
  print(state, '>');
}

const paths: Readonly<Record<string, (state: State, inValue: boolean) => void>> = {
  C: (state) => print(state, identifier(state).text),
  M: (state) => {
    implPath(state);
    print(state, '<');
    type(state);
    print(state, '>');
  },
  X: (state) => {
    implPath(state);
    selfAsTrait(state);
  },
  Y: selfAsTrait,
  N: (state, inValue) => {
    const namespace = next(state);
    if (!/[A-Za-z]/.test(namespace)) fail();
    path(state, inValue);
    const { disambiguator, text } = identifier(state);
    if (/[a-z]/.test(namespace)) {
      if (text !== '') print(state, `::${text}`);
      return;
    }
    const kind = upperNamespaces[namespace] ?? namespace;
    print(state, `::{${kind}${text === '' ? '' : `:${text}`}#${disambiguator}}`);
  },
  I: (state, inValue) => {
    path(state, inValue);
    print(state, inValue ? '::<' : '<');
    list(state, ', ', () => genericArgument(state));
    print(state, '>');
  },
  B: (state, inValue) => backReference(state, () => path(state, inValue)),
};

function genericArgument(state: State): void {
  if (eat(state, 'L')) printLifetime(state, Number(base62(state)));
  else if (eat(state, 'K')) constant(state);
  else type(state);
}

/** 0 is erased; others count outwards from the innermost binder. */
function printLifetime(state: State, index: number): void {
  if (index === 0) {
    print(state, "'_");
    return;
  }
  const depth = state.boundLifetimes - index;
  if (depth < 0) fail();
  print(state, depth < 26 ? `'${String.fromCharCode(97 + depth)}` : `'_${depth}`);
}

function binder(state: State, body: () => void): void {
  const count = Number(taggedNumber(state, 'G'));
  if (count > MAX_DEPTH) fail();
  const outer = state.boundLifetimes;
  if (count > 0) {
    print(state, 'for<');
    for (let index = 0; index < count; index++) {
      if (index > 0) print(state, ', ');
      state.boundLifetimes++;
      printLifetime(state, 1);
    }
    print(state, '> ');
  }
  body();
  state.boundLifetimes = outer;
}

function type(state: State): void {
  nested(state, () => {
    const tag = next(state);
    const basic = basicTypes[tag];
    if (basic !== undefined) {
      print(state, basic);
      return;
    }
    const production = types[tag];
    if (production !== undefined) {
      production(state);
      return;
    }
    state.at--;
    path(state, false);
  });
}

function reference(state: State, keyword: string): void {
  print(state, '&');
  if (eat(state, 'L')) {
    const lifetime = Number(base62(state));
    if (lifetime > 0) {
      printLifetime(state, lifetime);
      print(state, ' ');
    }
  }
  print(state, keyword);
  type(state);
}

const types: Readonly<Record<string, (state: State) => void>> = {
  A: (state) => {
    print(state, '[');
    type(state);
    print(state, '; ');
    constant(state);
    print(state, ']');
  },
  S: (state) => {
    print(state, '[');
    type(state);
    print(state, ']');
  },
  T: (state) => {
    print(state, '(');
    const count = list(state, ', ', () => type(state));
    print(state, count === 1 ? ',)' : ')');
  },
  R: (state) => reference(state, ''),
  Q: (state) => reference(state, 'mut '),
  P: (state) => {
    print(state, '*const ');
    type(state);
  },
  O: (state) => {
    print(state, '*mut ');
    type(state);
  },
  F: (state) => binder(state, () => functionSignature(state)),
  D: (state) => {
    print(state, 'dyn ');
    binder(state, () => list(state, ' + ', () => dynTrait(state)));
    if (!eat(state, 'L')) fail();
    const lifetime = Number(base62(state));
    if (lifetime === 0) return;
    print(state, ' + ');
    printLifetime(state, lifetime);
  },
  B: (state) => backReference(state, () => type(state)),
};

function functionSignature(state: State): void {
  if (eat(state, 'U')) print(state, 'unsafe ');
  if (eat(state, 'K')) {
    const abi = eat(state, 'C') ? 'C' : undisambiguated(state).replaceAll('_', '-');
    print(state, `extern "${abi}" `);
  }
  print(state, 'fn(');
  list(state, ', ', () => type(state));
  print(state, ')');
  if (eat(state, 'u')) return;
  print(state, ' -> ');
  type(state);
}

/** A trait whose generic arguments and associated types share one pair of brackets: `Iterator<Item = u8>`. */
function dynTrait(state: State): void {
  let open = openPath(state);
  while (eat(state, 'p')) {
    print(state, open ? ', ' : '<');
    open = true;
    print(state, `${undisambiguated(state)} = `);
    type(state);
  }
  if (open) print(state, '>');
}

/** As `path`, leaving the bracket of generic arguments open; true when there is one. */
function openPath(state: State): boolean {
  let open = false;
  nested(state, () => {
    if (eat(state, 'B')) {
      backReference(state, () => {
        open = openPath(state);
      });
    } else if (eat(state, 'I')) {
      path(state, false);
      print(state, '<');
      open = true;
      list(state, ', ', () => genericArgument(state));
    } else {
      path(state, false);
    }
  });
  return open;
}

function hexDigits(state: State): string {
  let digits = '';
  for (;;) {
    const character = next(state);
    if (character === '_') return digits;
    if (!/[0-9a-f]/.test(character)) fail();
    digits += character;
  }
}

function integer(state: State): void {
  const sign = eat(state, 'n') ? '-' : '';
  const digits = hexDigits(state);
  // wider than u128 is not an integer of Rust
  if (digits.length > 32) fail();
  print(state, sign + BigInt(`0x${digits || '0'}`));
}

function characterConstant(state: State): void {
  const digits = hexDigits(state);
  const point = Number.parseInt(digits || '0', 16);
  if (digits.length > 6 || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) fail();
  print(state, quote(String.fromCodePoint(point), "'"));
}

function stringConstant(state: State): void {
  const digits = hexDigits(state);
  if (digits.length % 2 !== 0) fail();
  const bytes = Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
    Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16),
  );
  print(state, quote(new TextDecoder().decode(bytes), '"'));
}

function quote(text: string, mark: string): string {
  const escaped = [...text].map((character) => {
    if (character === mark || character === '\\') return `\\${character}`;
    if (character >= ' ' && character !== '\x7f') return character;
    return controls[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
  return mark + escaped.join('') + mark;
}

const controls: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function field(state: State): void {
  taggedNumber(state, 's');
  print(state, `${undisambiguated(state)}: `);
  constant(state);
}

const constants: Readonly<Record<string, (state: State) => void>> = {
  ...Object.fromEntries([...'ahijlmnostxy'].map((tag) => [tag, integer])),
  b: (state) => {
    const digits = hexDigits(state);
    print(state, digits === '0' ? 'false' : digits === '1' ? 'true' : fail());
  },
  c: characterConstant,
  e: stringConstant,
  p: (state) => print(state, '_'),
  B: (state) => backReference(state, () => constant(state)),
  R: (state) => {
    print(state, '&');
    constant(state);
  },
  Q: (state) => {
    print(state, '&mut ');
    constant(state);
  },
  A: (state) => {
    print(state, '[');
    list(state, ', ', () => constant(state));
    print(state, ']');
  },
  T: (state) => {
    print(state, '(');
    const count = list(state, ', ', () => constant(state));
    print(state, count === 1 ? ',)' : ')');
  },
  V: (state) => {
    path(state, true);
    const shape = next(state);
    if (shape === 'U') return;
    if (shape !== 'T' && shape !== 'S') fail();
    print(state, shape === 'T' ? '(' : ' { ');
    list(state, ', ', () => (shape === 'T' ? constant(state) : field(state)));
    print(state, shape === 'T' ? ')' : ' }');
  },
};

function constant(state: State): void {
  nested(state, () => {
    const production = constants[next(state)] ?? fail();
    production(state);
  });
}
