/**
 * What a host can refuse or hand out in place of what was wanted: each is one line that names the thing and says what to do,
 * with its exit status, and none is waited for.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HostFileError, pathInside, readHostFile, type HostFileFault } from '../box/host-file.ts';
import { exitCodeRows } from '../command/exit-codes.ts';
import { failureOf } from '../command/failures.ts';
import { serveGdb } from '../debugger/host/gdb-server.ts';
import { openDebugger } from '../debugger/debugger.ts';
import { openBridge } from '../box/bridge/index.ts';
import { Box, BoxError, SavedBoxError } from '../index.ts';
import { runCommand } from './support/command.ts';
import { withClient } from './support/dap-client.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const root = fileURLToPath(new URL('../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'host-errors-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});

/** a generous bound for what is to be refused at once, ms */
const AT_ONCE = 20_000;
/** of a process that boots, ms */
const PATIENCE = 120_000;

const at = (name: string): string => join(folder, name);
const hasMkfifo = spawnSync('mkfifo', [at('fifo')]).status === 0;
const hasFull = spawnSync('sh', ['-c', 'test -c /dev/full']).status === 0;
if (hasMkfifo) {
  spawnSync('mkfifo', [at('endless')]);
  // a writer that never ends; opened for both, it waits for no reader
  const writer = openSync(at('endless'), constants.O_RDWR | constants.O_NONBLOCK);
  writeSync(writer, new Uint8Array(4096));
}
mkdirSync(at('directory'));
writeFileSync(at('empty'), '');
writeFileSync(at('huge'), '');
truncateSync(at('huge'), 5 * 2 ** 30);
symlinkSync(at('nowhere'), at('dangling'));
symlinkSync(at('circle'), at('circle'));
symlinkSync('/dev/zero', at('zero'));
writeFileSync(at('secret'), 'x', { mode: 0 });
writeFileSync(at('exit3'), tinyProgram(exit(3)));
const socket: Server = createServer().listen(at('socket'));
socket.unref();
await new Promise((resolve) => void socket.once('listening', resolve));

interface FileRow {
  readonly name: string;
  readonly fault: HostFileFault;
  readonly message: RegExp;
  readonly missing?: boolean;
}

// prettier-ignore
const files: readonly FileRow[] = [
  { name: 'nothing',           fault: 'missing',   message: /ENOENT, there is no such file$/ },
  { name: 'empty/under',       fault: 'missing',   message: /ENOTDIR, .* where a directory is expected$/ },
  { name: 'n'.repeat(300),     fault: 'missing',   message: /ENAMETOOLONG, the path is too long/ },
  { name: 'a\0b',              fault: 'missing',   message: /NUL/ },
  { name: 'dangling',          fault: 'dangling',  message: /ENOENT, it is a symbolic link to what does not exist$/ },
  { name: 'circle',            fault: 'dangling',  message: /ELOOP, its symbolic links lead in a circle$/ },
  { name: 'directory',         fault: 'directory', message: /EISDIR, it is a directory, expected a file$/ },
  { name: 'fifo',              fault: 'fifo',      message: /it is a FIFO, expected a regular file: copy/, missing: !hasMkfifo },
  { name: 'endless',           fault: 'fifo',      message: /it is a FIFO, expected a regular file: copy/, missing: !hasMkfifo },
  { name: 'socket',            fault: 'socket',    message: /it is a socket, expected a regular file$/ },
  { name: 'zero',              fault: 'device',    message: /it is a device, expected a regular file: copy/ },
  { name: '../../../../../../dev/null', fault: 'device', message: /it is a device/ },
  { name: 'huge',              fault: 'too-big',   message: /got 5368709120 bytes, expected at most \d+ \(\d+ MiB\)/ },
].filter(({ missing }) => missing !== true) as readonly FileRow[];

const oneLine = (text: string): void => assert.match(text, /^[^\n]+\n?$/);

/** What `action` rejects with. */
async function refusal(action: () => unknown): Promise<Error> {
  try {
    await action();
  } catch (error) {
    assert.instance(error, Error);
    return error as Error;
  }
  throw new Error('it was not refused');
}

