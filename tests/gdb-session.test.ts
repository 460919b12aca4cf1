/** Sessions of gdb's remote protocol against a debugger, without a gdb: what each packet does. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { readHostFile } from '../box/host-files.ts';
import { valueAddress } from '../kernel/bpf-maps/hash.ts';
import { openDebugger } from '../debugger/debugger.ts';
import { KERNEL_PATH } from '../debugger/gdb/index.ts';
import { fromLatin1 } from '../debugger/gdb/text.ts';
import { registerRows } from '../debugger/gdb/registers.ts';
import { packageSources } from '../debugger/host/source-files.ts';
import type { Debugger } from '../debugger/types.ts';
import { Box, type Process } from '../index.ts';
import { readDebugInformation } from '../toolchain/dwarf/index.ts';
import { readElf } from '../toolchain/elf/index.ts';
import { connectClient, type GdbClient } from './support/gdb-client.ts';
import { bootSample } from './support/samples.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const SMALL = 16 << 20;

interface Machine {
  readonly box: Box;
  readonly process: Process;
  readonly host: Debugger;
  readonly client: GdbClient;
}

async function attach(box: Box, process: Process): Promise<Machine> {
  const host = await openDebugger(box, { ...packageSources, process });
  const debugFiles = packageSources.debugFiles!;
  return { box, process, host, client: connectClient(host, { process, debugFiles }) };
}

async function sampleMachine(name = 'error_injector', cpus = 1): Promise<Machine> {
  const { box, process } = await bootSample(name, [], { memory: SMALL * 2, cpus });
  return attach(box, process);
}

async function programMachine(source: string, cpus = 1): Promise<Machine> {
  const box = await Box.boot({ memory: SMALL, cpus });
  box.files.write('/bin/program', tinyProgram(source));
  return attach(box, box.spawn('/bin/program'));
}

const hex = (value: bigint | number): string => value.toString(16);
const symbol = ({ box }: Machine, name: string): bigint => {
  const address = box.symbols.lookup(name);
  if (address === undefined) throw new Error(`there is no ${name}`);
  return address;
};

/** The fields of a stop reply, `thread` and the registers' numbers among them. */
function fieldsOf(reply: string): Map<string, string> {
  assert.match(reply, /^T[0-9a-f]{2}/);
  return new Map(
    reply
      .slice(3)
      .split(';')
      .filter((field) => field !== '')
      .map((field) => [field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1)] as [string, string]),
  );
}

const numberOf = (name: string): number => registerRows.findIndex((row) => row.name === name);
const readRegister = ({ client }: Machine, name: string): bigint => {
  const text = client.ask(`p${hex(numberOf(name))}`);
  return BigInt(`0x${text.match(/../g)!.toReversed().join('')}`);
};
const little = (value: bigint, bytes: number): string =>
  BigInt.asUintN(bytes * 8, value)
    .toString(16)
    .padStart(bytes * 2, '0')
    .match(/../g)!
    .toReversed()
    .join('');

/** As `c`, but over what gdb resumes from by itself. */
function goOn({ client }: Machine, packet = 'vCont;c'): string {
  for (;;) {
    const reply = client.ask(packet);
    if (!reply.includes('library:')) return reply;
    client.transfer('libraries');
  }
}

test('what is supported, and that acknowledgements can be done without', async () => {
  const { client } = await programMachine(exit(0));
  const features = client.ask('qSupported:swbreak+;hwbreak+;xmlRegisters=i386').split(';');
  for (const feature of [
    'PacketSize=4000',
    'QStartNoAckMode+',
    'ReverseStep+',
    'ReverseContinue+',
    'swbreak+',
    'vContSupported+',
  ]) {
    assert.ok(features.includes(feature), feature);
  }
  assert.is(client.ask('QStartNoAckMode'), 'OK');
  assert.is(client.ask('vCont?'), 'vCont;c;C;s;S;r');
  assert.is(client.ask('vMustReplyEmpty'), '');
  assert.is(client.ask('vWhatever;1'), '');
  assert.is(client.ask('qWhatever'), '');
  assert.is(client.ask('!'), '');
});

