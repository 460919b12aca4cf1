/** `run-sample bmc --bridge 11311:11211`: the sample in a box whose network is bridged to this host's loopback. */
import { openBridge, type Bridge } from '../box/bridge/index.ts';
import { Box, DEFAULT_BUDGET } from '../box/box.ts';
import { exitOf, type Process } from '../box/spawn.ts';
import { runAtFullSpeed } from './advance.ts';
import { boxOptions, perform } from './run-job.ts';
import { CommandError, ExitCode } from './exit-codes.ts';
import { endedAsExpected, howItShouldEnd } from './expectation.ts';
import type { Job } from './job.ts';
import { UsageError, type Options } from './options.ts';
import type { CommandOutput } from './output.ts';
import { createPlain } from './plain.ts';
import type { SampleBridge } from './samples.ts';

/** What has been set up and waits for clients. */
export interface BridgedSample {
  readonly box: Box;
  /** the sample's first process */
  readonly first: Process;
  readonly bridge: Bridge;
}

/** Ports of the host: for clients, 0 chooses one, and of the real server. */
export interface BridgePorts {
  readonly client: number;
  readonly server: number;
}

/** @throws {UsageError} */
function readPorts(text: string, { port }: SampleBridge): BridgePorts {
  const [client, server = port] = text.split(':').map(Number);
  const valid = client! <= 65535 && server >= 1 && server <= 65535;
  if (valid) return { client: client!, server };
  throw new UsageError(`--bridge: got ${JSON.stringify(text)}, expected ports up to 65535`);
}

function bridgeOf({ sample, argv0 }: Job): SampleBridge {
  if (sample?.bridge !== undefined) return sample.bridge;
  throw new UsageError(`--bridge: ${sample?.name ?? argv0} does not say how it runs behind a bridge`);
}

/**
 * Boots a box, takes the steps that the sample wants behind a bridge, and opens that one. `watch` sees the box first.
 * @throws {BoxError | CommandError}
 */
export async function startBridged(
  job: Job,
  options: Options,
  ports: BridgePorts,
  watch: (box: Box) => void = () => {},
): Promise<BridgedSample> {
  const { command, steps, device, address, outside, port } = bridgeOf(job);
  const network = { veth: [{ name: device, address }] };
  const box = await Box.boot({ ...boxOptions(job, options), network, recordSyscalls: options.strace });
  watch(box);
  for (const [path, bytes] of job.files) box.files.write(path, bytes);
  const first = box.spawn(command[0]!, command.slice(1));
  const problems: string[] = [];
  const budget = options.budget ?? DEFAULT_BUDGET;
  const run = { box, job, first, advance: runAtFullSpeed(box), budget, problems };
  run.advance({ ended: first, quiet: true }, budget);
  for (const step of steps) {
    const outcome = perform(run, step);
    if (outcome !== 'done') problems.push(`the box ended with ${outcome}`);
    if (problems.length > 0) throw new CommandError(ExitCode.unexpected, `cannot set up ${command[0]}: ${problems[0]}`);
  }
  const protocols = ['tcp', 'udp'] as const;
  const forward = protocols.map((protocol) => ({ protocol, port, hostPort: ports.server }));
  const listen = protocols.map((protocol) => ({ protocol, hostPort: ports.client, boxPort: port }));
  return { box, first, bridge: await openBridge(box, { device, address: outside, forward, listen }) };
}

/** Runs until this process is interrupted; then the sample's first process is. Its exit status is the command's. */
export async function runBridged(job: Job, options: Options, output: CommandOutput): Promise<number> {
  const ports = readPorts(options.bridge!, bridgeOf(job));
  const view = createPlain(output, options.strace);
  const { box, first, bridge } = await startBridged(job, options, ports, (made) => {
    made.on((event) => view.event(event));
  });
  for (const { protocol, hostPort } of bridge.listening) output.out(`clients: ${protocol} 127.0.0.1:${hostPort}\n`);
  output.out(`server: 127.0.0.1:${ports.server}\nCtrl-C ends it\n`);
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, interrupt);
  try {
    const { reason } = await bridge.run({ until: first, signal: stop.signal });
    if (reason === 'dead') {
      output.error(`run-sample: the kernel stopped: ${box.death}\n`);
      return ExitCode.oops;
    }
    box.signal(first, 'SIGINT');
    box.run({ until: first, quiet: true });
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
    bridge.close();
  }
  const lines = Object.entries(bridge.statistics).map(([name, count]) => `BRIDGE ${name} ${count}\n`);
  output.out(lines.join(''));
  const { expectation } = job.sample!;
  if (endedAsExpected(expectation, exitOf(box.kernel, first))) return ExitCode.ok;
  output.error(`run-sample: ${bridgeOf(job).command[0]} should have ${howItShouldEnd(expectation)}\n`);
  return ExitCode.unexpected;
}
