import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileRustSamples, rustInputs, type CompiledSample } from '../toolchain/build/build-rust.ts';
import { rustcVersion } from '../toolchain/build/cargo.ts';
import { readManifest } from '../toolchain/build/manifest.ts';
import { hashFiles, repositoryRoot, sha256 } from '../toolchain/build/repository.ts';

const samples = readdirSync(join(repositoryRoot, 'samples')).filter((name) =>
  existsSync(join(repositoryRoot, 'samples', name, 'Cargo.toml')),
);
const installed = await rustcVersion(repositoryRoot);

const manifests = new Map(
  await Promise.all(samples.map(async (name) => [name, (await readManifest(repositoryRoot, name)).rust] as const)),
);
const rebuildable = samples.filter((name) => installed !== undefined && manifests.get(name)?.compiler === installed);
let rebuilt: Promise<CompiledSample[]> | undefined;

for (const name of samples) {
  const rust = manifests.get(name);

  test(`${name}: the image follows from the sources beside it (else: npm run build:samples ${name})`, async () => {
    assert.ok(rust, 'the manifest has no Rust part');
    assert.equal(await hashFiles(repositoryRoot, await rustInputs(name)), rust.inputs);
    for (const [path, hash] of Object.entries(rust.outputs)) {
      assert.is(sha256(readFileSync(join(repositoryRoot, path))), hash, path);
    }
  });

  if (!rebuildable.includes(name)) {
    process.stdout.write(`${name}: skipped: no rustc ${rust?.compiler.split(' ')[1] ?? ''}\n`);
    continue;
  }
  test(`${name}: a rebuild gives the same bytes`, async () => {
    rebuilt ??= compileRustSamples(rebuildable);
    const { path, bytes } = (await rebuilt).find((sample) => sample.name === name)!;
    assert.is(sha256(bytes), sha256(readFileSync(join(repositoryRoot, path))));
  });
}

test('error_injector is the program of the Rex README', () => {
  const source = readFileSync(join(repositoryRoot, 'samples/error_injector/main.rs'));
  assert.is(sha256(source), 'f7f83aa4a5edde6f70316491e1ba7482bb01c10747d1d9ac4dd583dec2c39b9b');
});

test.run();
