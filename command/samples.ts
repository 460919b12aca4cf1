/** Samples are data: samples/NAME/sample.json says what is put where, what is run and what should come of it. */
import type { NetworkOptions } from '../box/network.ts';
import { HostFileError, Largest, readHostFile } from '../box/host-file.ts';
import { sampleFile, sampleNames } from '../box/host-files.ts';
import { Signal } from '../kernel/signal.ts';
import { didYouMean } from '../toolchain/assembler/did-you-mean.ts';
import { CommandError, ExitCode } from './exit-codes.ts';
import { listing, synopsis, UsageError } from './options.ts';

/** What happens once the first process waits, or has ended; one after the other. */
export type SampleStep =
  /** another program: its path in the box and its arguments; the next step comes when it has ended */
  | { readonly run: readonly string[] }
  /** a program that goes on beside what follows, which comes when every task sleeps */
  | { readonly start: readonly string[] }
  /** guest time goes by, ns */
  | { readonly wait: number }
  /** a signal for the first process, as SIGINT, once every task sleeps */
  | { readonly signal: string };

/** Where a sample's text comes from: the guest's streams, the trace buffer, the kernel log. */
export const textSources = ['stdout', 'stderr', 'trace', 'log'] as const;
export type TextSource = (typeof textSources)[number];

/** A regular expression that occurs so many times; without a count at least once. */
export interface ExpectedText {
  readonly in: TextSource;
  readonly pattern: string;
  readonly count?: number;
}

export interface Expectation {
  /** of the first process when all is well */
  readonly exitCode?: number;
  /** that ends it, in place of an exit code */
  readonly signal?: string;
  /** of the first process when its arguments make no sense */
  readonly usageExitCode?: number;
  readonly texts?: readonly ExpectedText[];
}

/** How a sample runs behind a bridge: `--bridge`. */
export interface SampleBridge {
  /** in place of the sample's own command and steps; `/bin/loader` … */
  readonly command: readonly string[];
  readonly steps: readonly SampleStep[];
  /** the box's device and its address, `10.0.0.2/24` */
  readonly device: string;
  readonly address: string;
  /** address of the host at the other end */
  readonly outside: string;
  /** of the service, UDP and TCP: in the box, and of the real server unless the command line says another */
  readonly port: number;
}

export interface Sample {
  readonly name: string;
  /** one line */
  readonly title: string;
  /** its arguments, as `[syscall] [errno]` */
  readonly usage: string;
  /** the program's path in the box, then its arguments when none are given */
  readonly command: readonly string[];
  /** path in the box to file, in the folder of sample.json or, as `@support/tc`, in another's */
  readonly files: Readonly<Record<string, string>>;
  readonly steps?: readonly SampleStep[];
  /** of the box, where the sample needs them; watchdog in ns; the command line goes first */
  readonly box?: {
    readonly cpus?: number;
    readonly memory?: number;
    readonly watchdog?: number;
    /** devices beside lo, as of BoxOptions */
    readonly network?: NetworkOptions;
  };
  readonly bridge?: SampleBridge;
  readonly expectation: Expectation;
  /** what is graded beside the run: the dispatcher that --dispatcher gave */
  readonly grade?: 'dispatcher';
}

export const cannotLoad = (name: string, message: string): CommandError =>
  new CommandError(ExitCode.cannotLoad, `cannot load sample ${name}: ${message}`);

