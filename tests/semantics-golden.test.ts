/** What golden/cpu-*.txt recorded on a real processor, on ours. */
import { test } from 'uvu';
import { readdirSync, readFileSync } from 'node:fs';
import { disassembly } from './native/disassemble.ts';
import { padded } from './native/differential.ts';
import { runOnOurCpu } from './native/our-cpu.ts';
import { caseText, outcomeText, parseGoldenLine } from './native/state.ts';

const folder = new URL('golden/', import.meta.url);

for (const name of readdirSync(folder).filter((file) => /^cpu-.*\.txt$/.test(file))) {
  const lines = readFileSync(new URL(name, folder), 'utf8').trimEnd().split('\n');
  test(`${name}: ${lines.length} cases end as on the processor they were recorded on`, () => {
    const failures: string[] = [];
    for (const line of lines) {
      const { test: golden, undefinedFlags, outcome } = parseGoldenLine(line);
      const got = outcomeText(golden, runOnOurCpu(golden), undefinedFlags);
      if (got === outcome) continue;
      failures.push(
        `${disassembly(padded(golden.code))}\n  ours ${got}\n  real ${outcome}\n  CASE='${caseText(golden)}' npx tsx tests/native.test.ts`,
      );
    }
    if (failures.length > 0) throw new Error(`${failures.length} differ\n${failures.slice(0, 10).join('\n')}`);
  });
}

test.run();