test('each register is in target.xml, in g and in p, of the same size and value', async () => {
  const machine = await programMachine(exit(0));
  const { client, host } = machine;
  const description = client.transfer('features', 'target.xml');
  const rows = [...description.matchAll(/<reg name="(\w+)" bitsize="(\d+)"/g)].map(([, name, bits]) => [
    name,
    Number(bits),
  ]);
  assert.equal(
    rows,
    registerRows.map(({ name, bits }) => [name, bits]),
  );
  assert.is(new Set(rows.map(([name]) => name)).size, rows.length);
  const all = client.ask('g');
  let at = 0;
  registerRows.forEach(({ name, bits }, number) => {
    const digits = all.slice(at, (at += bits / 4));
    assert.is(client.ask(`p${hex(number)}`), digits, name);
  });
  assert.is(at, all.length);
  const values = new Map(host.registers({ pid: 1 }).map(({ name, value }) => [name, value]));
  for (const name of ['rip', 'rsp', 'rax', 'cr3', 'efer', 'fs_base', 'k_gs_base', 'xmm7', 'mxcsr']) {
    assert.is(readRegister(machine, name), values.get(name), name);
  }
  assert.is(client.ask('pffff'), 'E16');
  assert.is(client.ask('qXfer:features:read:other.xml:0,100'), 'E02');
});

test('registers are written, one and all; what only code can write is refused', async () => {
  const machine = await programMachine(exit(0));
  const { client } = machine;
  assert.is(client.ask(`P${hex(numberOf('rbx'))}=${little(0x1122_3344_5566_7788n, 8)}`), 'OK');
  assert.is(readRegister(machine, 'rbx'), 0x1122_3344_5566_7788n);
  assert.is(client.ask(`P${hex(numberOf('xmm1'))}=${little(7n << 100n, 16)}`), 'OK');
  assert.is(readRegister(machine, 'xmm1'), 7n << 100n);
  const cr0 = readRegister(machine, 'cr0');
  assert.is(client.ask(`P${hex(numberOf('cr0'))}=${little(cr0, 8)}`), 'OK');
  assert.is(client.ask(`P${hex(numberOf('cr0'))}=${little(cr0 ^ 1n, 8)}`), 'E16');
  assert.is(client.ask(`P${hex(numberOf('rbx'))}=00`), 'E16');
  const all = client.ask('g');
  assert.is(client.ask(`G${little(99n, 8)}${all.slice(16)}`), 'OK');
  assert.is(client.ask('g'), `${little(99n, 8)}${all.slice(16)}`);
});

test('memory is read as far as it is mapped, and written where all of it is', async () => {
  const { client, host } = await programMachine(exit(0));
  const text = Buffer.from(host.readMemory(0x40_1000n, 12, 1)!).toString('hex');
  assert.is(client.ask('m401000,c'), text);
  assert.is(client.ask('m402ffe,10'), '0000');
  assert.is(client.ask('m500000,4'), 'E0e');
  assert.is(client.ask('mfffffffffffffff0,40'), 'E0e');
  assert.is(client.ask('m402000,0'), '');
  assert.is(client.ask('M402000,3:010203'), 'OK');
  assert.is(client.ask('X402003,4:#$}*'), 'OK');
  assert.is(client.ask('m402000,8'), '01020323247d2a00');
  assert.is(client.ask('x402000,7'), 'b\x01\x02\x03#$}*');
  assert.is(client.ask('M402fff,2:0102'), 'E0e');
  assert.is(client.ask('m402fff,1'), '00');
  assert.is(client.ask('M402000,2:01'), 'E16');
  assert.is(client.ask('X402000,2:1'), 'E16');
  assert.is(client.ask('X402000,0:'), 'OK');
});

