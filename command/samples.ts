/** Samples are data: samples/NAME/sample.json says what is put where, what is run and what should come of it. */
import { readHostFile, sampleNames, samplesDirectory } from '../box/host-files.ts';
import { didYouMean } from '../toolchain/assembler/did-you-mean.ts';
import { CommandError, ExitCode } from './exit-codes.ts';
import { listing, synopsis, UsageError } from './options.ts';

export interface Sample {
  readonly name: string;
  /** one line */
  readonly title: string;
  /** its arguments, as `[syscall] [errno]` */
  readonly usage: string;
  /** the program's path in the box, then its arguments when none are given */
  readonly command: readonly string[];
  /** path in the box to file beside sample.json */
  readonly files: Readonly<Record<string, string>>;
  readonly expectation: {
    /** of the first process when all is well */
    readonly exitCode: number;
    /** of the first process when its arguments make no sense */
    readonly usageExitCode?: number;
  };
}

const cannotLoad = (name: string, message: string): CommandError =>
  new CommandError(ExitCode.cannotLoad, `cannot load sample ${name}: ${message}`);

function readText(name: string, file: string): Uint8Array {
  try {
    return readHostFile(new URL(`${name}/${file}`, samplesDirectory));
  } catch (error) {
    throw cannotLoad(name, (error as Error).message);
  }
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What each field must be. */
const fields: readonly (readonly [name: keyof Sample, expected: string, check: (value: unknown) => boolean])[] = [
  ['title', 'a string', isText],
  ['usage', 'a string', isText],
  ['command', 'strings, the first a path', (value) => Array.isArray(value) && value.length > 0 && value.every(isText)],
  ['files', 'paths to file names', (value) => isRecord(value) && Object.values(value).every(isText)],
  ['expectation', 'a record with exitCode', (value) => isRecord(value) && Number.isInteger(value['exitCode'])],
];

function readDescription(name: string): Sample {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(readText(name, 'sample.json')));
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
  const files = Object.entries(sample.files).map(([path, file]) => [path, readText(name, file)] as const);
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
