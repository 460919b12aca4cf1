import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ET_DYN,
  PF_R,
  PF_W,
  PF_X,
  PT_LOAD,
  PT_PHDR,
  R_X86_64_64,
  R_X86_64_RELATIVE,
  RELA_SIZE,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_RELA,
  STB_GLOBAL,
  STB_LOCAL,
  STT_FUNC,
} from '../toolchain/elf/constants.ts';
import {
  ElfError,
  encodeRelocations,
  readElf,
  readVirtual,
  sectionData,
  writeElf,
  type Relocation,
} from '../toolchain/elf/index.ts';
import {
  checkRexImage,
  EntryInsertionError,
  insertEntries,
  layoutProblems,
  programTypes,
} from '../toolchain/entry-insertion/index.ts';

interface TestObject {
  section: string;
  rtti: bigint;
  name: Uint8Array | string;
  /** of the name field; the bytes of `name` when absent */
  length?: bigint;
  /** offset into .text */
  prog?: bigint;
}

interface TestImage {
  objects: TestObject[];
  entries?: string[];
  relocations?: (relocations: Relocation[]) => Relocation[];
  /** appended to the last rex section */
  padding?: number;
  dataFlags?: number;
  dataAddress?: bigint;
}

const TEXT = 0x1000n;
const DATA = 0x2000n;
const ENTRY_FUNCTIONS = ['__rex_entry_kprobe', '__rex_entry_tracepoint', '__rex_handle_timeout'];

const text = (value: Uint8Array | string) => (typeof value === 'string' ? new TextEncoder().encode(value) : value);

/** An image as lld links it: R with .rela.dyn and the names, RX with .text, RW with the program objects. */
function image(parts: TestImage): Uint8Array {
  const { objects, entries = ENTRY_FUNCTIONS, padding = 0, dataFlags = PF_R | PF_W, dataAddress = DATA } = parts;
  const relocations: Relocation[] = [];
  const relative = (offset: bigint, addend: bigint) =>
    relocations.push({ offset, type: R_X86_64_RELATIVE, symbolIndex: 0, addend });
  const names: number[] = [];
  const data = new Uint8Array(objects.length * 32 + padding);
  const view = new DataView(data.buffer);
  for (const [index, object] of objects.entries()) {
    const bytes = text(object.name);
    view.setBigUint64(index * 32, object.rtti, true);
    view.setBigUint64(index * 32 + 24, object.length ?? BigInt(bytes.length), true);
    relative(dataAddress + BigInt(index * 32 + 8), TEXT + (object.prog ?? 0n));
    relative(dataAddress + BigInt(index * 32 + 16), BigInt(names.length));
    names.push(...bytes);
  }
  const rela = encodeRelocations(parts.relocations?.(relocations) ?? relocations);
  const runs = [...new Set(objects.map(({ section }) => section))];
  const sections = runs.map((name, index) => {
    const first = objects.findIndex(({ section }) => section === name);
    const count = objects.filter(({ section }) => section === name).length;
    const size = 32 * count + (index === runs.length - 1 ? padding : 0);
    const address = dataAddress + BigInt(32 * first);
    return { name, flags: SHF_ALLOC | SHF_WRITE, address, size, addralign: 8 };
  });
  const code = new Uint8Array(64 * (entries.length + 1)).fill(0xc3);
  return writeElf({
    type: ET_DYN,
    segments: [
      { type: PT_PHDR, flags: PF_R, address: 0n },
      { flags: PF_R, address: 0n, data: Uint8Array.from([...names, ...rela]) },
      { flags: PF_R | PF_X, address: TEXT, data: code },
      { flags: dataFlags, address: dataAddress, data, memorySize: data.length + 0x20 },
    ],
    sections: [
      {
        name: '.rela.dyn',
        type: SHT_RELA,
        flags: SHF_ALLOC,
        address: BigInt(names.length),
        size: rela.length,
        entsize: RELA_SIZE,
      },
      { name: '.text', flags: SHF_ALLOC | SHF_EXECINSTR, address: TEXT, size: code.length, addralign: 16 },
      ...sections,
      { name: '.comment', data: text('made by hand\0') },
    ],
    symbols: [
      { name: '_RNvC6sample3fun', value: TEXT, size: 64n, type: STT_FUNC, binding: STB_LOCAL, section: '.text' },
      ...entries.map((name, index) => ({
        name,
        value: TEXT + 64n * BigInt(index + 1),
        size: 64n,
        type: STT_FUNC,
        section: '.text',
      })),
    ],
  });
}

