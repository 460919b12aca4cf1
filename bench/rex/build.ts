/** `npx tsx bench/rex/build.ts`: builds calls.c and, where there is a rustc, events.rs, into bin/. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProgram, writeProgram, type BuiltFile } from '../../toolchain/build/build-c.ts';
import { compileRustSamples } from '../../toolchain/build/build-rust.ts';
import { rustcVersion } from '../../toolchain/build/cargo.ts';
import { repositoryRoot } from '../../toolchain/build/repository.ts';
import { createRustWorkspace, removeRustWorkspace } from '../../tests/support/rust-workspace.ts';

const folder = 'bench/rex';

/** Throws `CBuildError`. */
export const compileCalls = (): Promise<BuiltFile> => buildProgram(`${folder}/calls.c`);

/** Throws `BuildError`. */
export async function compileEvents(): Promise<BuiltFile> {
  const source = await readFile(join(repositoryRoot, `${folder}/events.rs`), 'utf8');
  const workspace = await createRustWorkspace(new Map([['events', source]]));
  try {
    const { root, targetDirectory } = workspace;
    const [events] = await compileRustSamples(['events'], root, { targetDirectory });
    return { path: `${folder}/bin/events.rex`, bytes: events!.bytes };
  } finally {
    await removeRustWorkspace(workspace);
  }
}

async function main(): Promise<void> {
  await mkdir(join(repositoryRoot, folder, 'bin'), { recursive: true });
  await writeProgram(await compileCalls());
  if ((await rustcVersion(repositoryRoot)) === undefined) return;
  const { path, bytes } = await compileEvents();
  await writeFile(join(repositoryRoot, path), bytes);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
