/** Stock gdb against a sample: breakpoints in the kernel and in Rust, watchpoints, steps, and all of it backwards. */
import { execFile, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { main } from '../command/main.ts';
import { encodePacket } from '../debugger/gdb/packets.ts';
import { fromLatin1 } from '../debugger/gdb/text.ts';
import { openDebugger } from '../debugger/debugger.ts';
import { packageSources } from '../debugger/host/source-files.ts';
import { serveGdb, type GdbServerOptions } from '../debugger/host/gdb-server.ts';
import { runCommand } from './support/command.ts';
import { bootSample } from './support/samples.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const version = spawnSync('gdb', ['--version'], { encoding: 'utf8' });
const hasGdb = version.status === 0;
/** gdb and the box together, ms; a bound for a gdb that hangs, not a measurement */
const TIMEOUT = 120_000;

/** What gdb prints for `commands`, each after an `@N` of its own. */
function runGdb(port: number, commands: readonly string[]): Promise<string> {
  const preparations = [
    'set pagination off',
    'set confirm off',
    'set breakpoint pending on',
    'set style enabled off',
    'set width 0',
    `set substitute-path /rex ${root.replace(/\/$/, '')}`,
    `target remote :${port}`,
  ];
  const numbered = commands.flatMap((command, n) => [`echo @${n}\\n`, command]);
  const args = [...preparations, ...numbered].flatMap((command) => ['-ex', command]);
  // what monitor commands print comes on standard error: the order tells whose it is
  const shell = ['-c', 'exec gdb "$@" 2>&1', 'gdb', '-nx', '-q', '-batch', ...args];
  return new Promise((resolve) => {
    execFile('sh', shell, { timeout: TIMEOUT, maxBuffer: 16 << 20 }, (_error, stdout) => resolve(stdout));
  });
}

/** The output of each command. */
function partsOf(output: string, commands: readonly string[]): string[] {
  const parts = output.split(/^@\d+\n/m).slice(1);
  assert.is(parts.length, commands.length, output);
  return parts;
}

async function served<Result>(
  sample: string,
  options: Partial<GdbServerOptions>,
  use: (port: number) => Promise<Result>,
): Promise<Result> {
  const { box, process } = await bootSample(sample);
  const host = await openDebugger(box, { ...packageSources, process });
  const { debugFiles } = packageSources;
  const errors: unknown[] = [];
  const server = await serveGdb(host, {
    port: 0,
    process,
    ...(debugFiles === undefined ? undefined : { debugFiles }),
    onError: (error) => void errors.push(error),
    ...options,
  });
  try {
    return await use(server.port);
  } finally {
    await server.close();
    assert.equal(errors, []);
  }
}

type Row = readonly [command: string, ...expected: readonly RegExp[]];

async function transcript(sample: string, rows: readonly Row[]): Promise<void> {
  const commands = rows.map(([command]) => command);
  const output = await served(sample, {}, (port) => runGdb(port, commands));
  const parts = partsOf(output, commands);
  rows.forEach(([command, ...expected], n) => {
    for (const pattern of expected)
      assert.match(parts[n]!, pattern, `${command}: expected ${pattern.source} in\n${output}`);
  });
}

if (!hasGdb) {
  test('skipped: no gdb', () => {});
} else {
  test('from the dispatcher through the program back to the system call, and to the end', async () => {
    await transcript('error_injector', [
      ['break rex_dispatcher_func', /Breakpoint 1 at 0xffffffff81\w+: file .*rex_64\.S, line 9/],
      ['break main.rs:19', /pending/],
      ['info registers cr3 efer', /cr3 +0x/, /efer +0xd01/],
      ['continue', /"userapp" hit Breakpoint 1, rex_dispatcher_func \(\) at .*rex_64\.S:9/, /push\s+%rbp/],
      ['backtrace', /#1 .* in trace_call_bpf/, /in kprobe_int3_handler/, /in main \(\) at .*userapp\.c/],
      ['info threads', /\* .*"userapp" \(process 2, on CPU 0\)/, /"loader" \(process 1, sleeping\)/],
      ['info breakpoints', /main\.rs:19/],
      // the first argument of a kprobe's program is struct pt_regs
      ['print ((struct pt_regs *) $rdi)->cs', /= 16/],
      ['print/x ((struct pt_regs *) $rdi)->ip', /= 0xffffffff81/],
      ['info symbol ((struct pt_regs *) $rdi)->ip - 1', /__x64_sys_dup in section \.text/],
      ['continue', /hit Breakpoint 2\.1/, /and_then</],
      ['backtrace 2', /#1 .*err_injector \(\) at .*main\.rs:19/],
      ['delete 2'],
      ['break main.rs:20', /main\.rs, line 20/],
      ['continue', /Breakpoint 3/],
      [
        'backtrace',
        /err_injector \(\) at .*main\.rs:20/,
        // over the Rex stack, the exception and the system call to the user's code
        /<signal handler called>[^]* trace_call_bpf \(\)[^]* kprobe_int3_handler/,
        /<signal handler called>[^]* __x64_sys_dup \(\)[^]* do_syscall_64 \(\)/,
        /<signal handler called>[^]* syscall \(\)[^]* main \(\) at .*userapp\.c:57[^]* _start \(\)[^]*\n$/,
      ],
      // the value that bpf_map_lookup_elem has found
      ['monitor maps', /pid_to_errno/, /\[2\] = -22/],
      ['stepi'],
      ['reverse-stepi'],
      ['delete 3'],
      ['reverse-continue', /hit Breakpoint 1, rex_dispatcher_func/],
      ['break *__x64_sys_dup', /Breakpoint 4/],
      ['reverse-continue', /hit Breakpoint 4, .*__x64_sys_dup/],
      ['print $orig_rax', /= 32/],
      ['print ((struct pt_regs *) $rdi)->orig_ax', /= 32/],
      ['print (long) ((struct pt_regs *) $rdi)->ax', /= -38/],
      ['x/2i $pc', /__x64_sys_dup/],
      ['delete'],
      ['break *&just_return_func', /Breakpoint 5/],
      ['continue', /hit Breakpoint 5, .*just_return_func/],
      ['print (int) $rax', /= -22/],
      ['delete'],
      ['continue', /Inferior 1 .* exited normally/],
    ]);
  });

  test('the element of a map is watched, forwards and backwards', async () => {
    await transcript('error_injector', [
      ['break rex_dispatcher_func'],
      ['continue', /hit Breakpoint 1/],
      ['delete'],
      ['break bpf_map_lookup_elem'],
      ['continue', /hit Breakpoint 2/],
      ['finish', /map_lookup_elem</],
      // Rust has casts of its own
      ['set language c'],
      ['print *(long *) $rax', /= -22/],
      ['set $value = (long *) $rax'],
      ['delete'],
      ['watch -location *$value', /Hardware watchpoint 3/],
      // written once, by the loader's child, before
      ['reverse-continue', /Hardware watchpoint 3/, /Old value = -22/],
      ['info threads', /\* .*"(loader|userapp)"/],
      ['continue', /Hardware watchpoint 3/, /New value = -22/],
    ]);
  });

  test('programs have their lines, and are stepped in both directions', async () => {
    await transcript('error_injector', [
      ['tbreak main', /breakpoint 1/],
      ['continue', /main \(.*\) at .*loader\.c:\d+/],
      ['info source', /loader\.c/],
      ['next', /^62\t/m],
      ['next', /^\d+\t/m],
      ['reverse-next', /^62\t/m],
      ['tbreak userapp.c:57', /pending/],
      ['continue', /main \(.*\) at .*userapp\.c:57/],
      ['stepi 3'],
      ['reverse-stepi 3', /userapp\.c:57|57\t/],
      ['monitor stop panic'],
      ['monitor stops', /panic/],
      ['detach', /Inferior 1 .* detached/],
    ]);
  });

  test('a panic is seen from inside', async () => {
    await transcript('panic', [
      ['break rex_landingpad', /Breakpoint 1/],
      ['continue', /hit Breakpoint 1/],
      ['backtrace', /rust_begin_unwind|panic_fmt/],
      ['monitor story', /panic/],
      ['delete'],
      ['continue', /exited/],
    ]);
  });

  test('a second gdb is refused, and one that goes away leaves nothing', async () => {
    await served('error_injector', {}, async (port) => {
      const ok = await runGdb(port, ['break rex_dispatcher_func', 'continue', 'disconnect']);
      assert.match(ok, /hit Breakpoint 1/);
      const again = await runGdb(port, ['info registers rip']);
      assert.match(again, /rex_dispatcher_func/);
    });
  });
}

/** `run-sample … --gdb 0` in this process, and `packets` sent to it one after the other. */
async function runCommandWith(packets: readonly string[], ...args: readonly string[]) {
  const output = ['', '', ''];
  let port: (value: number) => void;
  const waiting = new Promise<number>((resolve) => (port = resolve));
  const status = main([...args, '--gdb', '0'], {
    stdin: () => undefined,
    colours: false,
    write(descriptor, bytes) {
      output[descriptor] += Buffer.from(bytes).toString();
      const found = /waiting for gdb on 127\.0\.0\.1:(\d+)/.exec(output[2]!);
      if (found !== null) port(Number(found[1]));
    },
  });
  const early = status.then((code): never => {
    throw new Error(`it has ended with ${code}: ${output.join('')}`);
  });
  const socket = connect(await Promise.race([waiting, early]), '127.0.0.1');
  early.catch(() => {});
  for (const packet of packets) {
    socket.write(encodePacket(fromLatin1(packet)));
    await new Promise((resolve) => socket.once('data', resolve));
  }
  const result = await status;
  socket.destroy();
  return { status: result, stdout: output[1]!, stderr: output[2]! };
}

test('the command: a sample waits, and goes on when gdb has let go of it', async () => {
  const { status, stdout, stderr } = await runCommandWith(['D'], 'error_injector');
  assert.match(stderr, /gdb -q -ex 'set substitute-path \/rex .*' -ex 'target remote :\d+'/);
  assert.match(stdout, /dup\(0\) = -1 EINVAL \(Invalid argument\) \(INJECTED\)/);
  assert.match(stdout, /ok: \/loader exited with 0, as expected/);
  assert.is(status, 0);
});

test('the command: steps of a sample are taken, and gdb sees the end', async () => {
  const { status, stdout } = await runCommandWith(['QStartNoAckMode', 'c'], 'bmc');
  assert.match(stdout, /ok: /);
  assert.is(status, 0);
});

test('the command: gdb ends it', async () => {
  const { status, stderr } = await runCommandWith(['vKill;1'], 'error_injector');
  assert.match(stderr, /gdb has ended it/);
  assert.is(status, 130);
});

test('the command: what does not go together', async () => {
  const { status, stderr } = await runCommand('error_injector', '--gdb', '0', '--trace');
  assert.match(stderr, /--gdb and --trace exclude each other/);
  assert.is(status, 2);
  assert.is((await runCommand('error_injector', '--gdb', '65536')).status, 2);
});

test('a port that is taken is an error', async () => {
  await served('hello', {}, async (port) => {
    try {
      await served('hello', { port }, async () => {});
      assert.unreachable();
    } catch (error) {
      assert.match((error as Error).message, /EADDRINUSE/);
    }
  });
});

test.run();
