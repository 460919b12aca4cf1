// What bench/rex-path.ts runs follows from its sources.
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compileCalls, compileEvents } from '../bench/rex/build.ts';
import type { BuiltFile } from '../toolchain/build/build-c.ts';
import { rustcVersion } from '../toolchain/build/cargo.ts';
import { readManifest } from '../toolchain/build/manifest.ts';
import { repositoryRoot } from '../toolchain/build/repository.ts';
import { readRepositoryFile } from './support/user-machine.ts';

const { c, rust } = await readManifest(repositoryRoot, 'hello');

function assertBuilt({ path, bytes }: BuiltFile): void {
  assert.is(Buffer.compare(bytes, readRepositoryFile(path)), 0, `${path} (else: npx tsx bench/rex/build.ts)`);
}

const compiler = spawnSync('musl-gcc', ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0];
if (`${compiler}\n` === c?.compiler) {
  test('calls follows from calls.c', async () => assertBuilt(await compileCalls()));
} else {
  process.stdout.write('bench-programs: calls skipped: no musl-gcc, or another one\n');
}

const rustc = await rustcVersion(repositoryRoot);
if (process.env['TEST_TIER'] === 'slow' && rustc !== undefined && rustc === rust?.compiler) {
  test('events.rex follows from events.rs', async () => assertBuilt(await compileEvents()));
}

test.run();