const kprobe = (name: string, section = 'rex/kprobe'): TestObject => ({ section, rtti: 2n, name });
const threePrograms: TestObject[] = [
  kprobe('err_injector'),
  kprobe('second', 'rex/kprobe/kprobe_target_func'),
  { section: 'rex/tracepoint/syscalls/sys_enter_dup', rtti: 5n, name: 'größe_1' },
];

function codeOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof EntryInsertionError || error instanceof ElfError, String(error));
    return (error as EntryInsertionError | ElfError).code;
  }
  return 'no error';
}

function allocatedBytes(bytes: Uint8Array): Map<bigint, string> {
  const elf = readElf(bytes);
  const allocated = elf.sections.filter(({ flags }) => (flags & SHF_ALLOC) !== 0);
  return new Map(allocated.map((section) => [section.address, Buffer.from(sectionData(elf, section)).toString('hex')]));
}

test('inserts one entry function per object, in address order', () => {
  const { entries } = insertEntries(image({ objects: threePrograms }));
  assert.equal(
    entries.map(({ name, section, programType, objectAddress }) => [name, section, programType, objectAddress]),
    [
      ['err_injector', 'kprobe', 'kprobe', 0x2000n],
      ['second', 'kprobe/kprobe_target_func', 'kprobe', 0x2020n],
      ['größe_1', 'tracepoint/syscalls/sys_enter_dup', 'tracepoint', 0x2040n],
    ],
  );
  assert.is(entries[1]!.entryAddress - entries[0]!.entryAddress, 32n);
});

test('the entry is push, mov, mov, lea object, call __rex_entry_<type>, pop, ret', () => {
  const { bytes, entries } = insertEntries(image({ objects: threePrograms }));
  const elf = readElf(bytes);
  for (const { entryAddress, objectAddress, programType } of entries) {
    const code = readVirtual(elf, entryAddress, 32);
    const view = new DataView(code.buffer, code.byteOffset, 32);
    const called = elf.symbols.find(({ name }) => name === `__rex_entry_${programType}`)!;
    assert.is(Buffer.from(code.subarray(0, 10)).toString('hex'), '554889e54889fe488d3d');
    assert.is(entryAddress + 14n + BigInt(view.getInt32(10, true)), objectAddress);
    assert.is(code[14], 0xe8);
    assert.is(entryAddress + 19n + BigInt(view.getInt32(15, true)), called.value);
    assert.equal([...code.subarray(19)], [0x5d, 0xc3, ...Array.from({ length: 11 }, () => 0xcc)]);
  }
});

test('sections and symbols name the entry functions', () => {
  const { bytes, entries } = insertEntries(image({ objects: [kprobe('a'), kprobe('b'), ...threePrograms.slice(1)] }));
  const elf = readElf(bytes);
  for (const entry of entries) {
    const symbol = elf.symbols.find(({ name }) => name === entry.name)!;
    assert.equal([symbol.type, symbol.binding, symbol.size], [STT_FUNC, STB_GLOBAL, 21n]);
    assert.is(symbol.value, entry.entryAddress);
    const section = elf.sections[symbol.sectionIndex]!;
    assert.is(section.name, entry.section);
    assert.is(section.flags, SHF_ALLOC | SHF_EXECINSTR);
    assert.ok(symbol.value >= section.address && symbol.value + 32n <= section.address + BigInt(section.size));
  }
  assert.is(elf.sections.filter(({ name }) => name === 'kprobe').length, 1);
});

test('everything of the input stays where it was', () => {
  const input = image({ objects: threePrograms });
  const { bytes } = insertEntries(input);
  const [before, after] = [readElf(input), readElf(bytes)];
  const inserted = allocatedBytes(bytes);
  for (const [address, content] of allocatedBytes(input)) assert.is(inserted.get(address), content);
  assert.equal(after.symbols.slice(0, before.symbols.length), before.symbols);
  assert.equal(after.relocations, before.relocations);
  const kept = before.programHeaders.filter(({ type }) => type !== PT_PHDR);
  assert.equal(after.programHeaders.slice(0, kept.length), kept);
  const comment = after.sections.find(({ name }) => name === '.comment')!;
  assert.is(Buffer.from(sectionData(after, comment)).toString(), 'made by hand\0');
});