test('a breakpoint, a step, and both backwards', async () => {
  const machine = await programMachine(`\tmov $5, %ebx\nnext:\tadd $2, %ebx\n\tnop\n${exit(0)}`);
  const { client, host } = machine;
  client.ask('qSupported:swbreak+;hwbreak+');
  assert.is(client.ask('Z0,401005,1'), 'OK');
  const hit = fieldsOf(goOn(machine));
  assert.is(hit.get('thread'), '1');
  assert.is(hit.get('swbreak'), '');
  assert.is(hit.get(hex(numberOf('rip')).padStart(2, '0')), little(0x40_1005n, 8));
  const before = host.rest.instruction;
  assert.is(client.ask('z0,401005,1'), 'OK');
  assert.is(client.ask('z0,401005,1'), 'OK');
  assert.match(client.ask('vCont;s:1;c'), /^T05thread:1;/);
  assert.is(readRegister(machine, 'rbx'), 7n);
  assert.match(client.ask('bs'), /^T05thread:1;/);
  assert.is(readRegister(machine, 'rbx'), 5n);
  assert.is(host.rest.instruction, before);
  client.ask('vCont;s:1;c');
  client.ask('vCont;s:1;c');
  assert.is(client.ask('Z1,401005,1'), 'OK');
  assert.is(fieldsOf(goOn(machine, 'bc')).get('hwbreak'), '');
  assert.is(host.rest.instruction, before);
  client.ask('z1,401005,1');
  assert.is(fieldsOf(goOn(machine, 'bc')).get('replaylog'), 'begin');
  assert.is(fieldsOf(client.ask('bs')).get('replaylog'), 'begin');
  assert.is(goOn(machine), 'W00');
});

test('a range is stepped to its end, or to a breakpoint inside', async () => {
  const machine = await programMachine(`\tmov $3, %ecx\nagain:\tdec %ecx\n\tjnz again\n\tnop\n${exit(0)}`);
  const { client } = machine;
  client.ask('Z0,401005,1');
  goOn(machine);
  client.ask('z0,401005,1');
  client.ask('vCont;r401005,401009:1;c');
  assert.is(readRegister(machine, 'rip'), 0x40_1009n);
  assert.is(readRegister(machine, 'rcx'), 0n);
  client.ask('bs');
  client.ask('bs');
  client.ask('bs');
  assert.is(readRegister(machine, 'rip'), 0x40_1007n);
  client.ask('Z0,401005,1');
  client.ask('vCont;r401005,401009:1;c');
  assert.is(readRegister(machine, 'rip'), 0x40_1005n);
});

test('a watchpoint stops behind a write, and going back before it', async () => {
  const machine = await programMachine(`\tmovl $1, buffer\n\tmovl $2, buffer\n\tmov buffer, %eax\n${exit(0)}`);
  const { client } = machine;
  const value = (): string => client.ask('m402000,4');
  assert.is(client.ask('Z2,402000,4'), 'OK');
  assert.is(fieldsOf(goOn(machine)).get('watch'), '402000');
  assert.is(value(), '01000000');
  assert.is(fieldsOf(goOn(machine)).get('watch'), '402000');
  assert.is(value(), '02000000');
  assert.is(fieldsOf(goOn(machine, 'bc')).get('watch'), '402000');
  assert.is(value(), '01000000');
  assert.is(fieldsOf(goOn(machine, 'bc')).get('watch'), '402000');
  assert.is(value(), '00000000');
  client.ask('z2,402000,4');
  client.ask('Z3,402000,4');
  assert.is(fieldsOf(goOn(machine)).get('rwatch'), '402000');
  assert.is(readRegister(machine, 'rax'), 2n);
  assert.is(client.ask('Z4,402000,0'), 'E16');
  assert.is(client.ask('Z5,402000,1'), 'E16');
  assert.is(client.ask('Z0,8000000000000000,1'), 'E16');
});

test('^C is heard while a program runs, and the end of its process is told', async () => {
  const machine = await programMachine(`again:\tjmp again\n${exit(3)}`);
  const { client } = machine;
  client.send('vCont;c');
  client.run(2);
  assert.equal(client.take(), []);
  client.connection.receive(Uint8Array.of(3));
  client.run(10);
  const [stop, ...more] = client.take();
  assert.match(stop!, /^T02thread:1;/);
  assert.is(more.length, 0);
  assert.is(readRegister(machine, 'rip'), 0x40_1000n);
  assert.is(client.ask(`P${hex(numberOf('rip'))}=${little(0x40_1002n, 8)}`), 'OK');
  assert.is(client.ask('vCont;c'), 'W03');
});

