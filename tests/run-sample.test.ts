/** The command as a person and a script meet it: where its process matters in one, else in this. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CommandError } from '../command/exit-codes.ts';
import { readJob } from '../command/job.ts';
import { readCommandLine } from '../command/options.ts';
import { supportTables } from '../command/support.ts';
import { engineNames } from '../index.ts';
import { runCommand, runCommandWith } from './support/command.ts';
import { catSource, exit, tinyProgram, unknownInstruction } from './support/tiny-program.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'run-sample-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const command = (...args: readonly string[]): string[] => ['--import', 'tsx', 'run-sample.ts', ...args];
/** a run that takes longer hangs, ms */
const PATIENCE = 120_000;

/** A process of its own. */
const spawned = (...args: readonly string[]) =>
  spawnSync(process.execPath, command(...args), { cwd: root, input: '', encoding: 'utf8', timeout: PATIENCE });

const run = runCommand;

/** The path of a new program of the host. */
function program(name: string, source: string): string {
  const path = join(folder, name);
  writeFileSync(path, tinyProgram(source));
  return path;
}

test('error_injector: what a person sees', () => {
  const { status, stdout, stderr } = spawned('error_injector');
  assert.is(status, 0);
  assert.is(stderr, 'dup: Invalid argument\n');
  assert.match(stdout, /^\[2 userapp\] dup\(0\) = -1 EINVAL \(Invalid argument\) \(INJECTED\)$/m);
  assert.match(stdout, /^\[3 userapp\] dup\(0\) = 3$/m);
  assert.match(stdout, /^\[1 loader\] bpf\(BPF_PROG_LOAD_REX, /m);
  assert.match(stdout, /^dup: success$/m);
  assert.match(stdout, /^\[ {4}0\.000000\]\[ {4}T0\] Linux version /m);
  assert.match(stdout, /^ok: \/loader exited with 0, as expected$/m);
  assert.match(
    stdout,
    /\n[\d,]+ instructions retired, 2 probe hits \(1 injected\), \d+ system calls of 3 processes, [\d.]+ s\n$/,
  );
  assert.not.match(stdout, '\u001b');
});

test('arguments take the places of the default ones', async () => {
  const { status, stdout, stderr } = await run('error_injector', 'getpid', '1', '--quiet');
  assert.equal([status, stdout, stderr], [0, 'getpid: success\n', 'getpid: Operation not permitted\n']);
  assert.is((await run('error_injector', 'open', '--quiet')).stderr, 'open: Invalid argument\n');
});

test('a sample that does not meet its expectation', async () => {
  const { status, stdout, stderr } = await run('error_injector', 'nonsense');
  assert.is(status, 1);
  assert.match(stdout, 'FAILED: /loader exited with 1, expected it to have exited with 0');
  assert.match(stderr, 'nonsense');
});

test('panic: the kernel goes on', async () => {
  const { status, stdout } = await run('panic', '--cpus', '2');
  assert.is(status, 0);
  assert.match(stdout, /rex/i);
});

test('the list, and a wrong name', async () => {
  const list = await run();
  assert.is(list.status, 2);
  assert.match(list.stderr, /^ {2}error_injector \[syscall\] \[errno\] +\S/m);
  const wrong = await run('eror_injector');
  assert.equal([wrong.status, wrong.stdout], [2, '']);
  assert.match(wrong.stderr, /no sample "eror_injector"; did you mean error_injector\?[^]*samples:/);
  assert.is((await run('error_injector', 'dup', 'abc')).status, 2, 'the sample says that its arguments are wrong');
});

// prettier-ignore
const wrongUsage: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [['--cpu', '2', 'error_injector'],     /unknown option --cpu; did you mean --cpus\?/],
  [['-q', 'error_injector'],             /unknown option -q/],
  [['--cpus', 'x', 'error_injector'],    /--cpus: got "x", expected a whole number from 1 to 64/],
  [['--cpus', '65', 'error_injector'],   /--cpus: got "65"/],
  [['error_injector', '--cpus'],         /--cpus: got "", expected/],
  [['--budget', '-5', 'error_injector'], /--budget: got "-5"/],
  [['--budget', '1e6', 'error_injector'], /--budget: got "1e6"/],
  [['--seed', '1.5', 'error_injector'],  /--seed: got "1\.5"/],
  [['--trace=1', 'error_injector'],      /--trace: takes no value/],
  [['--engine', 'jit', 'panic'],         /--engine: got "jit", expected interpreter or translator or both/],
  [['panic', '--engine'],                /--engine: got ""/],
  [['--stats=yes', 'panic'],             /--stats: takes no value/],
  [['--all', '--stats'],                 /--stats and --all exclude each other/],
  [['--explore', '3', '--profile', 'contention'], /--profile and --explore exclude each other/],
  [['--json', '--quiet', 'panic'],       /--json and --quiet exclude each other/],
  [['error_injector', 'dup', '22', 'x'], /got 3 arguments, expected at most 2: run-sample error_injector \[syscall\] \[errno\]/],
];

