/** What a sample's run is held against. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { disagreements, endedAsExpected } from '../command/expectation.ts';
import { exitedStatus } from '../kernel/exit.ts';

const texts = { stdout: 'one\ntwo\ntwo\n', stderr: '', trace: '', log: 'rex: panicked' };

test('a text as often as it should be', () => {
  const expected = [
    { in: 'stdout', pattern: '^two$', count: 2 },
    { in: 'log', pattern: 'panicked' },
    { in: 'stderr', pattern: '.', count: 0 },
  ] as const;
  assert.equal(disagreements({ exitCode: 0, texts: expected }, texts), []);
});

test('each disagreement is named', () => {
  const expected = [
    { in: 'stdout', pattern: 'two', count: 1 },
    { in: 'trace', pattern: 'x' },
  ] as const;
  assert.equal(disagreements({ exitCode: 0, texts: expected }, texts), [
    'stdout: got /two/ 2 times, expected it once',
    'trace: got /x/ 0 times, expected it at least once',
  ]);
});

test('an exit code, or a signal', () => {
  const exited = { status: exitedStatus(0), exitCode: 0, signal: undefined, shellStatus: 0 };
  const killed = { status: 2, exitCode: undefined, signal: 'SIGINT', shellStatus: 130 };
  assert.ok(endedAsExpected({ exitCode: 0 }, exited));
  assert.not.ok(endedAsExpected({ exitCode: 0 }, killed));
  assert.ok(endedAsExpected({ signal: 'SIGINT' }, killed));
  assert.not.ok(endedAsExpected({ signal: 'SIGINT' }, exited));
  assert.not.ok(endedAsExpected({ exitCode: 0 }, undefined));
});

test.run();
