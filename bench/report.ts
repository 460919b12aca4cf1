/** The table of bench/engines.ts, and the bars that the project has set itself. */
import type { Kind } from './guest-programs.ts';
import { COLD_UNITS, ratioOf, speedOf, type Column, type Measured } from './measure.ts';
import { geometricMean } from './statistics.ts';
import { formatNumber, formatTable } from './table.ts';

type Head = readonly [title: string, of: Column, to?: Column];

const HEADS: readonly Head[] = [
  ['interpreter MIPS', 'interpreter'],
  ['translator MIPS', 'translator'],
  ['cold MIPS', 'cold'],
  ['translator/interpreter', 'translator', 'interpreter'],
  ['translator/qemu', 'translator', 'qemu'],
  ['translator/native', 'translator', 'native'],
  ['qemu/native', 'qemu', 'native'],
  ['interpreter/native', 'interpreter', 'native'],
  ['cold/qemu', 'cold', 'qemuCold'],
];

export const LEGEND = [
  'MIPS: million guest instructions a second of processor time, warm, all threads of the process; a/b: how many times as fast as b a is.',
  `cold: ${COLD_UNITS} units, the first in a fresh process, wall time, translation included and boot not; cold/qemu: against qemu's whole command.`,
];

const GROUPS: readonly (readonly [title: string, kind?: Kind])[] = [
  ['all'],
  ['integer', 'integer'],
  ['floating-point', 'floating-point'],
];

const valueOf = (measured: Measured, [, of, to]: Head): number =>
  to === undefined ? speedOf(measured, of) : ratioOf(measured, of, to);

const members = (results: readonly Measured[], kind?: Kind): readonly Measured[] =>
  results.filter(({ program }) => kind === undefined || program.kind === kind);

const usesQemu = ([, of, to]: Head): boolean => of === 'qemu' || to === 'qemu' || to === 'qemuCold';

export function formatResults(results: readonly Measured[], hasQemu: boolean): string {
  const heads = HEADS.filter((head) => hasQemu || !usesQemu(head));
  const means = GROUPS.map(([title, kind]) => [title, members(results, kind)] as const).filter(
    ([, group]) => group.length > 0,
  );
  return formatTable([
    ['program', 'kind', ...heads.map(([title]) => title), ''],
    ...results.map((result) => [
      result.program.name,
      result.program.kind,
      ...heads.map((head) => formatNumber(valueOf(result, head))),
      result.differs.length === 0 ? '' : `DIFFERS: ${result.differs.join(', ')}`,
    ]),
    ...means.map(([title, group]) => [
      'geometric mean',
      title,
      ...heads.map((head) => formatNumber(geometricMean(group.map((result) => valueOf(result, head))))),
      '',
    ]),
  ]);
}

export interface Bar {
  readonly what: string;
  readonly atLeast: number;
  /** NaN when nothing of it was measured */
  readonly got: number;
  /** the program that `got` is of */
  readonly program?: string;
  /** programs that keep it from being met, slowest first; none when it is */
  readonly dueTo: readonly string[];
}

/** programs that are looked at where a mean is too low */
const LOWEST = 5;

type Ratio = { readonly got: number; readonly program: string };

const ratiosOf = (results: readonly Measured[], to: Column): readonly Ratio[] =>
  results
    .map((result) => ({ got: ratioOf(result, 'translator', to), program: result.program.name }))
    .toSorted((a, b) => a.got - b.got);

const namesOf = (ratios: readonly Ratio[]): readonly string[] => ratios.map(({ program }) => program);

function barOfSlowest(what: string, atLeast: number, ratios: readonly Ratio[]): Bar {
  return { what, atLeast, ...(ratios[0] ?? { got: NaN }), dueTo: namesOf(ratios.filter(({ got }) => got < atLeast)) };
}

function barOfMean(what: string, atLeast: number, ratios: readonly Ratio[]): Bar {
  const got = geometricMean(ratios.map((ratio) => ratio.got));
  return { what, atLeast, got, dueTo: got < atLeast ? namesOf(ratios.slice(0, LOWEST)) : [] };
}

export function barsOf(results: readonly Measured[]): readonly Bar[] {
  const floating = members(results, 'floating-point');
  return [
    barOfMean('translator/qemu, geometric mean', 1.5, ratiosOf(results, 'qemu')),
    barOfSlowest('translator/qemu, slowest program', 0.6, ratiosOf(results, 'qemu')),
    barOfSlowest('translator/qemu, slowest floating-point program', 3, ratiosOf(floating, 'qemu')),
    barOfMean('translator/native, geometric mean', 0.4, ratiosOf(results, 'native')),
  ];
}

export const formatBars = (bars: readonly Bar[]): string =>
  formatTable([
    ['bar', 'at least', 'got', ''],
    ...bars
      .filter(({ got }) => !Number.isNaN(got))
      .map(({ what, atLeast, got, program }) => [
        what,
        String(atLeast),
        program === undefined ? formatNumber(got) : `${formatNumber(got)} (${program})`,
        got >= atLeast ? 'met' : 'not met',
      ]),
  ]);
