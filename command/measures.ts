/** `--stats` and `--profile` as tables. */
import type { Profile, ProfiledRegion } from '../box/profile.ts';
import type { BoxStats } from '../box/stats.ts';
import { printTable } from './table.ts';

/** What was asked for beside the run itself. */
export interface Measures {
  readonly stats: BoxStats | undefined;
  readonly profile: Profile | undefined;
}

/** rows of each of the tables of a profile */
const SYMBOLS = 20;
const REGIONS = 10;

const number = (value: number): string => value.toLocaleString('en-US');
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function statsTable({ engine, instructions, tlbMisses, translation }: BoxStats): string {
  const { interpreter, translator } = instructions;
  const all = interpreter + translator;
  const executed = (what: string, count: number): string[] => [
    `instructions ${what}`,
    number(count),
    all === 0 ? '' : percent(count / all),
  ];
  const rows = [executed('interpreted', interpreter), executed('in translated code', translator)];
  const row = (name: string, value: number, note = ''): number => rows.push([name, number(value), note]);
  if (translation !== undefined) {
    const { regions, failure, bytes, compileTime, steps, exits } = translation;
    row('instructions interpreted in regions', steps);
    row('regions now', regions.now);
    row('regions translated', regions.translated);
    row('regions invalidated', regions.invalidated, 'their instructions were written');
    row('regions evicted', regions.evicted, 'to make room');
    row('regions replaced', regions.replaced, 'by translations of more');
    row('regions failed', regions.failed, failure ?? 'left to the interpreter');
    row('bytes of WebAssembly', bytes, 'of the regions now');
    row('compile time, ms', Math.round(compileTime), "the host's: differs from run to run");
    row('exits: step', exits.step, "to an instruction of the interpreter's");
    row('exits: budget', exits.budget, 'the end of a run');
    row('exits: missing', exits.missing, 'to where no region is known');
    row('exits: stopped', exits.stopped, 'behind what changed too much');
  }
  row('TLB misses', tlbMisses);
  return printTable(`stats (${engine})`, undefined, rows, [1]);
}

const where = ({ program }: { readonly program: string }): string => program || '-';
const named = (symbol: string): string => symbol || '?';

function symbolTable({ period, samples, symbols }: Profile): string {
  const rows = symbols
    .slice(0, SYMBOLS)
    .map((row) => [percent(row.share), number(row.samples * period), row.space, where(row), named(row.symbol)]);
  const title = `profile: ${number(samples)} samples, one every ${number(period)} instructions of a processor`;
  const head = ['share', 'instructions', 'space', 'program', 'symbol'];
  return printTable(title, head, rows, [0, 1]) + rest(symbols.length - SYMBOLS, 'symbols');
}

const rest = (count: number, what: string): string => (count > 0 ? `  and ${number(count)} more ${what}\n` : '');

function regionTable(regions: readonly ProfiledRegion[]): string {
  const rows = regions
    .slice(0, REGIONS)
    .map((row) => [
      number(row.instructions),
      number(row.entries),
      number(row.size),
      number(row.bytes),
      row.address.toString(16).padStart(16, '0'),
      where(row),
      named(row.symbol),
    ]);
  const head = ['instructions', 'entries', 'size', 'bytes', 'address', 'program', 'symbol'];
  return printTable('regions', head, rows, [0, 1, 2, 3]) + rest(regions.length - REGIONS, 'regions');
}

/** '' when nothing was asked for. */
export function measureTables({ stats, profile }: Measures): string {
  const tables: string[] = [];
  if (stats !== undefined) tables.push(statsTable(stats));
  if (profile !== undefined) {
    tables.push(symbolTable(profile));
    if (profile.regions !== undefined && profile.regions.length > 0) tables.push(regionTable(profile.regions));
  }
  return tables.join('');
}
