/** What is to be run: a sample, or a program of the host. */
import { HostFileError, Largest, readHostFile } from '../box/host-file.ts';
import type { InputSource } from '../box/spawn.ts';
import { PT_INTERP } from '../toolchain/elf/constants.ts';
import { ElfError, readHeader, readProgramHeaders } from '../toolchain/elf/index.ts';
import { CommandError, ExitCode } from './exit-codes.ts';
import { isPath } from './options.ts';
import { readSample, sampleArguments, type Sample, type SampleStep } from './samples.ts';

const MIB = 1 << 20;

export interface Job {
  /** undefined for a program of the host */
  readonly sample: Sample | undefined;
  /** by path in the box */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** path of the program in the box */
  readonly program: string;
  readonly argv0: string;
  readonly args: readonly string[];
  /** what follows once the program waits or has ended */
  readonly steps: readonly SampleStep[];
  readonly stdin: InputSource | undefined;
}

/** Why the kernel would not execute it, in more words than an errno has. */
function explainFormat(bytes: Uint8Array): string | undefined {
  try {
    const headers = readProgramHeaders(bytes, readHeader(bytes));
    const interpreter = headers.find(({ type }) => type === PT_INTERP);
    if (interpreter === undefined) return undefined;
    const name = bytes.subarray(interpreter.offset, interpreter.offset + interpreter.fileSize);
    const path = new TextDecoder().decode(name).replace(/\0.*$/s, '');
    return `it is dynamically linked (${JSON.stringify(path)}); only static programs run here: link it with -static`;
  } catch (error) {
    if (error instanceof ElfError) return `it is not an ELF program: ${error.message}`;
    throw error;
  }
}

/** What is larger than the box's memory cannot be run in it. */
const largestProgram = (memory: number | undefined): number => (memory === undefined ? Largest.binary : memory * MIB);

function readProgram(path: string, memory: number | undefined): Uint8Array {
  try {
    return readHostFile(path, largestProgram(memory));
  } catch (error) {
    if (!(error instanceof HostFileError)) throw error;
    const hint = error.fault === 'too-big' ? ': the box has no more memory, --memory MIB gives it more' : '';
    throw new CommandError(ExitCode.cannotLoad, `${error.message}${hint}`);
  }
}

function hostJob(path: string, { args, memory }: JobChoices, stdin: InputSource | undefined): Job {
  const bytes = readProgram(path, memory);
  const problem = explainFormat(bytes);
  if (problem !== undefined) throw new CommandError(ExitCode.cannotLoad, `cannot load ${path}: ${problem}`);
  const program = `/bin/${path.slice(path.lastIndexOf('/') + 1)}`;
  return {
    sample: undefined,
    files: new Map([[program, bytes]]),
    program,
    argv0: path,
    args,
    steps: [],
    stdin,
  };
}

export interface JobChoices {
  readonly args: readonly string[];
  /** of the box, MiB */
  readonly memory?: number | undefined;
}

/** `stdin` is for a program of the host. @throws {CommandError} */
export function readJob(name: string, choices: JobChoices, stdin?: InputSource): Job {
  if (isPath(name)) return hostJob(name, choices, stdin);
  const { sample, files } = readSample(name);
  const program = sample.command[0]!;
  return {
    sample,
    files,
    program,
    argv0: program,
    args: sampleArguments(sample, choices.args),
    steps: sample.steps ?? [],
    stdin: undefined,
  };
}
