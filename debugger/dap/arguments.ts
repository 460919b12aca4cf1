/** What a client sends, looked at before it is believed: each field by its type and bounds. */
import { RequestError } from './errors.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** elements of an array */
const MOST_ELEMENTS = 10_000;
/** characters of a text */
const LONGEST = 1 << 20;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};

export interface IntegerBounds {
  readonly least?: number;
  readonly most?: number;
}

/** The fields of one record; each method throws RequestError. */
export interface Arguments {
  has(name: string): boolean;
  text(name: string): string;
  optionalText(name: string): string | undefined;
  flag(name: string, otherwise?: boolean): boolean;
  integer(name: string, bounds?: IntegerBounds): number;
  optionalInteger(name: string, bounds?: IntegerBounds): number | undefined;
  /** One of `values`. */
  choice<Value extends string>(name: string, values: readonly Value[]): Value | undefined;
  texts(name: string): readonly string[];
  record(name: string): Arguments;
  records(name: string): readonly Arguments[];
}

/** `where` is what messages call it, as `setBreakpoints`. Missing ones are none. @throws {RequestError} */
export function readArguments(where: string, value: unknown): Arguments {
  const fields = value === undefined || value === null ? {} : value;
  if (!isFields(fields)) throw new RequestError(`${where}: got ${shown(value)}, expected a record of arguments`);
  // null is what some clients send for what is not there
  const get = (name: string): unknown => (Object.hasOwn(fields, name) ? (fields[name] ?? undefined) : undefined);
  const fail = (name: string, expected: string): never => {
    throw new RequestError(`${where}: ${name}: got ${shown(get(name))}, expected ${expected}`);
  };
  const list = (name: string): readonly unknown[] => {
    const found = get(name) ?? [];
    if (!Array.isArray(found) || found.length > MOST_ELEMENTS) {
      return fail(name, `a list of at most ${MOST_ELEMENTS}`);
    }
    return found as readonly unknown[];
  };
  const isText = (found: unknown): found is string => typeof found === 'string' && found.length <= LONGEST;

  const args: Arguments = {
    has: (name) => get(name) !== undefined,
    text: (name) => args.optionalText(name) ?? fail(name, 'a text'),
    optionalText(name) {
      const found = get(name);
      return found === undefined || isText(found) ? found : fail(name, 'a text');
    },
    flag(name, otherwise = false) {
      const found = get(name) ?? otherwise;
      return typeof found === 'boolean' ? found : fail(name, 'true or false');
    },
    integer: (name, bounds) => args.optionalInteger(name, bounds) ?? fail(name, 'a whole number'),
    optionalInteger(name, { least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER } = {}) {
      const found = get(name);
      if (found === undefined) return undefined;
      if (!Number.isSafeInteger(found) || (found as number) < least || (found as number) > most) {
        return fail(name, `a whole number from ${least} to ${most}`);
      }
      return found as number;
    },
    choice(name, values) {
      const found = get(name);
      if (found === undefined) return undefined;
      return values.find((value) => value === found) ?? fail(name, values.join(', '));
    },
    texts(name) {
      const found = list(name);
      return found.every(isText) ? found : fail(name, 'texts');
    },
    record: (name) => readArguments(`${where}: ${name}`, get(name)),
    records: (name) => list(name).map((each, n) => readArguments(`${where}: ${name}[${n}]`, each)),
  };
  return args;
}
