/** Descriptions of instructions: held against what the instructions then do, and asked of anything that may stand in memory. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { loadDisassembler } from '../box/disassemble.ts';
import { readHostFile } from '../box/host-files.ts';
import { registerNames, type RegisterName } from '../cpu/state.ts';
import { createInspector, type Inspector } from '../debugger/inspector.ts';
import type { InstructionDescription, ValueDescription } from '../debugger/types.ts';
import { Box, type BoxOptions } from '../index.ts';
import { copyToUser } from '../kernel/mm/user-memory.ts';
import { assembleCode } from '../toolchain/assembler/index.ts';
import { opcodeRows } from '../cpu/opcodes/index.ts';
import { randomForms, randomInstruction, seeded } from './random-instructions.ts';
import { bootSample } from './support/samples.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const disassemble = await loadDisassembler();
const inspect = (box: Box): Inspector => createInspector(box, { disassemble });
const program = (name: string): Uint8Array => readHostFile(new URL(`programs/bin/${name}`, import.meta.url));

function runTo(box: Box, symbol: string, offset = 0n): void {
  for (let n = 0; n < 1_000_000; n++) {
    const address = box.symbols.lookup(symbol);
    if (address !== undefined && box.registers().rip === address + offset) return;
    if (box.step().instructions === 0) break;
  }
  throw new Error(`${symbol} was not reached`);
}

const valueText = ({ name, address, place, value }: ValueDescription): string =>
  `${name}${address === undefined ? '' : ` (${place})`} = ${value === undefined ? '?' : `0x${value.toString(16)}`}`;

const show = ({ symbol, text, sentence, reads, writes }: InstructionDescription): string[] => [
  `${symbol.replace(/^rex_prog_[0-9a-f]*::/, '')}: ${text}`,
  sentence,
  `reads ${reads.map(valueText).join(', ')}`,
  `writes ${writes.map(valueText).join(', ')}`,
];

/** The first instruction from here on for which `holds`. */
function find(box: Box, holds: (description: InstructionDescription) => boolean): InstructionDescription {
  const inspector = inspect(box);
  for (let n = 0; n < 2000; n++) {
    const description = inspector.instructionAt();
    if (description !== undefined && holds(description)) return description;
    box.step();
  }
  throw new Error('no such instruction');
}

test('the value of a map, read by the program: the address says of which element', async () => {
  const { box } = await bootSample('error_injector');
  runTo(box, 'bpf_map_lookup_elem');
  const load = find(box, ({ reads }) => reads.some(({ place }) => place.startsWith('map ')));
  assert.equal(show(load), [
    'error_injector::err_injector+0x78: mov (%rax),%rax',
    'rax <- mem64[rax]',
    `reads rax = 0x${load.reads[0]!.value!.toString(16)}, 8 bytes at rax (map pid_to_errno, key 2: value) = 0xffffffffffffffea`,
    `writes rax = 0x${load.reads[0]!.value!.toString(16)}`,
  ]);
  assert.is(load.space, 'extension');
  assert.equal(load.source.at(-1)?.file, '/rex/samples/error_injector/main.rs');
});

test('the dispatcher leaves its stack: the slot, the per-CPU variable and the probed registers have names', async () => {
  const { box } = await bootSample('error_injector');
  runTo(box, 'rex_dispatcher_func');
  const load = find(box, ({ text }) => text.startsWith('mov %gs:'));
  assert.is(load.reads.find(({ address }) => address !== undefined)!.place, 'per-CPU area of CPU 0: rex_stack_ptr');
  box.step();
  const store = inspect(box).instructionAt()!;
  assert.is(store.text, 'mov %rsp,(%rbp)');
  assert.is(store.writes[0]!.place, "Rex stack of CPU 0: the dispatcher's saved stack pointer");
  const registers = find(box, ({ writes }) => writes.some(({ place }) => place.includes('pt_regs')));
  assert.match(
    registers.writes.find(({ address }) => address !== undefined)!.place,
    /kernel stack of userapp \(2\): pt_regs/,
  );
});

test('the instructions behind a probe\u2019s int3 are what they were', async () => {
  const box = await Box.boot({ memory: 16 << 20 });
  const inspector = inspect(box);
  const start = box.symbols.lookup('net_rx_action')!;
  const before = inspector.disassemble(start, 12);
  const long = before.findIndex(({ bytes, text }) => bytes.length === 3 && text === 'mov %rdi,%rbx');
  const extension = box.rex.load(
    readHostFile(new URL('../samples/error_injector/error_injector.rex', import.meta.url)),
  );
  const offset = before[long]!.address - start;
  extension.program('err_injector').attachKprobe('net_rx_action', offset);
  const after = inspector.disassemble(start, 12);
  assert.is(after[long]!.text, `int3 (kprobe on ${before[long]!.text})`);
  assert.is(after[long]!.bytes[0], 0xcc);
  assert.equal(after.toSpliced(long, 1), before.toSpliced(long, 1));
});