async function timely<Result>(action: () => Promise<Result>): Promise<Result> {
  const before = performance.now();
  const result = await action();
  assert.ok(performance.now() - before < AT_ONCE, 'at once');
  return result;
}

/** How a file is asked for: by an option, or as a program. */
// prettier-ignore
const uses: Readonly<Record<string, (path: string) => readonly string[]>> = {
  'as a program':       (path) => [path],
  'as a program, json': (path) => ['--json', path],
  '--dispatcher':       (path) => ['--dispatcher', path, 'hello'],
  '--script':           (path) => ['--script', path, 'hello'],
};

for (const { name, fault, message } of files) {
  test(`${fault}, ${JSON.stringify(name.slice(0, 30))}: one line and status 3, whoever reads it`, async () => {
    const path = `${folder}/${name}`;
    const api = await timely(() => refusal(() => readHostFile(path)));
    assert.instance(api, HostFileError);
    assert.is((api as HostFileError).fault, fault);
    assert.match(api.message, message);
    for (const [use, args] of Object.entries(uses)) {
      // NUL cannot be in an argument of a process, but in one of ours
      const { status, stdout, stderr } = await timely(() => runCommand(...args(path)));
      assert.equal([status, stdout], [3, ''], use);
      oneLine(stderr);
      assert.match(stderr, /^run-sample: cannot read /, use);
      assert.match(stderr.trimEnd().replace(/: the box has no more memory, --memory MIB gives it more$/, ''), message);
    }
  });
}

test('DAP: a launch of any of them fails at once, and the next client is served', async () => {
  await withClient(async (driver) => {
    await driver.request('initialize', { adapterID: 'x' });
    for (const { name, message } of files) {
      const path = `${folder}/${name}`;
      const [program, dispatcher] = [
        await timely(() => driver.refusal('launch', { program: path })),
        await timely(() => driver.refusal('launch', { sample: 'hello', memory: 16, dispatcher: path })),
      ];
      for (const text of [program, dispatcher]) {
        oneLine(text);
        assert.match(text, /^launch: cannot read /);
      }
      assert.match(program.replace(/: the box has no more memory.*$/, ''), message);
      assert.match(dispatcher, message);
    }
    assert.match(await driver.refusal('launch', { program: at('empty') }), /^launch: cannot load .*not an ELF program/);
    await driver.request('launch', { program: at('exit3'), memory: 16 });
  });
});

test('no permission', async () => {
  const readSecret = (): Uint8Array => readHostFile(at('secret'));
  chmodSync(folder, 0o755);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid!(65534);
  try {
    const error = await refusal(readSecret);
    assert.is((error as HostFileError).fault, 'permission');
    assert.match(error.message, /EACCES, this user may not: look at its permissions/);
  } finally {
    if (isRoot) process.seteuid!(0);
  }
});

test('a file of 0 bytes, and one that grows or has no size while it is read', async () => {
  const status = async (...args: string[]): Promise<readonly [number, string]> => {
    const result = await runCommand(...args);
    return [result.status, result.stderr.trimEnd()];
  };
  const [program, why] = await status(at('empty'));
  assert.equal([program, /^run-sample: cannot load .*: it is not an ELF program: /.test(why)], [3, true], why);
  assert.equal(await status('--script', at('empty'), 'hello'), [0, '']);
  const [dispatcher, undefinedSymbol] = await status('--dispatcher', at('empty'), '--quiet', 'hello');
  assert.is(dispatcher, 3);
  assert.match(undefinedSymbol, `undefined symbol rex_dispatcher_func: with ${at('empty')} in the place of`);
  assert.instance(await refusal(() => Box.load(readHostFile(at('empty')))), SavedBoxError);
  // its size says 0
  if (process.platform === 'linux') assert.ok(readHostFile('/proc/self/maps', 4 << 20).length > 100);
  if (process.platform === 'linux')
    assert.match((await refusal(() => readHostFile('/proc/self/maps', 10))).message, 'or more');
});

test('a program of more bytes than the box has memory', async () => {
  truncateSync(at('huge'), 20 << 20);
  const { status, stderr } = await runCommand('--memory', '16', at('huge'));
  assert.is(status, 3);
  assert.match(
    stderr,
    /expected at most 16777216 \(16 MiB\): the box has no more memory, --memory MIB gives it more\n$/,
  );
  assert.match((await runCommand('--memory', '32', at('huge'))).stderr, /not an ELF program/);
});

