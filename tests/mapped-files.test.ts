// Files that are mapped and executed, as the box's host, its debugger and its past see them.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { contentOf } from '../debugger/source/file-content.ts';
import { createRegions, createSources } from '../debugger/source/index.ts';
import { Box, BoxError } from '../index.ts';
import { resolve } from '../kernel/fs/paths.ts';
import { readElf } from '../toolchain/elf/index.ts';
import { stateDifferences, stateOf } from './support/box-state.ts';
import { catSource, exit, tinyProgram } from './support/tiny-program.ts';
import { readRepositoryFile } from './support/user-machine.ts';

const MEMORY = 16 << 20;
const mappings = readRepositoryFile('tests/programs/bin/mappings');

async function bootMappings() {
  const box = await Box.boot({ memory: MEMORY });
  box.files.write('/mappings', mappings);
  return { box, process: box.spawn('/mappings') };
}

for (const engine of ['interpreter', 'translator'] as const) {
  test(`saved, loaded, put back and gone back to in the middle: ${engine}`, async () => {
    const { box, process } = await bootMappings();
    for (const part of [60_000, 190_000]) {
      box.run({ budget: part });
      const [mark, state, at] = [box.snapshot(), stateOf(box), box.instructions];
      const loaded = await Box.load(box.save(), { engine });
      assert.equal(stateDifferences(state, stateOf(loaded)), []);
      const results = [box, loaded].map((each) => each.run({ until: process }));
      assert.equal(results[1], results[0]);
      assert.match(results[0]!.stdout.text, /ok \d+ checks\n$/);
      assert.is(results[0]!.stderr.text, '');
      assert.equal(stateDifferences(stateOf(box), stateOf(loaded)), []);
      box.restore(mark);
      assert.equal(stateDifferences(state, stateOf(box)), [], 'put back');
      box.startHistory();
      box.run({ until: process });
      box.goTo(at);
      assert.equal(stateDifferences(state, stateOf(box)), [], 'gone back to');
      box.stopHistory();
    }
  });
}

test('the host replaces a program that runs, and what runs goes on', async () => {
  const box = await Box.boot({ memory: MEMORY });
  box.files.write('/bin/x', tinyProgram(catSource()));
  let waits = true;
  const input = (): Uint8Array | undefined => {
    if (!waits) return undefined;
    waits = false;
    box.files.write('/bin/x', tinyProgram(exit(3)));
    return new TextEncoder().encode('typed');
  };
  const first = box.spawn('/bin/x', [], { stdin: input });
  const result = box.run({ until: first });
  assert.is(result.stdout.text, 'typed');
  assert.is(result.exitCode, 7);
  assert.is(box.run({ until: box.spawn('/bin/x') }).exitCode, 3);
  // the file that ran is gone with what ran from it
  const regular = [...box.kernel.fileSystem.inodes.values()].filter(({ type }) => type === 'regular');
  assert.is(regular.length, 1);
});

test('a file that does not fit is refused with what to do', async () => {
  const box = await Box.boot({ memory: MEMORY });
  const before = stateOf(box);
  let error: unknown;
  try {
    box.files.write('/large', new Uint8Array(MEMORY));
  } catch (thrown) {
    error = thrown;
  }
  assert.instance(error, BoxError);
  assert.is((error as BoxError).code, 'ENOSPC');
  assert.match(
    (error as BoxError).message,
    /^write \/large: ENOSPC \(.*\): got 16\.0 MiB, and the box has 1\d\.\d MiB free of 16\.0 MiB; boot it with a larger memory$/,
  );
  assert.equal(stateDifferences(before, stateOf(box)), []);
});

test('what lies in the zeroed memory of a program is named by its file', async () => {
  const { box, process } = await bootMappings();
  box.run({ budget: 30_000 });
  const task = box.kernel.tasks.get(process.pid)!;
  const regions = createRegions(box, createSources(box));
  const { symbols } = readElf(mappings);
  const named = (name: string): bigint => symbols.find((symbol) => symbol.name === name)!.value;
  assert.is(regions.at(named('folder'), task), '.data of /mappings: folder');
  // as far as pages behind those of the file; linkers give the start of .bss a symbol
  for (const address of [named('failures') + 1n, named('bytes.0') + 0xf000n]) {
    assert.is(regions.at(address, task), `__bss_start+0x${(address - named('__bss_start')).toString(16)}`);
  }
  assert.is(regions.at(named('_end') + 0x10_0000n, task), '');
});

test('the content of a file is read again when it has changed, or is again what it was', async () => {
  const box = await Box.boot({ memory: MEMORY });
  box.files.write('/x', 'one');
  const { id } = resolve(box.kernel, '/x').inode!;
  const text = (): string => Buffer.from(contentOf(box.kernel, id)).toString();
  const first = contentOf(box.kernel, id);
  assert.is(contentOf(box.kernel, id), first);
  const mark = box.snapshot();
  box.files.write('/x', 'two');
  assert.is(text(), 'two');
  box.restore(mark);
  assert.is(text(), 'one');
  box.files.write('/x', 'six');
  assert.is(text(), 'six');
});

test.run();
