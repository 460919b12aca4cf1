/** What ends the command: one line for people, and an exit status. One row a type of error. */
import { BoxError } from '../box/errors.ts';
import { HostFileError } from '../box/host-file.ts';
import { HostPortError } from '../box/host-port.ts';
import { SavedBoxError } from '../box/saved/error.ts';
import { HostMemoryError, MemorySizeError } from '../cpu/memory.ts';
import { EngineDifferenceError } from '../cpu/translator/both.ts';
import { MachineError } from '../kernel/create-kernel.ts';
import { AssemblerError } from '../toolchain/assembler/index.ts';
import { CommandError, ExitCode } from './exit-codes.ts';
import { OutputError } from './output.ts';

export interface Failure {
  readonly message: string;
  readonly exitCode: number;
  /** nobody has foreseen it */
  readonly internal: boolean;
}

interface Row {
  readonly type: abstract new (...values: never[]) => Error;
  readonly exitCode: number;
  /** what can be done about it with the command's own means */
  readonly hint?: string;
}

/** For Node, which keeps 10 GiB of address space for each memory of WebAssembly unless it is told not to. */
const roomHint = '; or: NODE_OPTIONS=--disable-wasm-trap-handler, and a smaller --memory MIB';

// prettier-ignore
const rows: readonly Row[] = [
  { type: HostFileError,         exitCode: ExitCode.cannotLoad },
  { type: HostPortError,         exitCode: ExitCode.cannotLoad },
  { type: OutputError,           exitCode: ExitCode.output },
  { type: BoxError,              exitCode: ExitCode.cannotLoad },
  { type: SavedBoxError,         exitCode: ExitCode.cannotLoad },
  { type: MachineError,          exitCode: ExitCode.cannotLoad },
  { type: MemorySizeError,       exitCode: ExitCode.cannotLoad },
  { type: HostMemoryError,       exitCode: ExitCode.cannotLoad, hint: roomHint },
  { type: AssemblerError,        exitCode: ExitCode.cannotLoad },
  { type: EngineDifferenceError, exitCode: ExitCode.unexpected },
];

/** Where errors that nobody has foreseen are printed with the stack. */
export const DEBUG = 'KERNEL_IN_A_BOX_DEBUG';

function internalMessage(error: unknown, environment: Readonly<Record<string, string | undefined>>): string {
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  if ((environment[DEBUG] ?? '') !== '') return `internal error: ${stack === '' ? words : stack}`;
  const [first] = words.split('\n');
  return `internal error: ${first}: please report this command line and what ${DEBUG}=1 prints with it`;
}

/** In words, and its exit status. */
export function failureOf(error: unknown, environment: Readonly<Record<string, string | undefined>>): Failure {
  if (error instanceof CommandError) return { message: error.message, exitCode: error.exitCode, internal: false };
  const row = rows.find(({ type }) => error instanceof type);
  if (row === undefined) {
    return { message: internalMessage(error, environment), exitCode: ExitCode.internal, internal: true };
  }
  return { message: `${(error as Error).message}${row.hint ?? ''}`, exitCode: row.exitCode, internal: false };
}