test('^C is heard on the way back too: then it is where it was', async () => {
  const { client, host, box } = await programMachine(`again:\tjmp again\n${exit(3)}`);
  // at the beginning, and where it never comes
  client.ask('Z0,401002,1');
  client.send('vCont;c');
  client.run(6);
  client.connection.receive(Uint8Array.of(3));
  client.run(10);
  assert.match(client.take()[0]!, /^T02thread:1;/);
  const { instructions } = box;
  assert.ok(instructions > 2_000_000);
  const interrupt = (): void => client.connection.receive(Uint8Array.of(3));
  for (const act of [interrupt, () => client.connection.disconnected()]) {
    client.send('bc');
    client.run(5);
    assert.equal(client.take(), [], 'it is still on its way');
    assert.ok(box.instructions < instructions);
    act();
    client.run(10);
    const replies = client.take();
    assert.equal(
      replies.map((reply) => reply.slice(0, 12)),
      act === interrupt ? ['T02thread:1;'] : [],
    );
    assert.is(box.instructions, instructions);
    assert.is(host.rest.instruction, instructions);
  }
});

test('the end of a process can be a stop, from which one goes back', async () => {
  const machine = await programMachine(`\tmov $1, %ebx\n${exit(9)}`);
  const { client } = machine;
  client.monitor('exit stop');
  assert.match(client.ask('vCont;c'), /^T00/);
  client.ask('Z0,401005,1');
  goOn(machine, 'bc');
  assert.is(readRegister(machine, 'rip'), 0x40_1005n);
  client.ask('z0,401005,1');
  client.monitor('exit report');
  assert.is(client.ask('vCont;c'), 'W09');
});

test('a process that a signal ends', async () => {
  const { client } = await programMachine('\tmov 0, %eax\n');
  assert.is(client.ask('vCont;c'), 'X0b');
});

test('threads are tasks and idle processors', async () => {
  const machine = await programMachine(`again:\tjmp again\n`, 2);
  const { client } = machine;
  client.ask('vCont;s');
  const ids = client.ask('qfThreadInfo').slice(1).split(',');
  assert.is(client.ask('qsThreadInfo'), 'l');
  assert.is(ids[0], '1');
  assert.ok(ids.includes('40000001'), ids.join());
  assert.match(client.transfer('threads'), /<thread id="1" core="0" name="program">process 1, on CPU 0<\/thread>/);
  assert.match(Buffer.from(client.ask('qThreadExtraInfo,1'), 'hex').toString(), 'program: process 1');
  assert.is(client.ask('T1'), 'OK');
  assert.is(client.ask('T77'), 'E03');
  assert.is(client.ask('Hg40000001'), 'OK');
  assert.is(client.ask('m401000,1'), 'E0e');
  assert.is(client.ask('Hg77'), 'E03');
  assert.is(client.ask('Hg1'), 'OK');
  assert.is(client.ask('m401000,1').length, 2);
  assert.is(client.ask('vCont;s:77'), 'E03');
});

