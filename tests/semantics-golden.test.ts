import { test } from 'uvu';
import { readFileSync } from 'node:fs';
import { disassembly } from './native/disassemble.ts';
import { padded } from './native/differential.ts';
import { runOnOurCpu } from './native/our-cpu.ts';
import { outcomeText, parseCase } from './native/state.ts';

const lines = readFileSync(new URL('golden/cpu.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n');

test(`${lines.length} cases end as on the processor they were recorded on`, () => {
  const failures: string[] = [];
  for (const line of lines) {
    const [text, mask, expected] = line.split(' | ');
    const golden = parseCase(text!);
    const got = outcomeText(golden, runOnOurCpu(golden), BigInt(`0x${mask}`));
    if (got === expected) continue;
    failures.push(
      `${disassembly(padded(golden.code))}\n  ours ${got}\n  real ${expected}\n  CASE='${text}' npx tsx tests/native.test.ts`,
    );
  }
  if (failures.length > 0) throw new Error(`${failures.length} differ\n${failures.slice(0, 10).join('\n')}`);
});

test.run();
