/** `run-sample --support programs`: the programs of the samples and their stack bounds, from images and manifests. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { samplePrograms } from '../command/programs.ts';
import { supportTables } from '../command/support.ts';
import { constants } from '../kernel/layout/constants.ts';
import { readRexObject } from '../kernel/rex-dispatcher/rex-object.ts';
import { readManifest } from '../toolchain/build/manifest.ts';
import { repositoryRoot } from '../toolchain/build/repository.ts';

const rows = samplePrograms();
const rowOf = (sample: string, program: string) =>
  rows.find((row) => row.sample === sample && row.program === program)!;

test('a program with a static bound, one with checks, one of each hook', () => {
  const injector = rowOf('error_injector', 'err_injector');
  assert.is(injector.section, 'kprobe');
  assert.is(injector.type, 'kprobe');
  assert.match(injector.stack, /^static \d+ bytes$/);
  assert.match(rowOf('recursive', 'rex_prog1').stack, /^run-time checks: recursive::calculate_recursive is recursive;/);
  assert.is(rowOf('xdp_test', 'xdp_rx_filter').type, 'xdp');
  assert.is(rowOf('xdp_test', 'xdp_tx_filter').type, 'sched_cls');
  assert.is(rowOf('hello', 'rex_prog1').section, 'tracepoint/syscalls/sys_enter_dup');
  assert.is(rowOf('trace_event', 'rex_prog1').type, 'perf_event');
});

test('every program of every image has a bound, and every bound a program', async () => {
  const limit = Number(constants.REX_STACK_LIMIT);
  for (const sample of new Set(rows.map((row) => row.sample))) {
    const mine = rows.filter((row) => row.sample === sample);
    const { rust } = (await readManifest(repositoryRoot, sample)) as { rust?: { stack?: Record<string, string> } };
    assert.equal(mine.map(({ program }) => program).sort(), Object.keys(rust?.stack ?? {}).sort(), sample);
    for (const { program, stack } of mine) {
      const bytes = /^static (\d+) bytes$/.exec(stack)?.[1];
      assert.ok(
        bytes === undefined ? /^run-time checks: ./.test(stack) : Number(bytes) <= limit,
        `${sample} ${program}: ${stack}`,
      );
    }
  }
});

test('images that call through pointers or recurse import what their checks need', () => {
  for (const { sample, stack } of rows) {
    if (!stack.startsWith('run-time')) continue;
    const image = readFileSync(new URL(`../samples/${sample}/${sample}.rex`, import.meta.url));
    const imports = readRexObject(new Uint8Array(image)).imports.map(({ name }) => name);
    assert.ok(imports.includes('rex_stack_ptr'), sample);
  }
});

test('the table', () => {
  const text = supportTables('programs');
  assert.match(
    text,
    /^programs of the samples, and what bounds their stacks:\n {2}sample +program +section +type +stack\n/,
  );
  assert.match(text, /^ {2}error_injector +err_injector +kprobe +kprobe +static \d+ bytes$/m);
  assert.is(text.split('\n').length, rows.length + 3);
});

test.run();
