/** `npx tsx debug-adapter.ts [--port N]`: samples and programs of this host for editors that speak the Debug Adapter Protocol. */
import { parseArgs } from 'node:util';
import { Box } from '../box/box.ts';
import { RequestError, type LaunchConfiguration, type Launched } from '../debugger/dap/index.ts';
import { openDebugger } from '../debugger/debugger.ts';
import { hostSources, serveDap, serveStreams } from '../debugger/host/dap-server.ts';
import { packageSources } from '../debugger/host/source-files.ts';
import { withDispatcher } from './dispatcher-source.ts';
import { ExitCode } from './exit-codes.ts';
import { failureOf } from './failures.ts';
import { readJob } from './job.ts';
import { isPath } from './options.ts';
import { createCommandOutput, hostStreams, OutputError, STDOUT, type CommandOutput } from './output.ts';
import { boxOptions } from './run-job.ts';
import { createStepDriver } from './step-driver.ts';

const usage = `usage: npx tsx debug-adapter.ts [--port N]

  --port N   serve one client after the other on this port of the loopback, 0 chooses one (default: standard input and output)
  --help     print this

debugger/dap/README.md shows the launch.json of VS Code.
`;

async function boot(configuration: LaunchConfiguration): Promise<Launched> {
  const { sample, program = '', dispatcher } = configuration;
  if (sample !== undefined && isPath(sample))
    throw new RequestError('launch: "sample" is a name; a path is a "program"');
  const name = sample ?? (isPath(program) ? program : `./${program}`);
  const job = readJob(name, { args: configuration.arguments, memory: configuration.memory });
  const box = await withDispatcher(dispatcher, () =>
    Box.boot({ ...boxOptions(job, { ...configuration, watchdog: undefined }), history: true }),
  );
  for (const [path, bytes] of job.files) box.files.write(path, bytes);
  const process = box.spawn(job.program, job.args, { argv0: job.argv0 });
  const { onIdle, onQuiet } = createStepDriver(box, process, job.steps);
  const session = await openDebugger(box, { ...packageSources, process, onQuiet });
  return { debugger: session, process, onIdle };
}

/** @throws {RequestError} for what cannot be launched */
export async function launchBox(configuration: LaunchConfiguration): Promise<Launched> {
  try {
    return await boot(configuration);
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw new RequestError(`launch: ${failureOf(error, process.env).message}`);
  }
}

function createComplaint(output: CommandOutput): (text: string) => void {
  return (text) => {
    try {
      output.error(`debug-adapter: ${text}\n`);
    } catch {
      // the client is what counts
    }
  };
}

function readPort(argv: readonly string[]): number | 'help' | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: { port: { type: 'string' }, help: { type: 'boolean' } },
  });
  if (values.help === true) return 'help';
  if (values.port === undefined) return undefined;
  if (/^\d{1,5}$/.test(values.port) && Number(values.port) <= 65_535) return Number(values.port);
  throw new TypeError(`--port: got ${JSON.stringify(values.port)}, expected a number from 0 to 65535`);
}

/** The result is the exit status. In server mode it goes on until it is interrupted. */
export async function debugAdapter(argv: readonly string[]): Promise<number> {
  const output = createCommandOutput(hostStreams(), false);
  const complain = createComplaint(output);
  const dapOptions = {
    sources: hostSources,
    launch: launchBox,
    onError: (error: unknown) => complain(failureOf(error, process.env).message),
  };
  let port;
  try {
    port = readPort(argv);
  } catch (error) {
    complain(`${(error as Error).message}\n${usage}`);
    return ExitCode.usage;
  }
  if (port === 'help') {
    output.out(usage);
    return ExitCode.ok;
  }
  if (port === undefined) {
    const error = await serveStreams(process.stdin, process.stdout, dapOptions);
    if (error === undefined) return ExitCode.ok;
    complain(new OutputError(STDOUT, error).message);
    return ExitCode.output;
  }
  try {
    const server = await serveDap(port, dapOptions);
    output.error(`waiting for debug adapter clients on 127.0.0.1:${server.port}\n`);
    return ExitCode.ok;
  } catch (error) {
    const { message, exitCode } = failureOf(error, process.env);
    complain(message);
    return exitCode;
  }
}