test('the output passes the checks of the Rex loader', () => {
  const { bytes } = insertEntries(image({ objects: threePrograms }));
  assert.equal(checkRexImage(bytes), []);
  const loads = readElf(bytes).programHeaders.filter(({ type }) => type === PT_LOAD);
  const rounded = loads.map(({ virtualAddress, memorySize }) => {
    const start = Number(virtualAddress) & ~4095;
    const end = (Number(virtualAddress) + memorySize + 4095) & ~4095;
    return { start, size: end - start, end };
  });
  assert.is(
    rounded.reduce((sum, { size }) => sum + size, 0),
    rounded.at(-1)!.end,
  );
  for (const { offset, virtualAddress, align } of loads) {
    assert.is(align, 4096);
    assert.is(offset % 4096, Number(virtualAddress % 4096n));
  }
  assert.is(loads.at(-1)!.flags, PF_R | PF_X);
});

test('the same input gives the same bytes', () => {
  const input = image({ objects: threePrograms });
  assert.equal(insertEntries(input).bytes, insertEntries(input.slice()).bytes);
});

for (const type of programTypes) {
  for (const section of type.sections) {
    test(`${type.name} in section rex/${section}`, () => {
      const object = { section: `rex/${section}/target`, rtti: BigInt(type.rtti), name: 'program' };
      const { entries } = insertEntries(image({ objects: [object], entries: [`__rex_entry_${type.rustType}`] }));
      assert.equal([entries[0]!.section, entries[0]!.programType], [`${section}/target`, type.rustType]);
    });
  }
}

const refused: readonly [what: string, code: string, parts: TestImage][] = [
  ['no rex section', 'no-program-objects', { objects: [] }],
  ['an unknown rtti', 'unknown-program-type', { objects: [{ ...kprobe('p'), rtti: 99n }] }],
  ['an rtti of 64 bits', 'unknown-program-type', { objects: [{ ...kprobe('p'), rtti: 1n << 63n }] }],
  ['an xdp object in rex/kprobe', 'section-mismatch', { objects: [{ ...kprobe('p'), rtti: 6n }] }],
  ['a section that only starts alike', 'section-mismatch', { objects: [kprobe('p', 'rex/kprobes')] }],
  ['half an object', 'bad-section', { objects: [kprobe('p')], padding: 16 }],
  ['no relocation', 'missing-relocation', { objects: [kprobe('p')], relocations: () => [] }],
  [
    'no relocation of the name',
    'missing-relocation',
    { objects: [kprobe('p')], relocations: (all) => all.slice(0, 1) },
  ],
  [
    'another relocation type',
    'missing-relocation',
    { objects: [kprobe('p')], relocations: (all) => all.map((row) => ({ ...row, type: R_X86_64_64 })) },
  ],
  ['a program outside .text', 'bad-program', { objects: [{ ...kprobe('p'), prog: 0x1000n }] }],
  ['a name that is not UTF-8', 'bad-name', { objects: [{ ...kprobe('p'), name: Uint8Array.of(0x61, 0xff) }] }],
  ['an empty name', 'bad-name', { objects: [kprobe('')] }],
  ['a name with a space', 'bad-name', { objects: [kprobe('a b')] }],
  ['a name that starts with a digit', 'bad-name', { objects: [kprobe('1a')] }],
  ['a name of 512 bytes', 'bad-name', { objects: [kprobe('n'.repeat(512))] }],
  ['a name length beyond the segment', 'bad-name', { objects: [{ ...kprobe('p'), length: 500n }] }],
  ['a name length of 64 bits', 'bad-name', { objects: [{ ...kprobe('p'), length: (1n << 64n) - 1n }] }],
  ['two programs of one name', 'duplicate-name', { objects: [kprobe('p'), kprobe('p')] }],
  ['a name that is taken', 'duplicate-name', { objects: [kprobe('__rex_handle_timeout')] }],
  ['no entry function', 'missing-entry-function', { objects: [kprobe('p')], entries: ['__rex_entry_xdp'] }],
  ['a writable and executable segment', 'not-loadable', { objects: [kprobe('p')], dataFlags: PF_R | PF_W | PF_X }],
  ['a gap between segments', 'not-loadable', { objects: [kprobe('p')], dataAddress: 0x4000n }],
  ['an image of 128 KiB', 'not-loadable', { objects: [kprobe('p')], dataAddress: 0x1f000n }],
];
for (const [what, code, parts] of refused) {
  test(`refuses ${what}: ${code}`, () =>
    assert.is(
      codeOf(() => insertEntries(image(parts))),
      code,
    ));
}

