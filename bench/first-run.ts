/** `first-run.ts ENGINE SAMPLE`: runs the sample in a fresh box, twice in this process; prints two SampleRuns as JSON. */
import { Box } from '../index.ts';
import { readSample, sampleArguments } from '../command/samples.ts';
import { boxOptions, type Engine } from './engine.ts';

export interface Took {
  /** wall time */
  readonly milliseconds: number;
  /** NaN where it cannot be had */
  readonly cpuMilliseconds: number;
}

export interface SampleRun {
  readonly boot: Took;
  readonly run: Took;
}

function startWatch(): () => Took {
  const cpu = process.cpuUsage();
  const start = performance.now();
  return () => {
    const milliseconds = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    return { milliseconds, cpuMilliseconds: (user + system) / 1000 };
  };
}

async function runSample(engine: Engine, name: string): Promise<SampleRun> {
  const { sample, files } = readSample(name);
  const booting = startWatch();
  const box = await Box.boot(boxOptions(engine));
  const boot = booting();
  const running = startWatch();
  for (const [path, bytes] of files) box.files.write(path, bytes);
  box.run({ until: box.spawn(sample.command[0]!, sampleArguments(sample, [])) });
  return { boot, run: running() };
}

const engine = process.argv[2] as Engine;
const name = process.argv[3]!;
console.log(JSON.stringify([await runSample(engine, name), await runSample(engine, name)]));
