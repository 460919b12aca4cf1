/** `npx tsx toolchain/build/build-programs.ts`: builds tests/programs/*.c into tests/programs/bin. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProgram, writeProgram, type BuiltFile } from './build-c.ts';
import { repositoryRoot } from './repository.ts';

const folder = 'tests/programs';
/** programs with a `_start` of their own */
const freestanding: ReadonlySet<string> = new Set(['freestanding.c']);

/** Every test program, compiled, writing nothing into the repository. Throws `CBuildError`. */
export async function compilePrograms(root: string = repositoryRoot): Promise<BuiltFile[]> {
  const names = (await readdir(join(root, folder))).filter((name) => name.endsWith('.c')).sort();
  const build = (name: string) => buildProgram(`${folder}/${name}`, { root, freestanding: freestanding.has(name) });
  return Promise.all(names.map(build));
}

async function main(): Promise<void> {
  await mkdir(join(repositoryRoot, folder, 'bin'), { recursive: true });
  for (const file of await compilePrograms()) {
    await writeProgram(file);
    process.stdout.write(`${file.path} ${file.bytes.length} bytes\n`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
