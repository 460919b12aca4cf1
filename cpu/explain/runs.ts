/** Clauses that differ in their numbers alone, told once. */

const SHORTEST = 4;
const numbers = /0x[0-9a-f]+|\d+/g;

const shapeOf = (text: string): string => text.replace(numbers, '#');
const numbersOf = (text: string): number[] => (text.match(numbers) ?? []).map(Number);
const show = (value: number): string => (value < 10 ? `${value}` : `0x${value.toString(16)}`);

/** Clauses with an explicit distance of 0 behind an address that others have one behind. */
const withZero = (text: string): string => text.replace(/(mem\d+\[[a-z][a-z0-9]*)\]/g, '$1+0]');

/** The first clause with `n` for what grows from one to the next, or undefined where they are no progression. */
export function generalized(clauses: readonly string[]): string | undefined {
  if (clauses.some((clause) => shapeOf(clause) !== shapeOf(clauses[0]!))) return undefined;
  const rows = clauses.map(numbersOf);
  const [first, second] = rows as [number[], number[]];
  const steps = first.map((value, at) => second[at]! - value);
  const regular = rows.every((row, n) => row.every((value, at) => value === first[at]! + n * steps[at]!));
  if (!regular) return undefined;
  let at = 0;
  const text = clauses[0]!.replace(numbers, (number, position: number, whole: string) => {
    const [start, step] = [first[at]!, steps[at]!];
    at++;
    if (step === 0) return number;
    const term = step === 1 ? 'n' : `${show(step)}*n`;
    const sum = start === 0 ? term : `${show(start)}+${term}`;
    return /[a-z]$/.test(whole.slice(0, position)) ? `[${sum}]` : sum;
  });
  return text;
}

/** How many clauses from `start` on repeat every `period`, and their general form. */
function runAt(
  clauses: readonly string[],
  start: number,
  period: number,
): { length: number; text: string } | undefined {
  const shapes = clauses.slice(start, start + period).map(shapeOf);
  let count = 1;
  while (
    shapes.every(
      (shape, n) =>
        clauses[start + count * period + n] !== undefined && shapeOf(clauses[start + count * period + n]!) === shape,
    )
  ) {
    count++;
  }
  for (; count >= SHORTEST; count--) {
    const texts = shapes.map((_, n) =>
      generalized(Array.from({ length: count }, (_, m) => clauses[start + m * period + n]!)),
    );
    if (texts.every((text) => text !== undefined)) {
      const body = texts.length === 1 ? texts[0]! : `{${texts.join('; ')}}`;
      return { length: count * period, text: `for n = 0 … ${count - 1}: ${body}` };
    }
  }
  return undefined;
}

/** `clauses` with their progressions of four and more, of one clause or two in turn, as one clause each. */
export function collapsed(clauses: readonly string[]): string[] {
  if (clauses.length < SHORTEST) return [...clauses];
  const explicit = clauses.map(withZero);
  const result: string[] = [];
  for (let at = 0; at < clauses.length;) {
    const run = runAt(explicit, at, 1) ?? runAt(explicit, at, 2);
    result.push(run?.text ?? clauses[at]!);
    at += run?.length ?? 1;
  }
  return result;
}
