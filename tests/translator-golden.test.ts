/** Every case of golden/cpu-*.txt as translated code: as on the processor it was recorded on, and as interpreted. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readdirSync, readFileSync } from 'node:fs';
import { outcomeText, parseCase, parseGoldenLine, type Case } from './native/state.ts';
import { createCasePair, explainCase } from './support/translated-cases.ts';

const FILE = 'tests/translator-golden.test.ts';
/** of so many cases one */
const STEP = process.env['TEST_TIER'] === 'slow' ? 1 : Number(process.env['STEP'] ?? 24);
const SHOWN = 10;
const folder = new URL('golden/', import.meta.url);
const pair = createCasePair();
const compare = (one: Case): string[] => pair.compare(one);

const single = process.env['CASE'];
if (single !== undefined) test(single, () => assert.equal(pair.compare(parseCase(single)), []));
else {
  for (const name of readdirSync(folder).filter((file) => /^cpu-.*\.txt$/.test(file))) {
    const lines = readFileSync(new URL(name, folder), 'utf8')
      .trimEnd()
      .split('\n')
      .filter((_, n) => n % STEP === 0);
    test(`${name}: ${lines.length} cases`, () => {
      const failures: string[] = [];
      for (const line of lines) {
        const golden = parseGoldenLine(line);
        const found = pair.compare(golden.test);
        const got = outcomeText(golden.test, pair.outcome(golden.test), golden.undefinedFlags);
        if (found.length > 0) failures.push(explainCase(FILE, golden.test, compare));
        else if (got !== golden.outcome) failures.push(`got ${got}\n  real ${golden.outcome}`);
      }
      assert.is(failures.length, 0, `${failures.length} differ\n${failures.slice(0, SHOWN).join('\n')}`);
    });
  }
  test('most of them have been translated', () => {
    assert.ok(pair.engine.stats!.translations > 1000, `${pair.engine.stats!.translations} translations`);
  });
}

test.run();
