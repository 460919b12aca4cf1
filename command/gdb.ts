/** `run-sample NAME --gdb PORT`: a job that rests until gdb moves it. */
import { fileURLToPath } from 'node:url';
import { DEFAULT_BUDGET, type Box } from '../box/box.ts';
import { hasEnded, type Process } from '../box/spawn.ts';
import { openDebugger } from '../debugger/debugger.ts';
import { serveGdb, type GdbServer, type GdbServerOptions } from '../debugger/host/gdb-server.ts';
import { packageSources } from '../debugger/host/source-files.ts';
import { CommandError, ExitCode } from './exit-codes.ts';
import type { Debugger } from '../debugger/types.ts';
import type { Job } from './job.ts';
import type { Options } from './options.ts';
import type { CommandOutput } from './output.ts';
import { runJob } from './run-job.ts';
import { createStepDriver } from './step-driver.ts';
import type { View } from './view.ts';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
/** what the compilers of the samples were told that the package's folder is called */
const COMPILED_IN = '/rex';

/** In a shell's single quotes. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The command line of a gdb that finds the sources and connects. */
export function gdbCommand(port: number): string {
  const commands = [`set substitute-path ${COMPILED_IN} ${root}`, `target remote :${port}`];
  return `gdb -q ${commands.map((command) => `-ex ${quoted(command)}`).join(' ')}`;
}

/** Whom gdb has let go of goes on: to its end, with what its job has for it to do. */
function finish(session: Debugger, first: Process, onIdle: () => boolean, budget: number): void {
  const { box } = session;
  for (const { id } of session.stops) session.removeStop(id);
  do session.continue({ budget: Math.max(0, budget - box.instructions) });
  while (!hasEnded(box.kernel, first) && box.instructions < budget && box.death === undefined && onIdle());
}

type End = Parameters<NonNullable<GdbServerOptions['onEnd']>>[0];

/** Waits for a gdb, and until it has let go of the box or seen its end. */
function served(
  session: Debugger,
  first: Process,
  onIdle: () => boolean,
  { gdb: port = 0 }: Options,
  output: CommandOutput,
): Promise<End> {
  return new Promise((resolve, reject) => {
    let server: GdbServer | undefined;
    const over = (settle: () => void): void => void (server?.close() ?? Promise.resolve()).then(settle, reject);
    const { debugFiles } = packageSources;
    serveGdb(session, {
      port,
      process: first,
      ...(debugFiles === undefined ? undefined : { debugFiles }),
      onIdle,
      onEnd: (how) => over(() => resolve(how)),
      onError: (error) => over(() => reject(error as Error)),
    }).then((listening) => {
      server = listening;
      output.error(`waiting for gdb on 127.0.0.1:${server.port}:\n\n    ${gdbCommand(server.port)}\n\n`);
      output.flush();
    }, reject);
  });
}

/** The result is the exit status. @throws {CommandError | BoxError} */
export async function gdbJob(
  job: Job,
  options: Options,
  output: CommandOutput,
  createView: (box: Box) => View,
): Promise<number> {
  const { budget = DEFAULT_BUDGET } = options;
  const drive = async (box: Box, first: Process): Promise<void> => {
    const { onIdle, onQuiet } = createStepDriver(box, first, job.steps);
    const session = await openDebugger(box, { ...packageSources, process: first, onQuiet });
    const how = await served(session, first, onIdle, options, output);
    if (how === 'killed') throw new CommandError(ExitCode.interrupted, 'gdb has ended it');
    if (how === 'detached') finish(session, first, onIdle, budget);
  };
  return (await runJob(job, options, output, createView, drive)).exitCode;
}
