/** Boxes with a sample's files in them. */
import { readSample, sampleArguments } from '../../command/samples.ts';
import { Box, type BoxOptions, type Process } from '../../index.ts';

export interface SampleBox {
  readonly box: Box;
  readonly process: Process;
}

/** `name` ready to run, with its default arguments or `args` in their places. */
export async function bootSample(
  name: string,
  args: readonly string[] = [],
  options: BoxOptions = {},
): Promise<SampleBox> {
  const { sample, files } = readSample(name);
  const box = await Box.boot(options);
  for (const [path, bytes] of files) box.files.write(path, bytes);
  return { box, process: box.spawn(sample.command[0]!, sampleArguments(sample, args)) };
}