test('the kernel and what is loaded are files with symbols and lines', async () => {
  const machine = await sampleMachine();
  const { client } = machine;
  assert.is(client.transfer('exec-file'), KERNEL_PATH);
  const kernel = readElf(client.readFile(KERNEL_PATH)!);
  assert.is(
    kernel.symbols.find(({ name }) => name === 'rex_dispatcher_func')?.value,
    symbol(machine, 'rex_dispatcher_func'),
  );
  const lines = readDebugInformation(kernel.bytes);
  assert.is(lines.lineAt(symbol(machine, 'rex_dispatcher_func'))?.file, '/rex/kernel/rex-dispatcher/rex_64.S');
  assert.equal(lines.problems, []);

  assert.match(client.transfer('libraries'), /<library name="\/loader"><segment address="0x400000"\/>/);
  assert.match(client.ask('vCont;c'), /library:/);
  const list = client.transfer('libraries');
  const [, path, at] = /<library name="(\/rex\/\w+\/error_injector\.rex)"><segment address="0x(\w+)"/.exec(list) ?? [];
  const image = readDebugInformation(client.readFile(path!)!);
  assert.equal(image.problems, []);
  // a line of which nothing is left but inlined calls has rows in the file for gdb
  const own = readDebugInformation(
    readHostFile(new URL('../samples/error_injector/error_injector.rex', import.meta.url)),
  );
  assert.is(
    own.inlinedLines.get('/rex/samples/error_injector/main.rs')?.some(({ line }) => line === 19),
    true,
  );
  assert.is(image.inlinedLines.size, 0);
  assert.equal(image.addressesOf('main.rs', 19), own.addressesOf('main.rs', 19));
  assert.equal(
    image.addressesOf('main.rs', 19).map((address) => address + BigInt(`0x${at}`)),
    machine.host.addressesOf('main.rs', 19),
  );
  const program = readElf(client.readFile('/userapp')!);
  assert.is(
    program.sections.some(({ name }) => name === '.debug_line'),
    false,
  );

  client.ask(`Z0,${hex(symbol(machine, 'rex_dispatcher_func'))},1`);
  assert.match(goOn(machine), /^T05.*thread:2;/);
  assert.match(client.transfer('libraries'), /name="\/userapp"/);
  assert.is(
    readElf(client.readFile('/userapp')!).sections.some(({ name }) => name === '.debug_line'),
    true,
  );
  assert.is(readRegister(machine, 'orig_rax'), 32n);
});

test('files: those that there are not, writing, and descriptors that are none', async () => {
  const { client, box } = await programMachine(exit(0));
  const name = Buffer.from('/bin/program').toString('hex');
  assert.is(client.ask('vFile:setfs:0'), 'F0');
  assert.is(client.ask(`vFile:open:${Buffer.from('/none').toString('hex')},0,0`), 'F-1,2');
  assert.is(client.ask(`vFile:open:${Buffer.from('/bin').toString('hex')},0,0`), 'F-1,2');
  assert.is(client.ask(`vFile:open:${name},1,0`), 'F-1,d');
  assert.is(client.ask('vFile:pread:9,10,0'), 'F-1,9');
  assert.is(client.ask('vFile:close:3'), 'F-1,9');
  assert.is(client.ask('vFile:other:3'), '');
  for (let n = 0; n < 64; n++) assert.is(client.ask(`vFile:open:${name},0,0`), `F${hex(3 + n)}`);
  assert.is(client.ask(`vFile:open:${name},0,0`), 'F-1,17');
  const stat = fromLatin1(client.ask('vFile:fstat:3').slice('F40;'.length));
  assert.is(new DataView(stat.buffer).getBigUint64(28), BigInt(box.files.read('/bin/program')!.length));
  assert.is(client.ask('vFile:pread:3,4,0'), 'F4;\x7fELF');
  assert.is(client.ask('vFile:pread:3,4,ffffff'), 'F0;');
});

test('monitor commands', async () => {
  const machine = await sampleMachine();
  const { client, host } = machine;
  assert.match(client.monitor('help'), /monitor snapshot NAME +gives/);
  assert.match(client.monitor(''), /monitor help/);
  assert.match(client.monitor('snapsot x'), /no command "snapsot".*did you mean snapshot/);
  assert.match(client.monitor('stop syscall dup'), /^\d+ {2}syscall dup\n$/);
  assert.match(client.monitor('stop nonsense here'), /nonsense/);
  assert.match(goOn(machine), /^T05thread:2;/);
  assert.match(client.monitor('where'), /pid 2: stopped at .*syscall dup/);
  assert.match(client.monitor('stops'), /syscall dup, 1 hit/);
  client.monitor('snapshot here');
  const here = host.rest.instruction;
  assert.match(client.monitor('maps'), /pid_to_errno.*\n +\[2\] = -22/);
  assert.match(client.monitor('tasks'), /userapp +process 2, on CPU 0/);
  assert.match(client.monitor('dmesg'), /Linux version/);
  assert.match(client.monitor('events 3').split('\n')[0]!, /"type"/);
  assert.match(client.monitor('story'), /user +syscall|syscall +dup/);
  assert.match(client.monitor('explain'), /\w/);
  client.ask('vCont;s:2;c');
  client.monitor('restore here');
  assert.is(host.rest.instruction, here);
  client.monitor(`goto ${here - 100}`);
  assert.is(host.rest.instruction, here - 100);
  assert.match(client.monitor('restore nowhere'), /no snapshot "nowhere"/);
  assert.match(client.monitor('goto x'), /expected/);
  assert.match(client.monitor('delete 99'), /no stop 99/);
  const [id] = client.monitor('stops').split(' ');
  assert.is(client.monitor(`delete ${id}`), '');
  assert.is(client.monitor('stops'), 'none\n');
  assert.match(client.monitor('program'), /\/loader/);
  client.monitor('program 1');
  assert.match(client.transfer('libraries'), /name="\/loader"/);
});

