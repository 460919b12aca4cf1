/** `npm run build:samples [NAME…]`: builds the images that are checked in beside the samples' sources. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildRustSample, type BuiltImage } from './build-rust.ts';
import { BuildError } from './error.ts';
import { repositoryRoot } from './repository.ts';

type Build = (name: string) => Promise<BuiltImage | readonly BuiltImage[]>;

async function loadCBuild(): Promise<Build | undefined> {
  const path = join(repositoryRoot, 'toolchain/build/build-c.ts');
  if (!existsSync(path)) return undefined;
  const module = (await import(pathToFileURL(path).href)) as { readonly buildCSample: Build };
  return module.buildCSample;
}

async function sampleNames(requested: readonly string[]): Promise<string[]> {
  const entries = await readdir(join(repositoryRoot, 'samples'), { withFileTypes: true });
  const known = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const unknown = requested.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new BuildError(`no sample ${unknown.join(', ')}, expected one of ${known.join(', ')}`);
  return requested.length > 0 ? [...requested] : known.sort();
}

async function main(requested: readonly string[]): Promise<void> {
  const buildCSample = await loadCBuild();
  for (const name of await sampleNames(requested)) {
    const hasRust = existsSync(join(repositoryRoot, 'samples', name, 'Cargo.toml'));
    const builds = [hasRust ? buildRustSample : undefined, buildCSample].filter((build) => build !== undefined);
    for (const build of builds) {
      for (const image of [await build(name)].flat())
        process.stdout.write(`${image.path} ${image.bytes.length} bytes\n`);
    }
  }
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof Error)) throw error;
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 1;
});
