/**
 * Runs tests/**\/*.test.ts: `tsx tests/run.ts [part of a file's name] …`. uvu's own runner takes some failures for success
 * (a hook that throws, a suite that is never run, no file at all); this one wants every test passed or skipped, and at least one, in every file.
 * Files are spread over processes; the child side is tests/run-file.ts.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

const slow = process.env['TEST_TIER'] === 'slow';
/** for one file, ms: something hangs */
const PATIENCE = (slow ? 60 : 5) * 60 * 1000;
/** of every property that has none of its own */
const seed = Number(process.env['FC_SEED'] ?? randomInt(2 ** 31));

interface FileResult {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly output: string;
  readonly seconds: number;
}

const size = (file: string): number => statSync(join(root, file)).size;

/** The largest first: they tend to take longest, and the end should not wait for one. */
function testFiles(filters: readonly string[]): string[] {
  return readdirSync(new URL('.', import.meta.url), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `tests/${file}`)
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort((left, right) => size(right) - size(left));
}

/** The child's last line says how many; without it everything the file has counts as one failure. */
function resultOf(file: string, output: string, code: number | null, seconds: number): FileResult {
  const found = /\n@ (\d+) (\d+) (\d+)\n$/.exec(output);
  if (found === null) {
    const text = `${output}\n${file} ended (${code ?? 'killed'}) before its tests did\n`;
    return { file, passed: 0, failed: 1, skipped: 0, output: text, seconds };
  }
  const [passed, total, skipped] = found.slice(1).map(Number) as [number, number, number];
  // a failing hook fails no test, but the process
  const failed = Math.max(total - passed, code === 0 && total + skipped > 0 ? 0 : 1);
  return { file, passed, failed, skipped, output: output.slice(0, found.index + 1), seconds };
}

function runFile(file: string): Promise<FileResult> {
  const start = performance.now();
  const child = spawn(process.execPath, ['--import', 'tsx', 'tests/run-file.ts', file], {
    cwd: root,
    env: { ...process.env, FC_SEED: `${seed}` },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE,
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve(resultOf(file, Buffer.concat(chunks).toString(), code, (performance.now() - start) / 1000));
    });
  });
}

function report({ file, passed, failed, output, seconds }: FileResult): void {
  const mark = failed === 0 ? 'ok  ' : 'FAIL';
  console.log(`${mark} ${file}  ${passed}/${passed + failed}  ${seconds.toFixed(1)} s`);
  if (failed === 0) return;
  console.log(output);
  const tier = process.env['TEST_TIER'] === undefined ? '' : `TEST_TIER=${process.env['TEST_TIER']} `;
  console.log(`to replay: ${tier}FC_SEED=${seed} npx tsx tests/run.ts ${file}\n`);
}

/** As many at a time as there are processors; reported as they end. */
async function runAll(files: readonly string[]): Promise<FileResult[]> {
  const waiting = [...files];
  const results: FileResult[] = [];
  const worker = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      // one after the other is the point: each worker is one process at a time
      // oxlint-disable-next-line no-await-in-loop
      const result = await runFile(file);
      report(result);
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), files.length) }, worker));
  return results;
}

const filters = process.argv.slice(2);
const start = performance.now();
const results = await runAll(testFiles(filters));
const sum = (of: (result: FileResult) => number): number => results.reduce((total, result) => total + of(result), 0);
const [passed, failed, skipped] = [sum((r) => r.passed), sum((r) => r.failed), sum((r) => r.skipped)];
const bad = results.filter((result) => result.failed > 0);
if (results.length === 0)
  console.log(`no test file has ${filters.map((f) => JSON.stringify(f)).join(' or ')} in its name`);
if (bad.length > 0) console.log(`failing: ${bad.map(({ file }) => file).join(' ')}`);
console.log(`${results.length} files, ${((performance.now() - start) / 1000).toFixed(1)} s, ${skipped} skipped`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