test('messages say where, what was got and what was expected', () => {
  assert.throws(
    () => insertEntries(image({ objects: [{ ...kprobe('p'), rtti: 6n }] })),
    /program object at 0x2000 in section 'rex\/kprobe': rtti 6 is BPF_PROG_TYPE_XDP, expected section 'rex\/xdp'/,
  );
  assert.throws(() => insertEntries(image({ objects: [] })), /found no program object in a section named rex\/\*/);
});

test('refuses to insert twice', () => {
  const { bytes } = insertEntries(image({ objects: threePrograms }));
  assert.is(
    codeOf(() => insertEntries(bytes)),
    'duplicate-name',
  );
});

test('refuses what is not an x86-64 ELF file', () => {
  assert.is(
    codeOf(() => insertEntries(text('not an ELF file at all'))),
    'bad-magic',
  );
  assert.is(
    codeOf(() => insertEntries(writeElf({ type: ET_DYN, machine: 183 }))),
    'bad-machine',
  );
});

test('property: a damaged image is inserted, or refused with a typed error', () => {
  const input = image({ objects: threePrograms });
  const edit = fc.tuple(fc.nat(input.length - 1), fc.oneof(fc.constantFrom(0, 0x7f, 0xff), fc.nat(255)));
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 10 }), (edits) => {
      const damaged = input.slice();
      for (const [at, byte] of edits) damaged[at] = byte;
      codeOf(() => {
        const { bytes } = insertEntries(damaged);
        assert.equal(layoutProblems(readElf(bytes).programHeaders), []);
        assert.ok(bytes.length < 10 * input.length + 65536);
      });
      assert.ok(Array.isArray(checkRexImage(damaged)));
    }),
    { numRuns: 500 },
  );
});

test('checkRexImage lists what the loader would refuse', () => {
  const unsupported = image({
    objects: [kprobe('p')],
    relocations: (all) => [...all, { offset: 0x2000n, type: R_X86_64_64, symbolIndex: 0, addend: 0n }],
    entries: ['__rex_entry_kprobe'],
    dataFlags: PF_R | PF_W | PF_X,
  });
  assert.equal(checkRexImage(unsupported), [
    'PT_LOAD at 0x2000: is writable and executable',
    "'.rela.dyn' at 0x2000: got relocation type 1, expected R_X86_64_RELATIVE, GLOB_DAT or JUMP_SLOT",
    "expected the function '__rex_handle_timeout' of the rex crate in .symtab",
  ]);
  assert.equal(checkRexImage(text('#!/bin/sh')), ['elf: file offset 0x0: got 23 21 2f 62, expected 7f 45 4c 46']);
});

const crate = {
  'Cargo.toml': `[package]
name = "sample"
version = "0.1.0"
edition = "2024"
[[bin]]
name = "sample"
path = "main.rs"
test = false
[profile.dev]
panic = "abort"
[profile.release]
panic = "abort"
lto = "fat"
codegen-units = 1
`,
  '.cargo/config.toml': `[build]
target = "x86_64-unknown-linux-gnu"
[target.x86_64-unknown-linux-gnu]
rustflags = [
  "-Clinker=rust-lld", "-Clinker-flavor=ld.lld", "-Crelocation-model=pie", "-Cforce-frame-pointers=yes",
  "-Csymbol-mangling-version=v0", "-Cforce-unwind-tables=no", "-Cdefault-linker-libraries=no",
  "-Clink-arg=-zdynamic-undefined-weak", "-Clink-arg=--unresolved-symbols=ignore-all", "-Clink-arg=--build-id=none",
]
`,
  'main.rs': `#![no_std]
#![no_main]
#[repr(C)]
pub struct Program { rtti: u64, prog: fn(&Program, *mut u64) -> u32, name: &'static str }
unsafe impl Sync for Program {}
unsafe extern "C" { fn rex_landingpad() -> !; fn bpf_ktime_get_ns() -> u64; }
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { unsafe { rex_landingpad() } }
fn first(_: &Program, _: *mut u64) -> u32 { unsafe { bpf_ktime_get_ns() as u32 } }
fn second(_: &Program, _: *mut u64) -> u32 { 7 }
#[used] #[unsafe(link_section = "rex/kprobe")]
static FIRST: Program = Program { rtti: 2, prog: first, name: "first" };
#[used] #[unsafe(link_section = "rex/xdp/eth0")]
static SECOND: Program = Program { rtti: 6, prog: second, name: "second" };
#[unsafe(no_mangle)] extern "C" fn __rex_entry_kprobe(o: &Program, c: *mut u64) -> u32 { (o.prog)(o, c) }
#[unsafe(no_mangle)] extern "C" fn __rex_entry_xdp(o: &Program, c: *mut u64) -> u32 { (o.prog)(o, c) + 1 }
#[unsafe(no_mangle)] extern "C" fn __rex_handle_timeout() -> ! { panic!() }
type Entry = extern "C" fn(&Program, *mut u64) -> u32;
#[used] static KEEP: (Entry, Entry, extern "C" fn() -> !) =
  (__rex_entry_kprobe, __rex_entry_xdp, __rex_handle_timeout);
`,
};