for (const [args, message] of wrongUsage) {
  test(`wrong usage: ${args.join(' ')}`, () => {
    const read = (): unknown => {
      const line = readCommandLine(args);
      return readJob(line.name ?? '', line);
    };
    assert.throws(
      read,
      (error: unknown) => error instanceof CommandError && error.exitCode === 2 && message.test(error.message),
    );
  });
}

test('wrong usage: --support helper', () => {
  assert.throws(() => supportTables('helper'), /--support: got "helper", expected .*; did you mean helpers\?/);
});

test('help and support go to standard output', async () => {
  const help = await run('--help');
  assert.is(help.status, 0);
  assert.match(help.stdout, /^ {2}--budget N /m);
  assert.match(help.stdout, /^ {2}42 +the instruction budget was used up$/m);
  const support = await run('--support');
  assert.is(support.status, 0);
  assert.match(support.stdout, /^ {2}32 +dup +full$/m);
  assert.match(support.stdout, /^ {2}bpf_map_lookup_elem /m);
  assert.match((await run('--support', 'instructions')).stdout, /^ {2}iretq? +\d+$/m);
});

test('a program of the host: its streams, its status, its arguments', async () => {
  const cat = program('cat', catSource());
  const binary = spawnSync(process.execPath, command(cat), { cwd: root, input: Buffer.from([0, 255, 10, 128]) });
  assert.equal([...binary.stdout], [0, 255, 10, 128]);
  const args = await run('./tests/programs/bin/args', '--trace', '--', '-x');
  assert.match(args.stdout, 'argv[0] = ./tests/programs/bin/args\nargv[1] = --trace\nargv[2] = --\nargv[3] = -x\n');
});

test('input is read only when the program asks for it', async () => {
  const quick = program('quick', exit(5));
  const child = spawn(process.execPath, command(quick), { cwd: root, stdio: ['pipe', 'ignore', 'ignore'] });
  const status = await new Promise((resolve) => child.on('close', resolve));
  assert.is(status, 5, 'with its standard input open and silent');
});

test('a program of the host that dies, hangs, or wants what there is not', async () => {
  const killed = await run(program('trap', '\tud2\n'));
  assert.is(killed.status, 132);
  assert.match(killed.stderr, /trap was killed by SIGILL; the kernel log says: .*invalid opcode/);
  const endless = await run('--budget', '100_000', program('endless', 'loop: jmp loop\n'));
  assert.is(endless.status, 42);
  assert.match(endless.stderr, 'used up its budget of 100,000 instructions');
  const waiting = await run(program('pause', '\tmov $34, %eax\n\tsyscall\n'));
  assert.is(waiting.status, 1);
  assert.match(waiting.stderr, 'waits for ever');
  const instruction = await run(program('avx', `\tnop\nwide:\n\tnop\n${unknownInstruction}`));
  assert.is(instruction.status, 132);
  assert.match(
    instruction.stderr,
    /instruction "vaddps .*" \(62 f1 7c 48 58 c2\) at 0x401002 \(wide\+0x1\) is not implemented: #UD/,
  );
  const call = await run(
    program('io_uring', `\tmov $425, %eax\n\tsyscall\n\tmov %eax, %edi\n\tmov $231, %eax\n\tsyscall\n`),
  );
  assert.is(call.status, 256 - 38);
  assert.match(call.stderr, 'system call 425 (io_uring_setup) is not implemented');
});

test('what cannot be loaded', async () => {
  // prettier-ignore
  const rows: readonly (readonly [path: string, message: RegExp])[] = [
    ['./nothing-here',  /cannot read \.\/nothing-here: ENOENT/],
    ['./tests',         /cannot read \.\/tests: EISDIR/],
    ['./package.json',  /cannot load \.\/package\.json: it is not an ELF program/],
    [process.execPath,  /dynamically linked .*link it with -static/],
  ];
  for (const [path, message] of rows) {
    assert.throws(
      () => readJob(path, readCommandLine([path])),
      (error: unknown) => error instanceof CommandError && error.exitCode === 3 && message.test(error.message),
    );
  }
  const { status, stderr } = await run('./package.json');
  assert.is(status, 3);
  assert.match(stderr, /^run-sample: cannot load .*\n$/);
});

test('--strace puts system calls on standard error', async () => {
  const { status, stdout, stderr } = await runCommandWith('hi', '--strace', program('cat', catSource()));
  assert.equal([status, stdout], [7, 'hi']);
  assert.match(stderr, /^\[1 cat\] read\(0, "hi", 4096\) = 2$/m);
  assert.match(stderr, /^\[1 cat\] \+\+\+ exited with 7 \+\+\+$/m);
});

