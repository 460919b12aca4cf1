/** --step, --script and --tour: a job in the debugger's screen, on a terminal or played from a script. */
import { Box, DEFAULT_BUDGET } from '../box/box.ts';
import { HostFileError, Largest, readHostFile, readHostText } from '../box/host-file.ts';
import { sampleFile, sampleNames } from '../box/host-files.ts';
import { openDebugger } from '../debugger/debugger.ts';
import { packageSources } from '../debugger/host/source-files.ts';
import { createScreen, type Screen } from '../debugger/screen/screen.ts';
import { parseScript, playScript, ScriptError } from '../debugger/screen/script.ts';
import { parseTour, TourError, type Tour } from '../debugger/screen/tour/parse.ts';
import { recite } from '../debugger/screen/tour/recite.ts';
import { withDispatcher } from './dispatcher-source.ts';
import { CommandError, ExitCode } from './exit-codes.ts';
import type { Job } from './job.ts';
import { UsageError, type Options } from './options.ts';
import type { CommandOutput, Streams } from './output.ts';
import { boxOptions } from './run-job.ts';
import { createStepDriver } from './step-driver.ts';

/** Undefined where there is none. @throws {HostFileError} one that cannot be read */
function tourFile(name: string): Uint8Array | undefined {
  try {
    return readHostFile(sampleFile(name, 'tour.md'), Largest.text);
  } catch (error) {
    if (error instanceof HostFileError && error.fault === 'missing') return undefined;
    throw error;
  }
}

/** @throws {UsageError} no tour; {TourError} one that is none; {HostFileError} */
function readTour({ sample }: Job): Tour {
  const name = sample?.name;
  const bytes = name === undefined ? undefined : tourFile(name);
  if (bytes === undefined) {
    const toured = sampleNames().filter((other) => tourFile(other) !== undefined);
    throw new UsageError(
      `--tour: ${name ?? 'a program of this host'} has no tour.md; there are tours of ${toured.join(', ')}`,
    );
  }
  return parseTour(`samples/${name}/tour.md`, new TextDecoder().decode(bytes));
}

async function openScreen(job: Job, options: Options, tour: Tour | undefined): Promise<Screen> {
  const { budget = DEFAULT_BUDGET } = options;
  const box = await withDispatcher(options.dispatcher, () => Box.boot({ ...boxOptions(job, options), history: true }));
  for (const [path, bytes] of job.files) box.files.write(path, bytes);
  const { argv0, program, args } = job;
  const process = box.spawn(program, args, { argv0 });
  const { onIdle, onQuiet } = createStepDriver(box, process, job.steps);
  const session = await openDebugger(box, { ...packageSources, onQuiet });
  return createScreen(session, {
    title: job.sample?.name ?? argv0,
    budget,
    whenIdle: onIdle,
    ...(tour === undefined ? undefined : { tour }),
  });
}

/** What the screen's errors are worth as exit statuses. */
function asCommandError(error: unknown): unknown {
  if (error instanceof TourError) return new CommandError(ExitCode.cannotLoad, error.message);
  if (error instanceof ScriptError) {
    return error.unmet ? new CommandError(ExitCode.unexpected, error.message) : new UsageError(error.message);
  }
  return error;
}

/** The result is the exit status. @throws {CommandError | BoxError} */
export async function stepJob(job: Job, options: Options, streams: Streams, output: CommandOutput): Promise<number> {
  const { script } = options;
  if (script === undefined && !options.tour && streams.terminal === undefined) {
    throw new UsageError('--step needs a terminal; --script FILE plays keys without one');
  }
  try {
    const steps = script === undefined ? undefined : parseScript(script, readHostText(script));
    const screen = await openScreen(job, options, options.tour ? readTour(job) : undefined);
    if (script !== undefined && steps !== undefined) {
      screen.view.colours = false;
      playScript(script, steps, screen, output.out);
      return ExitCode.ok;
    }
    if (streams.terminal === undefined) {
      screen.view.colours = false;
      return recite(screen, output.out) ? ExitCode.ok : ExitCode.unexpected;
    }
    const { runOnTerminal, terminalAbilities } = await import('../debugger/host/terminal.ts');
    screen.view.colours = terminalAbilities(process.env).look === 'colour';
    return await runOnTerminal(screen, streams.terminal, (text) => output.out(Buffer.from(text)), process.env);
  } catch (error) {
    throw asCommandError(error);
  }
}