test('natives, probes and what branches lead to', async () => {
  const { box } = await bootSample('error_injector');
  runTo(box, 'rex_dispatcher_func');
  const inspector = inspect(box);
  const at = (symbol: string, offset = 0n): InstructionDescription =>
    inspector.instructionAt(box.symbols.lookup(symbol)! + offset)!;
  assert.match(at('dump_stack_lvl', 4n).sentence, /the body of dump_stack_lvl/);
  assert.match(at('__x64_sys_dup').sentence, /the kprobe __x64_sys_dup is hit/);
  assert.is(at('__x64_sys_dup').text, 'int3');
  const lines = inspector.disassemble(box.symbols.lookup('do_syscall_64')!, 40);
  assert.is(lines.length, 40);
  assert.ok(lines.some(({ text }) => text.endsWith('<local_bh_enable>')));
  assert.ok(
    lines.every(({ address, bytes }, n) => n === 39 || lines[n + 1]!.address === address + BigInt(bytes.length)),
  );
  assert.equal(inspector.disassemble(0xffff_c8ff_0000_0000n, 3), []);
  assert.is(inspector.instructionAt(0x10n), undefined);
  assert.is(inspector.instructionAt(undefined, { cpu: 7 }), undefined);
});

const wholes: readonly RegExp[] = registerNames.map((name, n) => {
  const short = name.slice(1);
  const byte = n < 4 ? `${short[0]}[lh]` : `${short}l`;
  return n < 8 ? new RegExp(`^(${name}|e${short}|${short}|${byte})$`) : new RegExp(`^${name}[dwb]?$`);
});
const flagBits: Readonly<Record<string, bigint>> = { cf: 0n, pf: 2n, af: 4n, zf: 6n, sf: 7n, df: 10n, of: 11n };

interface Seen {
  readonly registers: Readonly<Record<RegisterName | 'rip' | 'rflags', bigint>>;
  readonly pid: number;
}
const see = (box: Box): Seen => ({
  registers: { ...box.registers() },
  pid: box.kernel.perCpu[0]!.current,
});

/** Every register and flag that an instruction has changed must be among what it was said to write. */
function checkWrites(box: Box, { writes, text, symbol }: InstructionDescription, before: Seen): void {
  const after = see(box);
  registerNames.forEach((name, n) => {
    if (before.registers[name] === after.registers[name]) return;
    const told = writes.some((write) => wholes[n]!.test(write.name));
    assert.ok(told, `${symbol}: ${text} has changed ${name}; told: ${writes.map((write) => write.name).join(' ')}`);
  });
  for (const [flag, bit] of Object.entries(flagBits)) {
    if ((((before.registers.rflags ^ after.registers.rflags) >> bit) & 1n) === 0n) continue;
    assert.ok(
      writes.some(({ name }) => name === flag),
      `${symbol}: ${text} has changed ${flag}`,
    );
  }
}

/** What is said of the present must be there. */
function checkValues(
  box: Box,
  { reads, writes, text, symbol }: InstructionDescription,
  { registers, pid }: Seen,
): void {
  for (const { name, address, value, size } of [...reads, ...writes]) {
    const where = `${symbol}: ${text}: ${name}`;
    const whole = registerNames.find((register) => register === name);
    if (whole !== undefined) assert.is(value, registers[whole], where);
    else if (flagBits[name] !== undefined) assert.is(value, (registers.rflags >> flagBits[name]) & 1n, where);
    else if (address !== undefined) {
      const bytes = box.readMemory(address, size, address < 1n << 63n ? { pid } : {});
      const there = bytes?.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
      assert.is(value, there, where);
    }
  }
}

/** Where an instruction does more than its definition: native bodies, exceptions and what switches tasks. */
const trapped = (box: Box, pid: number): boolean =>
  box.kernel.perCpu[0]!.current !== pid || (box.symbols.describe(box.registers().rip) ?? '').startsWith('asm_');

function follow(box: Box, every: number, most: number): number {
  const inspector = inspect(box);
  let checked = 0;
  for (let n = 0; n < most; n++) {
    const before = see(box);
    const description = n % every === 0 && before.pid !== 0 ? inspector.instructionAt() : undefined;
    if (box.step().instructions === 0) break;
    if (description === undefined || description.text.startsWith('native ') || trapped(box, before.pid)) continue;
    if (box.kernel.cpus[0]!.current !== before.registers.rip) continue;
    checked++;
    checkWrites(box, description, before);
  }
  return checked;
}