test('--json is lines of JSON, the same each time', async () => {
  const first = await run('--json', 'error_injector');
  const lines = records(first.stdout);
  assert.ok(lines.every((record) => record['schema'] === 1));
  const injected = lines.find((record) => record['injected'] === true);
  assert.equal([injected?.['name'], injected?.['result'], injected?.['pid']], ['dup', '-22', 2]);
  assert.equal([lines.at(-1)?.['type'], lines.at(-1)?.['exitCode']], ['summary', 0]);
  assert.is(first.stderr, '');
  assert.is((await run('error_injector', '--json')).stdout, first.stdout);
});

const records = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('--engine: the same lines, whatever executes instructions', async () => {
  const [first, ...others] = await Promise.all(
    engineNames.map((engine) => run('--json', '--engine', engine, 'error_injector')),
  );
  assert.is(first!.status, 0);
  for (const { stdout } of others) assert.is(stdout, first!.stdout);
});

test('--stats: a table behind the run, before the verdict', async () => {
  const { status, stdout } = await run('--stats', 'error_injector');
  assert.is(status, 0);
  assert.match(
    stdout,
    /\n\nstats \(translator\):\n {2}instructions interpreted +[\d,]+ {2}[\d.]+ %\n {2}instructions in translated code +[\d,]+ {2}/,
  );
  assert.match(stdout, /^ {2}regions evicted +0 {2}to make room$/m);
  assert.match(stdout, /^ {2}TLB misses +[\d,]+\nok: \/loader exited with 0/m);
  const columns = /^stats [^]*?TLB misses.*$/m.exec(stdout)![0].split('\n').slice(1);
  const ends = columns.map((line) => /^.*?\d(?= {2}|$)/.exec(line)![0].length);
  assert.is(new Set(ends).size, 1, 'aligned');
});

test('--stats of a program of the host goes to standard error', async () => {
  const { status, stdout, stderr } = await run('--stats', '--engine', 'interpreter', program('five', exit(5)));
  assert.equal([status, stdout], [5, '']);
  assert.match(
    stderr,
    /^stats \(interpreter\):\n {2}instructions interpreted +[\d,]+ {2}100.0 %\n {2}instructions in translated code +0 {2}0.0 %\n {2}TLB misses +\d+\n$/,
  );
});

test('--stats --json: an event, without the time of the host', async () => {
  const [one, other] = await Promise.all([1, 2].map(() => run('--stats', '--json', 'error_injector')));
  assert.is(one!.stdout, other!.stdout);
  const stats = records(one!.stdout).at(-2)!;
  assert.is(stats['type'], 'stats');
  assert.is(stats['engine'], 'translator');
  const { interpreter, translator } = stats['instructions'] as Record<string, number>;
  assert.is(interpreter! + translator!, records(one!.stdout).at(-1)!['instructions']);
  assert.not.match(one!.stdout, 'compileTime');
});

test('--profile: symbols, which are the same in any engine, and regions', async () => {
  const [translated, interpreted] = await Promise.all(
    ['translator', 'interpreter'].map((engine) => run('--profile', '--engine', engine, 'error_injector')),
  );
  const symbols =
    /^profile: \d+ samples, one every 1,009 instructions of a processor:\n {3}share {2}instructions {2}space .*\n(( {2}.*\n)*)/m;
  const [, rows] = symbols.exec(translated!.stdout)!;
  assert.match(rows!, /^ +[\d.]+ % +[\d,]+ {2}user +\/loader +\w+$/m);
  assert.match(rows!, /^ +[\d.]+ % +[\d,]+ {2}kernel +- +\w+$/m);
  assert.is(symbols.exec(interpreted!.stdout)![1], rows);
  assert.not.match(interpreted!.stdout, 'regions:');
  assert.match(interpreted!.stdout, /^ok: /m);
  // long enough for the translator not to be thrifty
  const longer = await run('--profile', 'trace_event');
  assert.match(longer.stdout, /^regions:\n +instructions +entries +size +bytes +address +program/m);
});

test('--trace shows user, kernel and extension', async () => {
  const { status, stdout } = await run('--trace', 'error_injector');
  assert.is(status, 0);
  assert.match(stdout, /^\[1 loader\] user +0000000000401\w+ _start +xor %rbp,%rbp +.*=> asm_exc_page_fault$/m);
  assert.match(stdout, /^\[2 userapp\] kernel +ffffffff81\w+ entry_SYSCALL_64 +swapgs/m);
  assert.match(stdout, /^\[2 userapp\] extension ffffffffc0\w+ err_injector +push %rbp +rsp 0x\w+ -> 0x\w+$/m);
  assert.match(stdout, /native bpf_map_lookup_elem/);
  assert.match(stdout, /call 0x\w+ <\w+>/);
  assert.match(stdout, /dup\(0\) = -1 EINVAL \(Invalid argument\) \(INJECTED\)/);
});

test('a reader that goes away ends it quietly', async () => {
  const child = spawn(process.execPath, command('--trace', 'error_injector'), {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdout.once('data', () => child.stdout.destroy());
  const status = await new Promise((resolve) => child.on('close', resolve));
  assert.is(status, 141);
  assert.not.match(stderr, 'EPIPE');
});

test.run();