/** @throws {CommandError} */
export function readSampleFile(name: string, file: string, most: number = Largest.binary): Uint8Array {
  try {
    return readHostFile(sampleFile(name, file), most);
  } catch (error) {
    if (error instanceof HostFileError) throw cannotLoad(name, error.message);
    throw error;
  }
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCommand: Check = (value) => Array.isArray(value) && value.length > 0 && value.every(isText);
const isSignal: Check = (value) => typeof value === 'string' && Object.hasOwn(Signal, value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

function isStep(value: unknown): boolean {
  if (!isRecord(value) || Object.keys(value).length !== 1) return false;
  return isCommand(value['run']) || isCommand(value['start']) || isCount(value['wait']) || isSignal(value['signal']);
}

function isPattern(value: unknown): boolean {
  try {
    return isText(value) && new RegExp(value as string, 'gm') instanceof RegExp;
  } catch {
    return false;
  }
}

const isExpectedText: Check = (value) =>
  isRecord(value) &&
  textSources.some((source) => source === value['in']) &&
  isPattern(value['pattern']) &&
  optional(isCount)(value['count']);

const isExpectation: Check = (value) =>
  isRecord(value) &&
  (isCount(value['exitCode']) || isSignal(value['signal'])) &&
  optional(listOf(isExpectedText))(value['texts']);

const isBridge: Check = (value) =>
  isRecord(value) &&
  isCommand(value['command']) &&
  listOf(isStep)(value['steps']) &&
  [value['device'], value['address'], value['outside']].every(isText) &&
  isCount(value['port']);

const isGrade: Check = (value) => value === 'dispatcher';

const isVeth: Check = (value) =>
  isRecord(value) &&
  isText(value['name']) &&
  ['address', 'gateway', 'mac', 'peer', 'peerAddress'].every((field) => optional(isText)(value[field])) &&
  optional(isCount)(value['mtu']) &&
  optional((up) => typeof up === 'boolean')(value['up']);
const isNetwork: Check = (value) => isRecord(value) && optional(listOf(isVeth))(value['veth']);

const isBox: Check = (value) =>
  isRecord(value) &&
  optional(isCount)(value['cpus']) &&
  optional(isCount)(value['memory']) &&
  optional(isCount)(value['watchdog']) &&
  optional(isNetwork)(value['network']);

/** What each field must be. */
// prettier-ignore
const fields: readonly (readonly [name: keyof Sample, expected: string, check: Check])[] = [
  ['title',       'a string',                                                isText],
  ['usage',       'a string',                                                isText],
  ['command',     'strings, the first a path',                               isCommand],
  ['files',       'paths to file names',                                     (value) => isRecord(value) && Object.values(value).every(isText)],
  ['steps',       'records with run, start, wait or signal',                        optional(listOf(isStep))],
  ['box',         'a record with cpus, memory, watchdog, network',                optional(isBox)],
  ['bridge',      'a record with command, steps, device, address, outside, port', optional(isBridge)],
  ['expectation', 'a record with exitCode or signal, and texts (in, pattern, count)', isExpectation],
  ['grade',       '"dispatcher"',                                            optional(isGrade)],
];

function readDescription(name: string): Sample {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(readSampleFile(name, 'sample.json', Largest.text)));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw cannotLoad(name, `sample.json: ${(error as Error).message}`);
  }
  if (!isRecord(value)) throw cannotLoad(name, 'sample.json: expected a record');
  for (const [field, expected, check] of fields) {
    if (!check(value[field])) throw cannotLoad(name, `sample.json: ${field}: expected ${expected}`);
  }
  return { ...(value as unknown as Sample), name };
}

export function listSamples(): string {
  const samples = sampleNames().map(readDescription);
  return `samples:\n${listing(samples.map(({ name, usage, title }) => [`${name} ${usage}`, title]))}`;
}

/** The sample called `name` and its files by their path in the box. @throws {CommandError} */
export function readSample(name: string): { readonly sample: Sample; readonly files: ReadonlyMap<string, Uint8Array> } {
  const names = sampleNames();
  if (!names.includes(name)) {
    const hint = didYouMean(name, names);
    throw new UsageError(
      `there is no sample ${JSON.stringify(name)}${hint}\n${synopsis}       (a program of this host is named with a slash, as ./${name})\n\n${listSamples()}`,
    );
  }
  const sample = readDescription(name);
  const files = Object.entries(sample.files).map(([path, file]) => [path, readSampleFile(name, file)] as const);
  return { sample, files: new Map(files) };
}

/** The arguments given take the places of the default ones. @throws {UsageError} */
export function sampleArguments({ name, usage, command }: Sample, args: readonly string[]): string[] {
  const defaults = command.slice(1);
  if (args.length > defaults.length) {
    throw new UsageError(
      `${name}: got ${args.length} arguments, expected at most ${defaults.length}: run-sample ${name} ${usage}`,
    );
  }
  return defaults.map((value, n) => args[n] ?? value);
}
