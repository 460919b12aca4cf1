/** bpf_bprintf_prepare and bstr_printf: printf as programs have it, with 64-bit arguments. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { kernelString } from '../mm/kernel-memory.ts';
import { describeAddress, symbolAt } from '../symbols.ts';

/** MAX_BPRINTF_VARARGS */
export const MAX_ARGUMENTS = 12;
/** a width or precision beyond it counts as this: host memory is bounded whatever a format asks for */
const WIDEST = 4096;
/** bytes of a %s: MAX_BPRINTF_BIN_ARGS */
const LONGEST_STRING = 512;
/** characters of a result */
const LONGEST_TEXT = 1 << 16;

export interface Conversion {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  /** bits of the argument */
  readonly bits: 8 | 16 | 32 | 64;
  /** d i u x X o c s p */
  readonly letter: string;
  /** what follows %p */
  readonly pointer: string;
}

const conversion =
  /%(?:(%)|([-+ #0]*)(\d+|\*)?(?:\.(\d+|\*)?)?(hh|h|ll|l|z|t|j)?([diuxXocsp])(K|x|B|s|S|i4|I4|i6|I6|ks|us)?)/y;
const bitsOf: Readonly<Record<string, Conversion['bits']>> = {
  hh: 8,
  h: 16,
  '': 32,
  l: 64,
  ll: 64,
  z: 64,
  t: 64,
  j: 64,
};

function padded(text: string, { flags, width }: Conversion, zeros: boolean): string {
  if (text.length >= width) return text;
  if (flags.includes('-')) return text.padEnd(width);
  if (!zeros || !flags.includes('0')) return text.padStart(width);
  const sign = /^[-+ ]|^0x/.exec(text)?.[0] ?? '';
  return sign + text.slice(sign.length).padStart(width - sign.length, '0');
}

function number(value: bigint, spec: Conversion): string {
  const { letter, flags, bits, precision } = spec;
  if (letter === 'd' || letter === 'i') {
    const signed = BigInt.asIntN(bits, value);
    const sign = signed < 0n ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
    return sign + (signed < 0n ? -signed : signed).toString().padStart(precision ?? 1, '0');
  }
  const unsigned = BigInt.asUintN(bits, value);
  const radix = letter === 'u' ? 10 : letter === 'o' ? 8 : 16;
  const digits = unsigned.toString(radix).padStart(precision ?? 1, '0');
  const prefix = flags.includes('#') && radix === 16 ? '0x' : '';
  return letter === 'X' ? (prefix + digits).toUpperCase() : prefix + digits;
}

function pointer(kernel: Kernel, value: bigint, kind: string): string {
  if (kind === 's' || kind === 'S' || kind === 'B') {
    const symbol = symbolAt(kernel.symbols, value);
    if (symbol !== undefined) return kind === 's' ? symbol.name : describeAddress(kernel.symbols, value)!;
    return `0x${value.toString(16)}`;
  }
  return value.toString(16).padStart(16, '0');
}

/** One conversion's text. Kernel pointers are not hashed: kernel.kptr_restrict is 0 and there is one user. */
function convert(kernel: Kernel, spec: Conversion, value: bigint): string {
  switch (spec.letter) {
    case 'c':
      return padded(String.fromCharCode(Number(value & 0xffn)), spec, false);
    case 's': {
      const limit = Math.min(spec.precision ?? LONGEST_STRING, LONGEST_STRING);
      const text = value === 0n ? '(null)' : (kernelString(kernel, value, limit) ?? '(efault)');
      return padded(text, spec, false);
    }
    case 'p':
      return padded(pointer(kernel, BigInt.asUintN(64, value), spec.pointer), spec, false);
    default:
      return padded(number(value, spec), spec, spec.precision === undefined);
  }
}

const clamp = (text: string): number => Math.min(Number(text), WIDEST);

/**
 * `format` with the arguments that `next` gives, one for each conversion and each `*`. Errors: EINVAL for an unknown
 * conversion or a character that is not ASCII text; what `next` throws.
 */
export function formatText(kernel: Kernel, format: string, next: () => bigint): string {
  let text = '';
  for (let at = 0; at < format.length && text.length < LONGEST_TEXT;) {
    const character = format[at]!;
    if (character !== '%') {
      if (!/[\x20-\x7e\s]/.test(character)) fail('EINVAL');
      text += character;
      at++;
      continue;
    }
    conversion.lastIndex = at;
    const match = conversion.exec(format) ?? fail('EINVAL');
    at = conversion.lastIndex;
    const [, percent, flags = '', width = '', precision, size = '', letter = '', kind = ''] = match;
    if (percent !== undefined) {
      text += '%';
      continue;
    }
    const argument = (written: string): number =>
      written === '*' ? Math.max(0, Math.min(Number(BigInt.asIntN(32, next())), WIDEST)) : clamp(written);
    const hasPrecision = /\./.test(match[0]);
    const spec: Conversion = {
      flags,
      width: width === '' ? 0 : argument(width),
      precision: hasPrecision ? argument(precision ?? '0') : undefined,
      bits: letter === 'p' ? 64 : bitsOf[size]!,
      letter,
      pointer: letter === 'p' ? kind : '',
    };
    text += convert(kernel, spec, next());
    // a suffix belongs to %p alone
    if (letter !== 'p') at -= kind.length;
  }
  return text.slice(0, LONGEST_TEXT);
}
