/** Rust sources -> a linked program -> entry insertion -> `samples/NAME/NAME.rex`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { insertEntries } from '../entry-insertion/index.ts';
import { makeStackSafe, stackLines } from '../stack-safety/index.ts';
import { cargoBuild, cargoClippy, rustcVersion, type CargoOptions } from './cargo.ts';
import { checkImage, declaredKernelSymbols } from './check-image.ts';
import { BuildError } from './error.ts';
import { writeManifestPart, type ManifestPart } from './manifest.ts';
import { filesBelow, hashFiles, repositoryRoot, sha256 } from './repository.ts';

export interface BuiltImage {
  /** from the repository's root */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export type CompiledSample = BuiltImage & { readonly name: string; readonly manifest: ManifestPart };

const workspaceFiles = ['Cargo.lock', 'Cargo.toml', '.cargo/config.toml'];

/** Paths of every file a sample's Rust image follows from, below `root`. */
export async function rustInputs(name: string, root: string = repositoryRoot): Promise<string[]> {
  const crates = await filesBelow(root, 'toolchain/rust');
  const sample = await filesBelow(root, `samples/${name}`);
  const sources = [...crates, ...sample].filter((path) => /\/Cargo\.toml$|\.rs$/.test(path));
  return [...workspaceFiles, ...sources];
}

/** Throws `BuildError` when a sample does not stand under the workspace's lints, or breaks one. */
export async function lintRustSamples(
  names: readonly string[],
  root: string = repositoryRoot,
  options: CargoOptions = {},
): Promise<void> {
  for (const name of names) {
    const manifest = await readFile(join(root, 'samples', name, 'Cargo.toml'), 'utf8');
    if (/^\[lints\]\s*^workspace = true$/m.test(manifest)) continue;
    throw new BuildError(`samples/${name}/Cargo.toml: expected "[lints] workspace = true", which forbids unsafe code`);
  }
  await cargoClippy(root, names, options);
}

/**
 * Compiles samples, inserts their entries, bounds their stacks and checks the images, writing nothing into the repository.
 * Throws `BuildError`, or what entry insertion and stack safety throw.
 */
export async function compileRustSamples(
  names: readonly string[],
  root: string = repositoryRoot,
  options: CargoOptions = {},
): Promise<CompiledSample[]> {
  const compiler = await rustcVersion(root);
  if (compiler === undefined) {
    throw new BuildError(`${names.join(', ')}: found no rustc, expected a stable toolchain on the PATH`);
  }
  const linked = await cargoBuild(root, names, options);
  const kernelSymbols = declaredKernelSymbols(await readFile(join(root, 'toolchain/rust/rex/src/ffi.rs'), 'utf8'));
  return Promise.all(
    names.map(async (name, index) => {
      const { bytes, reports } = makeStackSafe(insertEntries(linked[index]!));
      const imports = checkImage(name, bytes, kernelSymbols);
      const path = `samples/${name}/${name}.rex`;
      const inputs = await hashFiles(root, await rustInputs(name, root));
      const manifest = {
        compiler,
        inputs,
        outputs: { [path]: sha256(bytes) },
        kernelSymbols: imports,
        stack: stackLines(reports),
      };
      return { name, path, bytes, manifest };
    }),
  );
}

/** Builds `samples/NAME/NAME.rex` and the Rust part of its manifest, for each name. Throws as `compileRustSamples`. */
export async function buildRustSamples(names: readonly string[], root: string = repositoryRoot): Promise<BuiltImage[]> {
  if (names.length === 0) return [];
  await lintRustSamples(names, root);
  const samples = await compileRustSamples(names, root);
  for (const { name, path, bytes, manifest } of samples) {
    await writeFile(join(root, path), bytes);
    await writeManifestPart(root, name, 'rust', manifest);
  }
  return samples;
}
