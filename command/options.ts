/** The command line: one table, from which it is read and the help is printed. */
import { parseArgs } from 'node:util';
import { engineNames, type EngineName } from '../cpu/engine.ts';
import { printable } from '../lib/printable.ts';
import { didYouMean } from '../toolchain/assembler/did-you-mean.ts';
import { CommandError, ExitCode, exitCodeRows } from './exit-codes.ts';

interface OptionRow {
  readonly name: string;
  /** what its value is called; undefined for a switch */
  readonly value?: string;
  /** its value is a text like this, not a number */
  readonly form?: { readonly pattern: RegExp; readonly expected: string };
  /** of the value, whole numbers */
  readonly least?: number;
  readonly most?: number;
  readonly text: string;
}

const optionRows: readonly OptionRow[] = [
  { name: 'trace', text: 'print each instruction executed: symbol, disassembly, registers it changed' },
  { name: 'strace', text: 'print system calls on standard error (samples: always, with the rest)' },
  { name: 'json', text: 'print events as lines of JSON (NDJSON)' },
  { name: 'quiet', text: 'print only what the guest printed (programs from the host: always)' },
  {
    name: 'engine',
    value: 'NAME',
    form: { pattern: new RegExp(`^(${engineNames.join('|')})$`), expected: engineNames.join(' or ') },
    text: `what executes instructions: ${engineNames.join(', ')} (default translator; the results are the same)`,
  },
  { name: 'stats', text: 'print at the end what the engine has done' },
  {
    name: 'profile',
    text: 'print at the end where instructions were executed: symbols, and regions of translated code',
  },
  { name: 'cpus', value: 'N', least: 1, most: 64, text: 'processors (default 1)' },
  { name: 'memory', value: 'MIB', least: 16, most: 2048, text: 'memory in MiB (default 128)' },
  { name: 'seed', value: 'N', least: 0, most: Number.MAX_SAFE_INTEGER, text: 'of all randomness (default 1)' },
  { name: 'avx', text: 'a processor with AVX, AVX2 and XSAVE (default: x86-64-v2)' },
  {
    name: 'watchdog',
    value: 'NS',
    least: 1_000_000,
    most: Number.MAX_SAFE_INTEGER,
    text: 'how long a Rex program may run, ns of guest time (default 20,000,000,000)',
  },
  {
    name: 'schedule',
    value: 'N',
    least: 0,
    most: Number.MAX_SAFE_INTEGER,
    text: 'seed of how processors take turns (default: evenly, 10,000 instructions each)',
  },
  {
    name: 'explore',
    value: 'N',
    least: 1,
    most: 1_000_000,
    text: 'run the sample with schedules 1 to N, until it does not meet its expectation',
  },
  {
    name: 'budget',
    value: 'N',
    least: 1,
    most: Number.MAX_SAFE_INTEGER,
    text: 'most instructions to execute (default 1,000,000,000)',
  },
  {
    name: 'dispatcher',
    value: 'FILE.S',
    form: { pattern: /./, expected: 'the path of a file' },
    text: "boot with this file in the place of the kernel's rex_64.S (mp4-extra-credit grades it)",
  },
  {
    name: 'bridge',
    value: 'PORT[:SERVER]',
    form: { pattern: /^\d{1,5}(:\d{1,5})?$/, expected: 'a port of this host, or two: 11311:11211' },
    text: "carry the sample's network to this host's loopback: clients at PORT, a server at SERVER (bmc: 11211)",
  },
  { name: 'step', text: "step through it, forwards and back, in the debugger's screen (? there lists the keys)" },
  {
    name: 'tour',
    text: 'a guided tour of the sample (error_injector, panic) in the same screen: samples/NAME/tour.md',
  },
  {
    name: 'script',
    value: 'FILE',
    form: { pattern: /./, expected: 'the path of a file' },
    text: 'play keys from a file in the place of a terminal, and print screens: debugger/screen/README.md',
  },
  {
    name: 'gdb',
    value: 'PORT',
    least: 0,
    most: 65535,
    text: 'wait for gdb on this port of the loopback, 0 chooses one: debugger/gdb/README.md',
  },
  { name: 'all', text: 'run every sample and print a table: held against its expectation, what it used, how long' },
  { name: 'support', text: 'print what is implemented: syscalls, bpf, helpers, maps, rex, programs, instructions' },
  { name: 'help', text: 'print this' },
];

export interface Options {
  readonly trace: boolean;
  readonly strace: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly engine: EngineName | undefined;
  readonly stats: boolean;
  readonly profile: boolean;
  readonly cpus: number | undefined;
  /** MiB */
  readonly memory: number | undefined;
  readonly seed: number | undefined;
  /** ns */
  readonly watchdog: number | undefined;
  readonly schedule: number | undefined;
  /** schedules to try */
  readonly explore: number | undefined;
  readonly avx: boolean;
  readonly budget: number | undefined;
  /** path of a .S file */
  readonly dispatcher: string | undefined;
  /** ports of the host: `PORT` or `PORT:SERVER` */
  readonly bridge: string | undefined;
  readonly step: boolean;
  readonly tour: boolean;
  /** path of a file with keys */
  readonly script: string | undefined;
  /** port of the host */
  readonly gdb: number | undefined;
  readonly all: boolean;
  readonly support: boolean;
  readonly help: boolean;
}

export interface CommandLine {
  readonly options: Options;
  /** a sample's name or the path of a program; undefined when there is none */
  readonly name: string | undefined;
  readonly args: readonly string[];
}

export class UsageError extends CommandError {
  constructor(message: string) {
    super(ExitCode.usage, message);
  }
}