// --- folders of samples

const samples = at('samples');
const commandOf = (name: string, file: string): object => ({
  title: 'one',
  usage: '',
  command: ['/p'],
  files: { '/p': file },
  expectation: { exitCode: 3 },
  steps: [{ wait: name.length }],
});

function plantSample(name: string, file: string, prepare: (path: string) => void = () => {}): void {
  mkdirSync(join(samples, name), { recursive: true });
  writeFileSync(join(samples, name, 'sample.json'), JSON.stringify(commandOf(name, file)));
  writeFileSync(join(samples, name, 'own'), tinyProgram(exit(3)));
  prepare(join(samples, name));
}

// prettier-ignore
const sampleRows: readonly (readonly [name: string, file: string, message: RegExp | undefined, prepare?: (path: string) => void])[] = [
  ['good',      'own',                    undefined],
  ['within',    'link',                   undefined,          (path) => symlinkSync('own', join(path, 'link'))],
  ['shared',    '@good/own',              undefined],
  ['odd',       'a?b#c%20d',              undefined,          (path) => writeFileSync(join(path, 'a?b#c%20d'), tinyProgram(exit(3)))],
  ['up',        '../good/own',            /it is outside of /],
  ['dots',      'x/../../good/own',       /it is outside of /],
  ['encoded',   '%2e%2e/good/own',        /ENOENT/],
  ['absolute',  at('exit3'),              /it is outside of /],
  ['none',      '../../nothing-there',    /it is outside of /],
  ['itself',    '.',                      /it is outside of /],
  ['link-out',  'link',                   /it is outside of /, (path) => symlinkSync(at('exit3'), join(path, 'link'))],
  ['link-up',   'link/own',               /it is outside of /, (path) => symlinkSync('../good', join(path, 'link'))],
  ['shared-up', '@good/../../exit3',      /it is outside of /],
  ['shared-no', '@../exit3',              /it is outside of /],
  ['device',    'link',                   /it is outside of /, (path) => symlinkSync('/dev/zero', join(path, 'link'))],
  ['folder',    'sub',                    /EISDIR/,           (path) => mkdirSync(join(path, 'sub'))],
  ['sparse',    'big',                    /expected at most/, (path) => { writeFileSync(join(path, 'big'), ''); truncateSync(join(path, 'big'), 4 * 2 ** 30); }],
  ...(hasMkfifo ? [['pipe', 'fifo', /it is a FIFO/, (path: string) => void spawnSync('mkfifo', [join(path, 'fifo')])] as const] : []),
  ['described', 'own',                    /sample\.json: .*it is outside of /, (path) => { rmSync(join(path, 'sample.json')); symlinkSync('../good/sample.json', join(path, 'sample.json')); }],
];
for (const [name, file, , prepare] of sampleRows) plantSample(name, file, prepare);

