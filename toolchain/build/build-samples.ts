/** `npm run build:samples [NAME…]`: builds the images that are checked in beside the samples' sources. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildCSample } from './build-c.ts';
import { buildRustSamples } from './build-rust.ts';
import { BuildError } from './error.ts';
import { repositoryRoot } from './repository.ts';

async function sampleNames(requested: readonly string[]): Promise<string[]> {
  const entries = await readdir(join(repositoryRoot, 'samples'), { withFileTypes: true });
  const known = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const unknown = requested.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new BuildError(`no sample ${unknown.join(', ')}, expected one of ${known.join(', ')}`);
  return requested.length > 0 ? [...requested] : known.sort();
}

async function main(requested: readonly string[]): Promise<void> {
  const samples = await Promise.all(
    (await sampleNames(requested)).map(async (name) => {
      const files = await readdir(join(repositoryRoot, 'samples', name));
      return { name, rust: files.includes('Cargo.toml'), c: files.some((file) => file.endsWith('.c')) };
    }),
  );
  const print = ({ path, bytes }: { readonly path: string; readonly bytes: Uint8Array }): void => {
    process.stdout.write(`${path} ${bytes.length} bytes\n`);
  };
  const rust = samples.filter((sample) => sample.rust).map(({ name }) => name);
  (await buildRustSamples(rust)).forEach(print);
  for (const { name } of samples.filter((sample) => sample.c)) (await buildCSample(name)).forEach(print);
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof Error)) throw error;
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 1;
});