test('letting go: what gdb has set is gone, and the box goes on', async () => {
  const { client, host, box, process } = await sampleMachine();
  client.ask(`Z0,${hex(box.symbols.lookup('rex_dispatcher_func')!)},1`);
  assert.ok(host.stops.length > 0);
  assert.is(client.ask('D'), 'OK');
  assert.is(client.closed, true);
  assert.is(host.stops.length, 0);
  assert.is(box.run({ until: process }).exitCode, 0);
});

test('a gdb that goes away in the middle of a run stops it', async () => {
  const { client, host, box } = await programMachine('again:\tjmp again\n');
  client.send('vCont;c');
  client.run(1);
  client.connection.disconnected();
  const { instructions } = box;
  assert.is(client.run(10), false);
  assert.is(box.instructions, instructions);
  assert.equal(client.take(), []);
  assert.is(host.stops.length, 0);
});

test('thread by thread: a step is one instruction of the thread that is asked for', async () => {
  const machine = await sampleMachine();
  const { client, host, box } = machine;
  client.ask(`Z0,${hex(symbol(machine, 'rex_dispatcher_func'))},1`);
  goOn(machine);
  client.ask(`z0,${hex(symbol(machine, 'rex_dispatcher_func'))},1`);
  assert.is(host.rest.pid, 2);
  // the loader sleeps in wait4 until the program has ended
  assert.is(box.kernel.tasks.get(1)?.state, 'sleeping');
  client.ask('Hg1');
  const before = readRegister(machine, 'rip');
  assert.match(goOn(machine, 'vCont;s:1;c'), /thread:1;/);
  assert.is.not(box.kernel.tasks.get(1)?.state, 'sleeping');
  assert.is.not(readRegister(machine, 'rip'), before);
});

test('a watchpoint in another program: gdb reads the libraries while the value is as it knew it', async () => {
  const machine = await sampleMachine();
  const { client, box } = machine;
  client.ask(`Z0,${hex(symbol(machine, 'rex_dispatcher_func'))},1`);
  goOn(machine);
  client.transfer('libraries');
  client.ask(`z0,${hex(symbol(machine, 'rex_dispatcher_func'))},1`);
  const [map] = box.kernel.bpf.maps.values();
  if (map?.data.kind !== 'hash') throw new Error('expected a hash');
  const at = hex(valueAddress(map, map.data.oldest));
  const value = (): string => client.ask(`m${at},8`);
  assert.is(value(), little(-22n, 8));
  client.ask(`Z2,${at},8`);
  // the loader's child has written it, before it became userapp
  assert.match(client.ask('bc'), /library:/);
  assert.match(client.transfer('libraries'), /name="\/loader"/);
  assert.is(value(), little(-22n, 8));
  assert.is(fieldsOf(client.ask('bc')).get('watch'), at);
  assert.is.not(value(), little(-22n, 8));
  assert.is(fieldsOf(client.ask('vCont;c')).get('watch'), at);
  assert.is(value(), little(-22n, 8));
});