interface Spawned {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A shell's command, with `run` for run-sample and `adapter` for the debug adapter. */
function shell(script: string, environment: Readonly<Record<string, string>> = {}): Spawned {
  const node = `"${process.execPath}" --import tsx`;
  const functions = [
    `run() { ${node} run-sample.ts "$@"; }`,
    `adapter() { ${node} debug-adapter.ts "$@"; }`,
    `api() { ${node} ${at('api.mjs')}; }`,
    'message() { printf \'Content-Length: %d\\r\\n\\r\\n%s\' "${#1}" "$1"; }',
    `initialize() { message '{"type":"request","seq":1,"command":"initialize","arguments":{"adapterID":"x"}}'; sleep 1; }`,
    '',
  ].join('\n');
  const { status, stdout, stderr } = spawnSync('bash', ['-c', functions + script], {
    cwd: root,
    encoding: 'utf8',
    input: '',
    timeout: PATIENCE,
    env: { ...process.env, NO_COLOR: '1', ...environment },
  });
  return { status, stdout, stderr };
}

test('a sample reaches nothing outside of its folder', () => {
  const module = JSON.stringify(join(root, 'command/samples.ts'));
  const script = `import(${module}).then(({ readSample }) => {
    for (const name of ${JSON.stringify(sampleRows.map(([name]) => name))}) {
      try { console.log(JSON.stringify([name, readSample(name).files.size])); }
      catch (error) { console.log(JSON.stringify([name, error.message, error.exitCode])); }
    }
  })`;
  writeFileSync(at('read.mjs'), script);
  const { stdout, stderr } = shell(`"${process.execPath}" --import tsx ${at('read.mjs')}`, {
    KERNEL_IN_A_BOX_SAMPLES: samples,
  });
  const got = new Map(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [name, ...rest] = JSON.parse(line) as [string, ...unknown[]];
        return [name, rest] as const;
      }),
  );
  assert.is(stderr, '');
  for (const [name, , message] of sampleRows) {
    const [what, exitCode] = got.get(name) ?? [];
    if (message === undefined) assert.is(what, 1, name);
    else {
      assert.match(what as string, message, name);
      assert.match(what as string, `cannot load sample ${name}: `);
      assert.is(exitCode, 3);
      oneLine(what as string);
    }
  }
});

test('a description that asks for what no box is: one line and status 3', () => {
  const boxes: Readonly<Record<string, object>> = {
    cpus: { cpus: 1000 },
    memory: { memory: 1 },
    huge: { memory: 2 ** 40 },
    watchdog: { watchdog: 1 },
    address: { network: { veth: [{ name: 'veth0', address: 5 }] } },
    'no address': { network: { veth: [{ name: 'veth0', address: '10.0.0.300/24' }] } },
    'no name': { network: { veth: [{ name: '' }] } },
  };
  for (const [name, box] of Object.entries(boxes)) {
    plantSample(name, 'own', (path) => {
      writeFileSync(join(path, 'sample.json'), JSON.stringify({ ...commandOf(name, 'own'), box }));
    });
  }
  const names = Object.keys(boxes)
    .map((name) => `'${name}'`)
    .join(' ');
  const { stdout } = shell(`for name in ${names}; do run "$name" 2>&1; echo $?; done`, {
    KERNEL_IN_A_BOX_SAMPLES: samples,
  });
  const lines = stdout.trimEnd().split('\n');
  assert.is(lines.length, 2 * Object.keys(boxes).length, stdout);
  lines.forEach((line, n) => assert.match(line, n % 2 === 0 ? /^run-sample: (?!internal)/ : /^3$/));
});

test('pathInside: whatever the name, what is found is inside', () => {
  assert.is(pathInside(join(samples, 'good'), 'own'), join(samples, 'good', 'own'));
  for (const name of ['', '.', '..', '../up/own', '/', '/etc/passwd', join(samples, 'good')]) {
    assert.throws(() => pathInside(join(samples, 'good'), name), /outside/);
  }
});

// --- output and memory

/** Too little address space for a box of 2 GiB, and enough for Node. */
const noMemory = 'ulimit -v 3000000; export NODE_OPTIONS=--disable-wasm-trap-handler;';
writeFileSync(
  at('api.mjs'),
  `import(${JSON.stringify(join(root, 'index.ts'))})
     .then(({ Box }) => Box.boot({ memory: 2 ** 31 }))
     .catch(({ name, message }) => console.log(name, message))`,
);

