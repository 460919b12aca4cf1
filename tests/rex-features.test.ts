/** docs/rex-support.md follows from the table. UPDATE_DOCS=1 writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rexFeatures, rexSupportPage } from '../command/rex-features.ts';

const page = new URL('../docs/rex-support.md', import.meta.url);

test('docs/rex-support.md is what the table prints (else: UPDATE_DOCS=1 npx tsx tests/run-file.ts tests/rex-features.test.ts)', () => {
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(page, rexSupportPage());
  assert.is(readFileSync(page, 'utf8'), rexSupportPage());
});

test('what does not simply work has a note', () => {
  for (const { features } of rexFeatures) {
    for (const { what, support, note } of features) assert.ok(support === 'works' || note !== '', what);
  }
});

test.run();