test('two processors: each thread is stepped by itself, whoever has the turn', async () => {
  const box = await Box.boot({ memory: SMALL, cpus: 2 });
  box.files.write('/bin/program', tinyProgram('again:\tinc %rbx\n\tjmp again\n'));
  const process = box.spawn('/bin/program');
  box.spawn('/bin/program');
  const machine = await attach(box, process);
  const { client, host } = machine;
  client.ask('Z0,401003,1');
  goOn(machine);
  client.ask('z0,401003,1');
  // both are in their loops
  client.send('vCont;c');
  client.connection.receive(Uint8Array.of(3));
  client.run(10);
  client.take();
  for (const thread of [1, 2, 2, 1]) {
    client.ask(`Hg${thread}`);
    const [at, count] = [readRegister(machine, 'rip'), readRegister(machine, 'rbx')];
    assert.match(goOn(machine, `vCont;s:${thread};c`), new RegExp(`thread:${thread};`));
    const atInc = at === 0x40_1000n;
    assert.is(readRegister(machine, 'rip'), atInc ? 0x40_1003n : 0x40_1000n);
    assert.is(readRegister(machine, 'rbx'), atInc ? count + 1n : count);
    // what others have executed meanwhile is gone back over
    assert.match(client.ask('bs'), new RegExp(`thread:${thread};`));
    assert.is(readRegister(machine, 'rip'), at);
    assert.is(readRegister(machine, 'rbx'), count);
    client.ask(`vCont;s:${thread};c`);
  }
  assert.is(host.stops.filter(({ target }) => target.kind === 'address').length, 0);
});

/** packets from which others are made by damage */
const seeds = [
  '?', 'g', 'G00', 'p10', 'P1=0000000000000000', 'P10=0010400000000000', 'm401000,40', 'x402000,8', 'M402000,2:0102',
  'X402000,2:ab', 'Z0,401002,1', 'z0,401002,1', 'Z2,402000,4', 'Z3,402000,8', 'Z4,ffff888000000000,1', 'c', 's', 'C05', 'S05;401000',
  'vCont;c', 'vCont;s:1;c', 'vCont;r401000,401010:1', 'bs', 'bc', 'Hg1', 'Hc-1', 'T1', 'qSupported:swbreak+', 'qC',
  'qfThreadInfo', 'qThreadExtraInfo,1', 'qXfer:features:read:target.xml:0,ffff', 'qXfer:libraries:read::0,10',
  'qXfer:threads:read::0,fff', 'vFile:open:2f62696e2f70726f6772616d,0,0', 'vFile:pread:3,100,0', 'vFile:fstat:3', 'vFile:close:3',
  'qRcmd,6d617073', 'qRcmd,73746f702072617820', 'qRcmd,676f746f2031', 'qRcmd,6865', 'qAttached', 'QStartNoAckMode',
]; // prettier-ignore

const damaged = fc
  .tuple(
    fc.constantFrom(...seeds),
    fc.array(fc.tuple(fc.nat(60), fc.constantFrom(...'0123456789abcdf,;:=-$#}*\0\xff'), fc.boolean()), {
      maxLength: 3,
    }),
  )
  .map(([seed, changes]) => {
    let text = seed;
    for (const [at, character, insert] of changes) {
      const place = at % (text.length + 1);
      text = `${text.slice(0, place)}${character}${text.slice(place + (insert ? 0 : 1))}`;
    }
    return text;
  });

test('property: whatever packets come, each is answered once, and nothing is thrown', async () => {
  const source = `again:\tmov %rax, buffer\n\tinc %rax\n\tjmp again\n`;
  await fc.assert(
    fc.asyncProperty(fc.array(damaged, { maxLength: 40 }), async (packets) => {
      const { client, box, host } = await programMachine(source);
      for (const packet of packets) {
        client.send(packet);
        client.run(1);
        client.connection.receive(Uint8Array.of(3));
        client.run(3);
        if (client.closed) return;
        assert.is(client.take().length, 1, packet);
      }
      client.connection.disconnected();
      assert.ok(host.stops.every(({ target }) => target.kind !== 'process'));
      assert.ok(box.instructions < 1e9);
    }),
    { numRuns: slow ? 1000 : 25 },
  );
});

test.run();
