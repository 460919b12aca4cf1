// Whatever numbers, addresses and descriptors a native function is given, it ends soon, throws nothing and takes no more memory of
// the host than the box may have.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 400 : 4));
const seed = Number(process.env['SEED'] ?? (slow ? randomInt(2 ** 30) : 1));
const child = fileURLToPath(new URL('support/hostile-child.ts', import.meta.url));
/** ms without a word: the call that was announced last does not end */
const SILENCE = 60_000;

test('every native function with hostile arguments', async () => {
  const run = spawn(process.execPath, ['--import', 'tsx', child, `${seed}`, `${RUNS}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [last, errors] = ['', ''];
  const watchdog = setTimeout(() => run.kill('SIGKILL'), SILENCE);
  run.stdout.on('data', (chunk: Buffer) => {
    watchdog.refresh();
    last = chunk.toString().trimEnd().split('\n').at(-1) ?? last;
  });
  run.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    run.on('close', (...end) => resolve(end));
  });
  clearTimeout(watchdog);
  const [name] = last.split(' ');
  const replay = `npx tsx tests/support/hostile-child.ts ${seed} ${RUNS} ${name}`;
  assert.equal([last, code, signal], ['done', 0, null], `${last}\n${errors}\n${replay}`);
});

test.run();
