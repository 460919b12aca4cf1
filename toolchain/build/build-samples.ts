/** `npm run build:samples [NAME…]`: builds the images that are checked in beside the samples' sources. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildCSample } from './build-c.ts';
import { buildRustSample } from './build-rust.ts';
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
  for (const name of await sampleNames(requested)) {
    const files = await readdir(join(repositoryRoot, 'samples', name));
    const images = files.includes('Cargo.toml') ? [await buildRustSample(name)] : [];
    const programs = files.some((file) => file.endsWith('.c')) ? await buildCSample(name) : [];
    for (const { path, bytes } of [...images, ...programs]) process.stdout.write(`${path} ${bytes.length} bytes\n`);
  }
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof Error)) throw error;
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 1;
});
