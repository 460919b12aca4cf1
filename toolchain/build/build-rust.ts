/** Rust sources -> a linked program -> entry insertion -> `samples/NAME/NAME.rex`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { insertEntries } from '../entry-insertion/index.ts';
import { cargoBuild, rustcVersion } from './cargo.ts';
import { checkImage, declaredKernelSymbols } from './check-image.ts';
import { BuildError } from './error.ts';
import { writeManifestPart, type ManifestPart } from './manifest.ts';
import { filesBelow, hashFiles, repositoryRoot, sha256 } from './repository.ts';

export interface BuiltImage {
  /** from the repository's root */
  readonly path: string;
  readonly bytes: Uint8Array;
}

const workspaceFiles = ['Cargo.lock', 'Cargo.toml', '.cargo/config.toml'];

/** Paths of every file a sample's Rust image follows from, below `root`. */
export async function rustInputs(name: string, root: string = repositoryRoot): Promise<string[]> {
  const crates = await filesBelow(root, 'toolchain/rust');
  const sample = await filesBelow(root, `samples/${name}`);
  const sources = [...crates, ...sample].filter((path) => /\/Cargo\.toml$|\.rs$/.test(path));
  return [...workspaceFiles, ...sources];
}

/**
 * Compiles a sample, inserts its entries and checks the image, writing nothing into the repository.
 * Throws `BuildError`, or what entry insertion throws.
 */
export async function compileRustSample(
  name: string,
  root: string = repositoryRoot,
): Promise<BuiltImage & { readonly manifest: ManifestPart }> {
  const compiler = await rustcVersion(root);
  if (compiler === undefined) throw new BuildError(`${name}: found no rustc, expected a stable toolchain on the PATH`);
  const { bytes } = insertEntries(await cargoBuild(root, name));
  const ffi = await readFile(join(root, 'toolchain/rust/rex/src/ffi.rs'), 'utf8');
  const kernelSymbols = checkImage(name, bytes, declaredKernelSymbols(ffi));
  const path = `samples/${name}/${name}.rex`;
  const inputs = await hashFiles(root, await rustInputs(name, root));
  return { path, bytes, manifest: { compiler, inputs, outputs: { [path]: sha256(bytes) }, kernelSymbols } };
}

/** Builds `samples/NAME/NAME.rex` and the Rust part of its manifest. Throws as `compileRustSample`. */
export async function buildRustSample(name: string, root: string = repositoryRoot): Promise<BuiltImage> {
  const { path, bytes, manifest } = await compileRustSample(name, root);
  await writeFile(join(root, path), bytes);
  await writeManifestPart(root, name, 'rust', manifest);
  return { path, bytes };
}
