/** The file of --dispatcher, and a kernel with it. */
import { readHostText } from '../box/host-file.ts';
import { readKernelSources } from '../box/host-files.ts';
import type { SourceFile } from '../kernel/entry/text.ts';
import { AssemblerError } from '../toolchain/assembler/index.ts';
import { CommandError, ExitCode } from './exit-codes.ts';

export const DISPATCHER_FILE = 'kernel/rex-dispatcher/rex_64.S';

/** The text of a `.S` file of this host; without a path that of the kernel's own. @throws {HostFileError} */
export function readDispatcher(path: string | undefined): string {
  if (path === undefined) return readKernelSources().find(({ file }) => file === DISPATCHER_FILE)!.source;
  return readHostText(path);
}

/** The kernel's sources with `source` for its dispatcher. */
export const sourcesWith = (source: string): SourceFile[] =>
  readKernelSources().map((file) => (file.file === DISPATCHER_FILE ? { file: DISPATCHER_FILE, source } : file));

/** Runs `action`; what is wrong with the student's file is told in its name. @throws {CommandError} */
export async function withDispatcher<Result>(path: string | undefined, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    if (path === undefined || !(error instanceof AssemblerError)) throw error;
    const { message, file } = error;
    throw new CommandError(
      ExitCode.cannotLoad,
      file === DISPATCHER_FILE
        ? message.replace(DISPATCHER_FILE, () => path)
        : `${message}: with ${path} in the place of ${DISPATCHER_FILE}`,
    );
  }
}