// prettier-ignore
const outputRows: readonly (readonly [name: string, script: string, status: number, stderr: RegExp, tier?: 'slow'])[] = [
  ['a full disk',                   'run hello > /dev/full',                              74, /^run-sample: cannot write to standard output: ENOSPC, no space is left on the device\n$/],
  ['a full disk, JSON',             'run --json hello > /dev/full',                       74, /^run-sample: cannot write to standard output: ENOSPC, [^\n]*\n$/],
  ['a full disk, a trace',          'run --trace --budget 50000 hello > /dev/full',       74, /^run-sample: cannot write to standard output: ENOSPC, [^\n]*\n$/, 'slow'],
  ['a full disk, the help',         'run --help > /dev/full',                             74, /ENOSPC/, 'slow'],
  ['a full disk, a screen',         'run --tour error_injector > /dev/full',              74, /ENOSPC/, 'slow'],
  ['a full disk for both',          'run hello > /dev/full 2>&1',                         74, /^$/],
  ['a full disk for errors',        'run ./nothing 2> /dev/full',                          3, /^$/],
  ['a full disk, the adapter',      'adapter --help > /dev/full',                         74, /^debug-adapter: cannot write to standard output: ENOSPC, [^\n]*\n$/],
  ['a closed pipe',                 'run --trace hello | head -n 1 > /dev/null; exit ${PIPESTATUS[0]}', 141, /^$/],
  ['a closed pipe, few lines',      'run --help | true; exit ${PIPESTATUS[0]}',                  141, /^$/, 'slow'],
  ['a slow reader',                 'run --json hello | (sleep 1; tail -n 1) | grep -q summary; exit ${PIPESTATUS[0]}', 0, /^$/],
  ['no memory',                     `${noMemory} run --memory 2048 hello`, 3, /^run-sample: memory: the host has no address space for 2048 MiB: [^\n]*--memory MIB\n$/],
  ['a full disk, gdb',              'run --gdb 0 hello > /dev/full 2>&1',                 74, /^$/, 'slow'],
  ['a full disk, DAP',              'initialize | adapter > /dev/full',                   74, /^debug-adapter: cannot write to standard output: ENOSPC, [^\n]*\n$/],
  ['a closed pipe, DAP',            'initialize | adapter | head -c 1 > /dev/null; exit ${PIPESTATUS[1]}', 0, /^$/, 'slow'],
  ['no memory, gdb',                `${noMemory} run --memory 2048 --gdb 0 hello`,         3, /^run-sample: memory: the host has no address space for 2048 MiB: [^\n]*\n$/, 'slow'],
  ['no memory, the API',            `${noMemory} api | grep -q '^HostMemoryError memory: the host has no address space for 2048 MiB: '`, 0, /^$/, 'slow'],
];

for (const [name, script, status, stderr, tier] of outputRows) {
  if (tier !== undefined && !slow) continue;
  if (script.includes('/dev/full') && !hasFull) continue;
  test(`${name}: status ${status}`, () => {
    const got = shell(script);
    assert.is(got.status, status, got.stderr);
    assert.match(got.stderr, stderr);
    assert.not.match(got.stderr, /^ {4}at /m);
  });
}

test('no memory, DAP', async () => {
  const adapter = spawn('bash', ['-c', `${noMemory} exec "${process.execPath}" --import tsx debug-adapter.ts`], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: PATIENCE,
  });
  const request = (seq: number, command: string, args: object): void => {
    const text = JSON.stringify({ type: 'request', seq, command, arguments: args });
    adapter.stdin.write(`Content-Length: ${text.length}\r\n\r\n${text}`);
  };
  request(1, 'initialize', { adapterID: 'x' });
  request(2, 'launch', { sample: 'hello', memory: 2048 });
  const refusal = '"message":"launch: memory: the host has no address space for 2048 MiB: ';
  let answers = '';
  for await (const chunk of adapter.stdout) {
    answers += String(chunk);
    if (answers.includes(refusal)) break;
  }
  adapter.kill('SIGKILL');
  assert.ok(answers.includes(refusal), answers);
});

// --- ports

const taken = createServer().listen(0, '127.0.0.1');
taken.unref();
await new Promise((resolve) => void taken.once('listening', resolve));
const { port } = taken.address() as AddressInfo;

