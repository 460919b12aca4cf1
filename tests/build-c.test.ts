import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildProgram, CBuildError, cInputs, compileCSample } from '../toolchain/build/build-c.ts';
import { compilePrograms } from '../toolchain/build/build-programs.ts';
import { readManifest } from '../toolchain/build/manifest.ts';
import { hashFiles, repositoryRoot, sha256 } from '../toolchain/build/repository.ts';

const samples = ['error_injector', 'panic'];
const installed = spawnSync('musl-gcc', ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0];

const checkedIn = (path: string): Uint8Array => readFileSync(join(repositoryRoot, path));

async function rejection(promise: Promise<unknown>): Promise<CBuildError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof CBuildError)) throw new Error(`expected a CBuildError, got ${String(error)}`);
  return error;
}

test('a missing compiler is an error that names it', async () => {
  const error = await rejection(buildProgram('tests/programs/hello.c', { compiler: 'no-such-gcc' }));
  assert.is(error.code, 'missing-compiler');
  assert.match(error.message, 'no-such-gcc not found');
});

test('a missing source is an error that names it', async () => {
  const error = await rejection(buildProgram('tests/programs/none.c'));
  assert.is(error.code, 'missing-source');
  assert.match(error.message, 'tests/programs/none.c');
});

for (const name of samples) {
  const { c } = await readManifest(repositoryRoot, name);

  test(`${name}: loader and userapp follow from the sources (else: npm run build:samples ${name})`, async () => {
    assert.ok(c, 'the manifest has no C part');
    assert.equal(await hashFiles(repositoryRoot, await cInputs(name)), c.inputs);
    for (const [path, hash] of Object.entries(c.outputs)) assert.is(sha256(checkedIn(path)), hash, path);
  });

  if (installed === undefined || `${installed}\n` !== c?.compiler) continue;
  test(`${name}: a rebuild gives the same bytes`, async () => {
    for (const { path, bytes } of (await compileCSample(name)).files) {
      assert.is(sha256(bytes), sha256(checkedIn(path)), path);
    }
  });
}

test('test programs are static executables with symbols', () => {
  for (const name of ['hello', 'freestanding', 'bpf-errors']) {
    const bytes = checkedIn(`tests/programs/bin/${name}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    assert.is(view.getUint32(0), 0x7f454c46);
    assert.is(view.getUint16(16, true), 2, 'ET_EXEC');
    assert.ok(Buffer.from(bytes).includes('.symtab'));
  }
});

const { c: reference } = await readManifest(repositoryRoot, samples[0]!);
if (installed !== undefined && `${installed}\n` === reference?.compiler) {
  test('test programs: a rebuild gives the same bytes (else: npx tsx toolchain/build/build-programs.ts)', async () => {
    for (const { path, bytes } of await compilePrograms()) {
      assert.is(sha256(bytes), sha256(checkedIn(path)), path);
    }
  });
}

test.run();
