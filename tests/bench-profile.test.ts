/** What bench/sampled-profile.ts makes of V8's samples. */
import type { Profiler } from 'node:inspector';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { kinds, readProfiles, type TimeKind } from '../bench/sampled-profile.ts';

const ROOT = 'file:///house/';

/** `parent/child` lines of a call tree: the last part's name and URL, and how often it was sampled, one after the other. */
type Row = readonly [id: number, parent: number, name: string, url: string];

function profileOf(rows: readonly Row[], samples: readonly number[]): Profiler.Profile {
  const nodes = rows.map(([id, , functionName, url]) => ({
    id,
    callFrame: { functionName, url, scriptId: '0', lineNumber: 6, columnNumber: 0 },
    children: rows.filter(([, parent]) => parent === id).map(([child]) => child),
  }));
  return { nodes, samples: [...samples], startTime: 0, endTime: 1 };
}

const read = (rows: readonly Row[], samples: readonly number[]) =>
  readProfiles([profileOf(rows, samples)], { root: ROOT, within: 'slice', placeOf: ({ url }) => `${url}!` });

const TREE: readonly Row[] = [
  [1, 0, '(root)', ''],
  [2, 1, 'main', `${ROOT}bench/main.ts`],
  [3, 2, 'slice', `${ROOT}bench/main.ts`],
  [4, 3, 'run', `${ROOT}cpu/translator/translator.ts`],
  [5, 4, 'wasm-function[0]', 'wasm://wasm/1'],
  [6, 5, 'wasm-function[5]', 'wasm://wasm/2'],
  [7, 6, 'wasm-to-js:ii:i', 'wasm://wasm/2'],
  [8, 7, 'burst', `${ROOT}cpu/interpreter.ts`],
  [9, 8, 'getpid', `${ROOT}kernel/syscalls/process.ts`],
  [10, 8, '', `${ROOT}kernel/host.ts`],
  [11, 10, 'set', ''],
  [12, 1, '(garbage collector)', ''],
  [13, 1, '(program)', ''],
  [14, 1, '(idle)', ''],
  [15, 1, 'post', 'node:inspector'],
  [16, 3, 'elsewhere', 'file:///other/cpu/x.ts'],
];

test('samples count for the kind of code that was executed', () => {
  const expected: readonly (readonly [node: number, kind: TimeKind])[] = [
    [4, 'translator'],
    [5, 'core'],
    [6, 'translated code'],
    [7, 'crossing'],
    [8, 'interpreter'],
    [9, 'kernel'],
    [11, 'kernel'],
    [12, 'garbage collection'],
    [13, 'program'],
    [16, 'elsewhere'],
  ];
  for (const [node, kind] of expected) {
    const { samples, byKind } = read(TREE, [3, node, 3]);
    const elsewhere = kind === 'elsewhere' ? 3 : 2;
    assert.is(samples, 3);
    assert.is(byKind[kind], kind === 'elsewhere' ? elsewhere : 1, `node ${node}`);
    assert.is(byKind.elsewhere, elsewhere);
    assert.is(
      kinds.reduce((sum, each) => sum + byKind[each], 0),
      samples,
    );
  }
});

test('what is sampled outside of the slice counts for nothing, nor does idleness', () => {
  const { samples, byKind } = read(TREE, [15, 12, 13, 6, 14, 12, 6, 13, 12, 15]);
  assert.is(samples, 3);
  assert.is(byKind['translated code'], 2);
  assert.is(byKind['garbage collection'], 1);
  assert.is(read(TREE, [15, 2, 12]).samples, 0);
});

test('functions of the kernel are named, hottest first, built-in ones as who calls them', () => {
  const { kernelFunctions } = read(TREE, [9, 10, 11, 6]);
  assert.equal(kernelFunctions, [
    { name: `${ROOT}kernel/host.ts!`, samples: 2 },
    { name: 'getpid', samples: 1 },
  ]);
});

test.run();