test('ports in use, and what is none: gdb, DAP, the bridge, the API', async () => {
  const inUse = new RegExp(
    `cannot listen on (tcp |udp )?127\\.0\\.0\\.1:${port}: EADDRINUSE, another process has the port: choose another one, or 0`,
  );
  // prettier-ignore
  const rows: readonly (readonly [args: readonly string[], status: number, message: RegExp])[] = [
    [['--gdb', `${port}`, 'hello'],        3, inUse],
    [['--bridge', `${port}`, 'bmc'],       3, inUse],
    [['--gdb', '65536', 'hello'],          2, /--gdb: got "65536", expected a whole number from 0 to 65535$/],
    [['--gdb', 'gdb', 'hello'],            2, /--gdb: got "gdb", expected/],
    [['--gdb', '-1', 'hello'],             2, /--gdb: got/],
    [['--bridge', '1:99999', 'bmc'],       2, /--bridge: got "1:99999", expected ports up to 65535$/],
    [['--bridge', 'here', 'bmc'],          2, /--bridge: got "here", expected/],
  ];
  for (const [args, status, message] of rows) {
    const got = await timely(() => runCommand(...args));
    assert.is(got.status, status, args.join(' '));
    oneLine(got.stderr);
    assert.match(got.stderr.trimEnd(), message);
  }
  const box = await Box.boot({ memory: 16 << 20, network: { veth: [{ name: 'veth0', address: '10.0.0.2/24' }] } });
  assert.match((await refusal(() => serveGdbAt(box, port))).message, inUse);
  const bridge = {
    device: 'veth0',
    address: '10.0.0.1',
    listen: [{ protocol: 'tcp' as const, hostPort: port, boxPort: 80 }],
  };
  assert.match((await refusal(() => openBridge(box, bridge))).message, inUse);
  for (const address of ['10.0.0.300', '::1', '10.0.1.1', '10.0.0.2', 'localhost', '']) {
    const error = await refusal(() => openBridge(box, { device: 'veth0', address }));
    assert.instance(error, BoxError);
    assert.match(
      error.message,
      /^bridge on veth0: got .*, expected another IPv4 address of the device's subnet, 10\.0\.0\.2\/24$/,
    );
  }
  for (const hostPort of [-1, 65_536, 1.5, NaN]) {
    assert.instance(
      await refusal(() => openBridge(box, { ...bridge, listen: [{ protocol: 'udp', hostPort, boxPort: 1 }] })),
      BoxError,
    );
  }
});

async function serveGdbAt(box: Box, wanted: number): Promise<void> {
  await serveGdb(await openDebugger(box), { port: wanted });
}

test('the adapter: ports', () => {
  const got = shell(
    `adapter --port ${port}; echo $?; adapter --port 70000; echo $?; adapter --port x 2>&1 | head -n 1`,
  );
  const lines = got.stderr.split('\n');
  assert.match(
    lines[0]!,
    /^debug-adapter: cannot listen on 127\.0\.0\.1:\d+: EADDRINUSE, another process has the port/,
  );
  assert.match(lines[1]!, /^debug-adapter: --port: got "70000", expected a number from 0 to 65535$/);
  assert.match(got.stdout, /^3\n2\ndebug-adapter: --port: got "x"/);
});

// --- what nobody has foreseen

test('what nobody has foreseen is one line too, and says how to report it', () => {
  const error = new TypeError('x is not a function\nand more');
  const { message, exitCode, internal } = failureOf(error, {});
  assert.equal([exitCode, internal], [70, true]);
  oneLine(message);
  assert.match(message, /^internal error: TypeError: x is not a function: please report .* KERNEL_IN_A_BOX_DEBUG=1/);
  assert.match(failureOf(error, { KERNEL_IN_A_BOX_DEBUG: '1' }).message, /\n {4}at /);
  assert.match(failureOf('text', {}).message, /^internal error: text: /);
  writeFileSync(
    at('fails.mjs'),
    `import(${JSON.stringify(join(root, 'command/process.ts'))}).then(({ runAsProcess }) =>
       runAsProcess('fails', async () => { setImmediate(() => { throw new TypeError('late'); }); return 0; }))`,
  );
  const got = shell(`"${process.execPath}" --import tsx ${at('fails.mjs')}`);
  assert.equal([got.status, got.stdout], [70, '']);
  assert.match(got.stderr, /^fails: internal error: TypeError: late: please report [^\n]*\n$/);
});

test('the exit statuses are in the help and in the README', async () => {
  const { stdout } = await runCommand('--help');
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  for (const [code, meaning] of exitCodeRows) {
    assert.match(stdout, new RegExp(`^ +${code} +${meaning.replaceAll(/[.*+?^$()|]/g, '\\$&')}$`, 'm'));
    assert.match(readme, new RegExp(`^\\| ${code} +\\| `, 'm'), `${code} in README.md`);
  }
});

test.run();