const tokensOf = (argv: readonly string[]) =>
  parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      optionRows.map(({ name, value }) => [name, { type: value === undefined ? 'boolean' : 'string' }] as const),
    ),
    strict: false,
    tokens: true,
    allowPositionals: true,
  }).tokens;

type Token = ReturnType<typeof tokensOf>[number];

function readNumber({ name, least = 0, most = 0 }: OptionRow, text: string): number {
  const number = /^[\d_,]*\d$/.test(text) ? Number(text.replaceAll(/[_,]/g, '')) : NaN;
  if (Number.isSafeInteger(number) && number >= least && number <= most) return number;
  throw new UsageError(`--${name}: got ${JSON.stringify(text)}, expected a whole number from ${least} to ${most}`);
}

function readOption(token: Extract<Token, { kind: 'option' }>): [string, number | string | true] {
  const row = optionRows.find(
    ({ name }) => token.rawName === `--${name}` || (name === 'help' && token.rawName === '-h'),
  );
  if (row === undefined) {
    const candidates = optionRows.map(({ name }) => `--${name}`);
    throw new UsageError(`unknown option ${token.rawName}${didYouMean(token.rawName, candidates)}`);
  }
  if (row.value === undefined) {
    if (token.value !== undefined) throw new UsageError(`--${row.name}: takes no value`);
    return [row.name, true];
  }
  const value = token.value ?? '';
  if (row.form === undefined) return [row.name, readNumber(row, value)];
  if (row.form.pattern.test(value)) return [row.name, value];
  throw new UsageError(`--${row.name}: got ${JSON.stringify(value)}, expected ${row.form.expected}`);
}

/** A path has a slash: `./true`. All that follows it is the program's, as with env or nice. */
export const isPath = (name: string): boolean => name.includes('/');

/** @throws {UsageError} */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const first = tokensOf(argv).find((token) => token.kind === 'positional');
  const ours = first !== undefined && isPath(first.value) ? argv.slice(0, first.index + 1) : argv;
  const given = new Map<string, number | string | true>();
  const positionals: string[] = [];
  for (const token of tokensOf(ours)) {
    if (token.kind === 'option') given.set(...readOption(token));
    else if (token.kind === 'positional') positionals.push(token.value);
  }
  const flag = (name: string): boolean => given.get(name) === true;
  const number = (name: string): number | undefined => given.get(name) as number | undefined;
  const options: Options = {
    trace: flag('trace'),
    strace: flag('strace'),
    json: flag('json'),
    quiet: flag('quiet'),
    engine: given.get('engine') as EngineName | undefined,
    stats: flag('stats'),
    profile: flag('profile'),
    cpus: number('cpus'),
    memory: number('memory'),
    seed: number('seed'),
    watchdog: number('watchdog'),
    schedule: number('schedule'),
    explore: number('explore'),
    avx: flag('avx'),
    budget: number('budget'),
    dispatcher: given.get('dispatcher') as string | undefined,
    bridge: given.get('bridge') as string | undefined,
    step: flag('step'),
    tour: flag('tour'),
    script: given.get('script') as string | undefined,
    gdb: number('gdb'),
    all: flag('all'),
    support: flag('support'),
    help: flag('help'),
  };
  checkTogether(options);
  const [name, ...args] = positionals;
  return { options, name, args: [...args, ...argv.slice(ours.length)] };
}

const exclusive = [
  ['json', 'quiet'],
  ['json', 'strace'],
  ['quiet', 'trace'],
  ['quiet', 'strace'],
  ['bridge', 'json'],
  ['bridge', 'trace'],
  ['bridge', 'explore'],
  ['bridge', 'all'],
  ['stats', 'all'],
  ['stats', 'explore'],
  ['stats', 'bridge'],
  ['profile', 'all'],
  ['profile', 'explore'],
  ['profile', 'bridge'],
  ['gdb', 'trace'],
  ['gdb', 'explore'],
  ['gdb', 'bridge'],
  ['gdb', 'all'],
] as const;

const screens = ['step', 'tour', 'script'] as const;
/** what has output of its own, or is no single run */
const notOnScreen = [
  'trace',
  'strace',
  'json',
  'quiet',
  'stats',
  'profile',
  'explore',
  'bridge',
  'gdb',
  'all',
] as const;

const isGiven = (value: Options[keyof Options]): boolean => value !== undefined && value !== false;

function checkTogether(options: Options): void {
  for (const [one, other] of [
    ...exclusive,
    ...screens.flatMap((one) => notOnScreen.map((other) => [one, other] as const)),
  ]) {
    if (isGiven(options[one]) && isGiven(options[other]))
      throw new UsageError(`--${one} and --${other} exclude each other`);
  }
}

function columns(rows: readonly (readonly [left: string, right: string])[]): string {
  const lines = rows.map((row) => row.map(printable));
  const width = Math.max(...lines.map(([left]) => left!.length)) + 2;
  return lines.map(([left, right]) => `  ${left!.padEnd(width)}${right}\n`).join('');
}

export const synopsis = `usage: run-sample [options] SAMPLE [arguments]
       run-sample [options] ./path/to/program [arguments]
`;

export function help(): string {
  const options = optionRows.map(({ name, value, text }) => {
    return [value === undefined ? `--${name}` : `--${name} ${value}`, text] as const;
  });
  const codes = exitCodeRows.map(([code, meaning]) => [`${code}`, meaning] as const);
  return `${synopsis}
Boots a small deterministic x86-64 computer and runs a sample in it, or any static ELF program of this host. A program
from the host has this command's standard streams, and its exit status is the command's (128 + the signal's number when
it was killed). Without a name: the list of samples.

options:
${columns(options)}
exit status:
${columns(codes)}`;
}

/** Two columns, aligned. */
export const listing = columns;