test('an image linked by rustc and lld', () => {
  if (spawnSync('rustc', ['--version']).status !== 0) {
    console.log('skipped: no rustc');
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), 'entry-insertion-test-'));
  try {
    mkdirSync(join(directory, '.cargo'));
    for (const [name, content] of Object.entries(crate)) writeFileSync(join(directory, name), content);
    const env = { ...process.env, CARGO_TARGET_DIR: join(directory, 'target') };
    execFileSync('cargo', ['build', '--offline', '--release'], { cwd: directory, env, stdio: 'pipe' });
    const linked = readFileSync(join(directory, 'target/x86_64-unknown-linux-gnu/release/sample'));
    const { bytes, entries } = insertEntries(new Uint8Array(linked));
    assert.equal(
      entries.map(({ name, section }) => [name, section]),
      [
        ['first', 'kprobe'],
        ['second', 'xdp/eth0'],
      ],
    );
    assert.equal(checkRexImage(bytes, { kernelSymbols: new Set(['rex_landingpad', 'bpf_ktime_get_ns']) }), []);
    const missing = checkRexImage(bytes, { kernelSymbols: new Set(['rex_landingpad']) });
    assert.is(missing.length, 1);
    assert.match(missing[0]!, /unknown kernel symbol 'bpf_ktime_get_ns'/);

    const path = join(directory, 'sample.rex');
    writeFileSync(path, bytes);
    const host = spawnSync('readelf', ['-aW', path], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
    if (host.error !== undefined) {
      console.log('skipped: no readelf');
      return;
    }
    assert.is(host.stderr, '');
    assert.match(host.stdout, /21 FUNC +GLOBAL DEFAULT +\d+ second/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** An image whose attributes wrote the entries: a function in each executable section. */
function generatedImage(sections: readonly (readonly [section: string, name?: string])[]): Uint8Array {
  const place = (index: number): bigint => TEXT + 64n * BigInt(index);
  return writeElf({
    type: ET_DYN,
    segments: [
      { flags: PF_R, address: 0n, data: new Uint8Array(16) },
      { flags: PF_R | PF_X, address: TEXT, data: new Uint8Array(64 * sections.length).fill(0xc3) },
    ],
    sections: sections.map(([name], index) => ({
      name,
      flags: SHF_ALLOC | SHF_EXECINSTR,
      address: place(index),
      size: 64,
      addralign: 16,
    })),
    symbols: sections.flatMap(([section, name], index) =>
      name === undefined ? [] : [{ name, value: place(index), size: 64n, type: STT_FUNC, binding: STB_LOCAL, section }],
    ),
  });
}

test('entries that attributes wrote only lose the prefix of their section and become global', () => {
  const image = generatedImage([
    ['.text', '__rex_handle_timeout'],
    ['rex/xdp', 'rx'],
    ['rex/uprobe//bin/true:main', 'probe'],
  ]);
  const { bytes, entries } = insertEntries(image);
  assert.equal(
    entries.map(({ name, section, programType, entryAddress, objectAddress }) => [
      name,
      section,
      programType,
      entryAddress,
      objectAddress,
    ]),
    [
      ['rx', 'xdp', 'xdp', TEXT + 64n, undefined],
      ['probe', 'uprobe//bin/true:main', 'kprobe', TEXT + 128n, undefined],
    ],
  );
  const elf = readElf(bytes);
  for (const { name, section } of entries) {
    const symbol = elf.symbols.find((row) => row.name === name)!;
    assert.is(symbol.binding, STB_GLOBAL);
    assert.is(elf.sections[symbol.sectionIndex]!.name, section);
  }
  assert.equal(allocatedBytes(bytes), allocatedBytes(image));
  assert.equal(checkRexImage(bytes), []);
});

test('executable sections without a function, or of no known type, are refused', () => {
  assert.is(
    codeOf(() => insertEntries(generatedImage([['rex/xdp']]))),
    'bad-section',
  );
  assert.is(
    codeOf(() => insertEntries(generatedImage([['rex/socket', 'f']]))),
    'unknown-program-type',
  );
});

test.run();