const runs: readonly (readonly [string, (options: BoxOptions) => Promise<Box>])[] = [
  ['error_injector', async (options) => (await bootSample('error_injector', [], options)).box],
  ...['floats', 'sha256', 'aes'].map(
    (name) =>
      [
        name,
        async (options: BoxOptions) => {
          const box = await Box.boot(options);
          box.files.write(`/bin/${name}`, program(name));
          box.spawn(`/bin/${name}`);
          return box;
        },
      ] as const,
  ),
];
for (const [name, boot] of runs) {
  test(`${name}: what instructions change is what they were said to write`, async () => {
    const box = await boot({ engine: 'interpreter' });
    assert.ok(follow(box, slow ? 1 : 29, slow ? 200_000 : 30_000) > 300);
  });

  test(`${name}: values that are shown are those that are there`, async () => {
    const box = await boot({});
    const inspector = inspect(box);
    for (let n = 0; n < (slow ? 2000 : 60); n++) {
      if (box.step(slow ? 97 : 677).instructions === 0) break;
      const description = inspector.instructionAt();
      const now = see(box);
      if (description !== undefined && now.pid !== 0) checkValues(box, description, now);
    }
  });
}

test('looking changes nothing', async () => {
  const { box } = await bootSample('error_injector', [], { memory: 16 << 20 });
  runTo(box, 'rex_dispatcher_func');
  const inspector = inspect(box);
  const memory = box.kernel.memory.bytes.slice();
  const slots = box.kernel.cpus[0]!.slots.slice();
  const records = JSON.stringify(box.kernel.perCpu, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}` : value,
  );
  inspector.instructionAt();
  inspector.story();
  for (const { address } of box.symbols.all) inspector.regionAt(address);
  assert.equal(box.kernel.cpus[0]!.slots, slots);
  assert.ok(Buffer.compare(box.kernel.memory.bytes, memory) === 0);
  assert.is(
    JSON.stringify(box.kernel.perCpu, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
    records,
  );
});

test('any bytes and any instruction in a program\u2019s text have a description, and never an exception', async () => {
  const box = await Box.boot({ memory: 32 << 20, avx: true });
  box.files.write('/bin/floats', program('floats'));
  const { pid } = box.spawn('/bin/floats');
  box.step(20_000);
  const task = box.kernel.tasks.get(pid)!;
  const inspector = inspect(box);
  const { rsp } = box.registers();
  const at = (rsp & ~0xfffn) - 4096n + 0xff0n; // on the stack, at a page's end
  const check = (bytes: Uint8Array): void => {
    copyToUser(box.kernel, task, at, bytes.slice(0, 16));
    const description = inspector.instructionAt(at)!;
    assert.ok(description.sentence.length > 0 && description.text.length > 0);
    assert.ok(description.bytes.length >= 1 && description.bytes.length <= 15);
    assert.ok([...description.reads, ...description.writes].every(({ size, name }) => size > 0 && name !== ''));
    inspector.disassemble(at, 4);
  };
  const runsOf = slow ? 20_000 : 800;
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), check), { numRuns: runsOf });
  const random = seeded(7);
  const forms = randomForms(new Set(opcodeRows.map(({ mnemonic }) => mnemonic)));
  let described = 0;
  for (const form of forms) {
    for (let n = 0; n < (slow ? 20 : 1); n++) {
      const made = randomInstruction(random, form);
      if (made === undefined) continue;
      described++;
      check(assembleCode(`\t${made.text}\n\t.zero 16\n`));
    }
  }
  assert.ok(described > 500, `${described}`);
});

test('with any values in the registers, every instruction of the kernel has a description', async () => {
  const { box } = await bootSample('error_injector', [], { memory: 16 << 20 });
  runTo(box, 'rex_dispatcher_func');
  const inspector = inspect(box);
  const live = box.registers();
  const { addresses } = box.kernel.listing;
  const value = fc.oneof(
    fc.bigInt(0n, (1n << 64n) - 1n),
    fc.constantFrom(
      0n,
      1n,
      (1n << 64n) - 1n,
      1n << 63n,
      0x7fff_ffff_fff8n,
      0xffff_7fff_ffff_ffffn,
      live.rsp,
      live.gsBase,
    ),
  );
  const values = fc.array(value, { minLength: registerNames.length, maxLength: registerNames.length });
  const where = fc.integer({ min: 0, max: addresses.length - 1 });
  fc.assert(
    fc.property(values, fc.array(where, { minLength: 20, maxLength: 20 }), (set, indexes) => {
      registerNames.forEach((name, n) => (live[name] = set[n]!));
      for (const index of indexes) {
        const description = inspector.instructionAt(addresses[index]!)!;
        assert.ok(description.sentence.length > 0);
        for (const { address } of [...description.reads, ...description.writes]) {
          assert.ok(address === undefined || (address >= 0n && address < 1n << 64n));
        }
      }
      inspector.instructionAt(set[0]!);
      inspector.disassemble(set[1]!, 3);
      inspector.regionAt(set[2]!);
    }),
    { numRuns: slow ? 1000 : 30 },
  );
});

test.run();
