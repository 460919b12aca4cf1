/** Cases of tests/native on two processors of ours: one interprets, the other executes translated code. */
import { assemble, lift, offsetsOf, remove } from '../native/program.ts';
import { createMachine, host, LIMIT, outcomeOf, Physical, prepare, type Machine } from '../native/our-cpu.ts';
import { disassembly } from '../native/disassemble.ts';
import { padded } from '../native/deviations.ts';
import { caseText, Layout, type Case, type Outcome } from '../native/state.ts';
import type { EngineName } from '../../cpu/engine.ts';
import type { TranslatorOptions } from '../../cpu/translator/options.ts';
import { differencesOf, interpreter, primeDecoded, translating } from './twins.ts';

/** Physical memory that a case can reach: its pages, the kernel's tables and the page tables. */
const REACH = 0x40000;
const CODE = Physical.code + Layout.codeStart - Layout.codeBase;

/** Limits of the runs that make up one, in instructions, until there are no more of them or the case has ended. */
export type Limits = readonly number[];
const whole: Limits = [LIMIT];

export interface CasePair {
  readonly engine: ReturnType<typeof translating>;
  /** instructions that the case took when it was run last */
  readonly retired: () => number;
  /** what the translating processor has come to */
  readonly outcome: (test: Case) => Outcome;
  /** Runs a case on both; what differs, looked at after each of `limits`. */
  readonly compare: (test: Case, limits?: Limits) => string[];
}

/** `name`: the engine of the second. */
export function createCasePair(options: Partial<TranslatorOptions> = {}, name?: EngineName): CasePair {
  const plain = createMachine();
  const translated = createMachine();
  const engine = translating(translated.memory, options, name);
  let end: ReturnType<typeof engine.run> = 'limit';
  const begin = (machine: Machine, test: Case): void => {
    prepare(machine, test);
    machine.cpu.retired = 0;
  };
  const runBoth = (limit: number): string[] => {
    const expected = interpreter.run(plain.cpu, host, limit);
    end = engine.run(translated.cpu, host, limit);
    const found = differencesOf(plain, translated, REACH);
    return expected === end ? found : [`the run ends: ${expected}, got ${end}`, ...found];
  };
  const compare = (test: Case, limits = whole): string[] => {
    begin(plain, test);
    begin(translated, test);
    primeDecoded(translated.memory, CODE, test.code.length);
    for (const limit of limits) {
      const found = runBoth(limit);
      if (found.length > 0) {
        // the next case begins alike
        translated.memory.bytes.set(plain.memory.bytes.subarray(0, REACH));
        translated.cpu.slots.set(plain.cpu.slots);
        return found;
      }
      if (end !== 'limit') break;
    }
    return [];
  };
  return { engine, compare, retired: () => plain.cpu.retired, outcome: (test) => outcomeOf(translated, test, end) };
}

/** The case without what does not matter to `differs`. */
function shrinkCase(test: Case, differs: (test: Case) => boolean): Case {
  let items = lift(test.code);
  let smallest = test;
  for (let again = true; again;) {
    again = false;
    for (let n = items.length - 1; n >= 0; n--) {
      const fewer = remove(items, n, 1);
      const code = assemble(fewer);
      if (!Array.isArray(code) || !differs({ ...test, code })) continue;
      items = fewer;
      smallest = { ...test, code };
      again = true;
    }
  }
  return smallest;
}

function listing(code: readonly number[]): string {
  const items = lift(code);
  const offsets = offsetsOf(items);
  return items
    .map(({ bytes }, n) => {
      const at = (Layout.codeStart + offsets[n]!).toString(16);
      return `    ${at} ${Buffer.from(bytes).toString('hex').padEnd(22)} ${disassembly(padded(code.slice(offsets[n])))}`;
    })
    .join('\n');
}

/** What to print about a case that differs; `compare` is what found it. */
export function explainCase(file: string, test: Case, compare: (test: Case) => string[]): string {
  const smallest = shrinkCase(test, (candidate) => compare(candidate).length > 0);
  const lines = compare(smallest).map((line) => `  ${line}`);
  return [listing(smallest.code), ...lines, `  CASE='${caseText(smallest)}' npx tsx ${file}`].join('\n');
}
