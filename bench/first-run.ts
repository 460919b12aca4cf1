/** `first-run.ts ENGINE SAMPLE`: runs the sample in a fresh box, twice in this process; prints two SampleRuns as JSON. */
import { Box } from '../index.ts';
import { readSample, sampleArguments } from '../command/samples.ts';
import { boxOptions, type Engine } from './engine.ts';

export interface SampleRun {
  /** ms */
  readonly boot: number;
  /** ms */
  readonly run: number;
  readonly instructions: number;
}

async function runSample(engine: Engine, name: string): Promise<SampleRun> {
  const { sample, files } = readSample(name);
  const start = performance.now();
  const box = await Box.boot(boxOptions(engine));
  const booted = performance.now();
  for (const [path, bytes] of files) box.files.write(path, bytes);
  box.run({ until: box.spawn(sample.command[0]!, sampleArguments(sample, [])) });
  return { boot: booted - start, run: performance.now() - booted, instructions: box.instructions };
}

const engine = process.argv[2] as Engine;
const name = process.argv[3]!;
console.log(JSON.stringify([await runSample(engine, name), await runSample(engine, name)]));
