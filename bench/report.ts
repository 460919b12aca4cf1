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
}

function slowest(results: readonly Measured[]): { got: number; program?: string } {
  const ratios = results.map((result) => ({
    got: ratioOf(result, 'translator', 'qemu'),
    program: result.program.name,
  }));
  return ratios.toSorted((a, b) => a.got - b.got)[0] ?? { got: NaN };
}

export const barsOf = (results: readonly Measured[]): readonly Bar[] => [
  {
    what: 'translator/qemu, geometric mean',
    atLeast: 1.5,
    got: geometricMean(results.map((result) => ratioOf(result, 'translator', 'qemu'))),
  },
  { what: 'translator/qemu, slowest program', atLeast: 0.6, ...slowest(results) },
  {
    what: 'translator/qemu, slowest floating-point program',
    atLeast: 3,
    ...slowest(members(results, 'floating-point')),
  },
  {
    what: 'translator/native, geometric mean',
    atLeast: 0.4,
    got: geometricMean(results.map((result) => ratioOf(result, 'translator', 'native'))),
  },
];

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
