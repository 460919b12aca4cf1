/** Where the time of programs goes that keep a bar from being met: a fresh box each, profiled when it is warm. */
import { startBox } from './box-process.ts';
import { WARM_UP } from './contender.ts';
import { speedOf, type Measured } from './measure.ts';
import { INTERVAL, profiledInstructions, type WhereTimeGoes } from './profiled-slice.ts';
import { kinds, type TimeKind } from './sampled-profile.ts';
import { formatNumber, formatTable } from './table.ts';

/** processor time of a slice, ms */
const LENGTH = 500;
/** kernel functions and native calls that are named */
const NAMED = 3;

export interface ProgramTime extends WhereTimeGoes {
  readonly program: string;
  readonly instructionsPerUnit: number;
}

export async function findWhereTimeGoes(measured: Measured, file: string): Promise<ProgramTime> {
  const { program, instructionsPerUnit } = measured;
  const perMillisecond = speedOf(measured, 'translator') * 1000;
  const warmUp = Math.ceil(perMillisecond * WARM_UP.translator);
  const slice = Math.ceil(perMillisecond * LENGTH);
  // half as much again: the box may be faster than it was, and units are not alike
  const units = Math.ceil(((warmUp + profiledInstructions(slice)) / instructionsPerUnit) * 1.5) + 1;
  const box = await startBox('translator', file);
  try {
    await box.start(units, warmUp);
    return { program: program.name, instructionsPerUnit, ...(await box.profile(slice)) };
  } finally {
    box.end();
  }
}

const TITLES: Readonly<Record<TimeKind, string>> = {
  'translated code': 'translated code',
  core: 'core',
  crossing: 'Wasm/JS border',
  translator: 'translator',
  interpreter: 'interpreter',
  kernel: 'kernel',
  elsewhere: 'other JS',
  'garbage collection': 'GC',
  program: 'V8, system',
};

const percent = (part: number): string => `${(part * 100).toFixed(1)}%`;

const timesOf = (times: readonly ProgramTime[]): string =>
  formatTable([
    ['of the main thread', ...kinds.map((kind) => TITLES[kind]), 'samples'],
    ...times.map(({ program, time }) => [
      program,
      ...kinds.map((kind) => percent(time.byKind[kind] / time.samples)),
      String(time.samples),
    ]),
  ]);

const codeOf = (times: readonly ProgramTime[]): string =>
  formatTable([
    [
      'of the guest',
      'instructions/unit',
      'translated',
      'steps/1000',
      'native calls/1000',
      'TLB misses/million',
      'Wasm bytes/instruction',
      'hottest region',
      'hottest function',
    ],
    ...times.map(({ program, hottest, hottestFunction: whole, natives, ...of }) => [
      program,
      Math.round(of.instructionsPerUnit).toLocaleString('en-US'),
      percent(of.translated),
      formatNumber(of.steps),
      formatNumber(natives.reduce((sum, { perThousand }) => sum + perThousand, 0)),
      formatNumber(of.tlbMisses),
      formatNumber(of.bytesPerInstruction),
      hottest === undefined ? '-' : `${hottest.symbol} ${percent(hottest.share)}`,
      whole === undefined ? '-' : `${whole.symbol} ${percent(whole.share)} in ${whole.regions} regions`,
    ]),
  ]);

function namesOf({ program, time, natives }: ProgramTime): string {
  const functions = time.kernelFunctions
    .slice(0, NAMED)
    .map(({ name, samples }) => `${name} ${percent(samples / time.samples)}`);
  const calls = natives.slice(0, NAMED).map(({ name, perThousand }) => `${name} ${formatNumber(perThousand)}`);
  const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));
  return `${program}: hottest functions of kernel/: ${list(functions)}; native calls/1000: ${list(calls)}`;
}

/** In words. */
function howToRead(times: readonly ProgramTime[]): string {
  const cost = Math.max(...times.map(({ samplingCost }) => samplingCost)) - 1;
  return [
    'How to read it: processor time of the main thread in a warm box, a sample every',
    `${INTERVAL / 1000} ms, in runs of their own, which no speed above has in it (samples made them at most ${percent(Math.max(0, cost))} dearer);`,
    'where translated code has nearly all of it, the code itself is what is slow (its bytes, the misses of the TLB);',
    'where kernel, translator and border have it, it is what the guest asks of the host (native calls, steps).',
  ].join(' ');
}

export const formatWhereTimeGoes = (times: readonly ProgramTime[]): string =>
  ['Where the time goes', timesOf(times), '', codeOf(times), '', ...times.map(namesOf), '', howToRead(times)].join(
    '\n',
  );
