/**
 * `npx tsx tests/programs/loaders/build.ts`: builds *.c here with librex, and ../rust/streams.rs, into bin/. Where there is
 * no rustc streams.rex stays as it is.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLoaders, writeProgram, type BuiltFile } from '../../../toolchain/build/build-c.ts';
import { compileRustSamples } from '../../../toolchain/build/build-rust.ts';
import { rustcVersion } from '../../../toolchain/build/cargo.ts';
import { repositoryRoot } from '../../../toolchain/build/repository.ts';
import { createRustWorkspace, removeRustWorkspace } from '../../support/rust-workspace.ts';

const folder = 'tests/programs/loaders';

/** Every loader, compiled and linked. Throws `CBuildError`. */
export async function compileLoaders(): Promise<BuiltFile[]> {
  const names = (await readdir(join(repositoryRoot, folder))).filter((name) => name.endsWith('.c')).sort();
  return buildLoaders(names.map((name) => `${folder}/${name}`));
}

/** The extension that they load. Throws `BuildError`. */
export async function compileStreams(): Promise<BuiltFile> {
  const source = await readFile(join(repositoryRoot, 'tests/programs/rust/streams.rs'), 'utf8');
  const workspace = await createRustWorkspace(new Map([['streams', source]]));
  try {
    const { root, targetDirectory } = workspace;
    const [streams] = await compileRustSamples(['streams'], root, { targetDirectory });
    return { path: `${folder}/bin/streams.rex`, bytes: streams!.bytes };
  } finally {
    await removeRustWorkspace(workspace);
  }
}

async function main(): Promise<void> {
  await mkdir(join(repositoryRoot, folder, 'bin'), { recursive: true });
  for (const file of await compileLoaders()) await writeProgram(file);
  if ((await rustcVersion(repositoryRoot)) === undefined) return;
  const { path, bytes } = await compileStreams();
  await writeFile(join(repositoryRoot, path), bytes);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
