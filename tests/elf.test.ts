import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as elfConstants from '../toolchain/elf/constants.ts';
import {
  addString,
  createStringTable,
  demangle,
  ElfError,
  encodeRelocations,
  encodeSymbols,
  readElf,
  readHeader,
  readProgramHeaders,
  readVirtual,
  requireMachine,
  sectionData,
  segmentData,
  writeElf,
} from '../toolchain/elf/index.ts';

const {
  EM_BPF,
  EM_X86_64,
  ET_DYN,
  ET_EXEC,
  PF_R,
  PF_W,
  PF_X,
  PT_GNU_RELRO,
  PT_LOAD,
  R_X86_64_GLOB_DAT,
  R_X86_64_RELATIVE,
  RELA_SIZE,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHN_ABS,
  SHT_DYNSYM,
  SHT_NOBITS,
  SHT_RELA,
  SHT_STRTAB,
  STB_GLOBAL,
  STB_LOCAL,
  STT_FUNC,
  STT_NOTYPE,
  SYM_SIZE,
} = elfConstants;

/** R with .dynsym, .dynstr and .rela.dyn; RX with .text; RW with .data and .bss. */
function sharedObject(): Uint8Array {
  const dynstr = createStringTable();
  addString(dynstr, 'kernel_function');
  const undefinedSymbol = { value: 0n, size: 0n, type: STT_NOTYPE, visibility: 0, sectionIndex: 0 };
  const dynsym = encodeSymbols(
    [
      { ...undefinedSymbol, name: '', binding: STB_LOCAL },
      { ...undefinedSymbol, name: 'kernel_function', binding: STB_GLOBAL },
    ],
    dynstr,
  );
  const rela = encodeRelocations([
    { offset: 0x2000n, type: R_X86_64_RELATIVE, symbolIndex: 0, addend: 0x1002n },
    { offset: 0x2008n, type: R_X86_64_GLOB_DAT, symbolIndex: 1, addend: -1n },
  ]);
  const first = new Uint8Array([...dynsym, ...rela, ...dynstr.bytes]);
  return writeElf({
    type: ET_DYN,
    entry: 0x1000n,
    segments: [
      { flags: PF_R, address: 0n, data: first },
      { flags: PF_R | PF_X, address: 0x1000n, data: Uint8Array.of(0x31, 0xc0, 0xc3) },
      { flags: PF_R | PF_W, address: 0x2000n, data: new Uint8Array(16), memorySize: 0x100 },
      { type: PT_GNU_RELRO, flags: PF_R, address: 0x2000n, memorySize: 16, align: 8 },
    ],
    sections: [
      {
        name: '.dynsym',
        type: SHT_DYNSYM,
        flags: SHF_ALLOC,
        address: 0n,
        size: dynsym.length,
        link: '.dynstr',
        info: 1,
        entsize: SYM_SIZE,
      },
      {
        name: '.rela.dyn',
        type: SHT_RELA,
        flags: SHF_ALLOC,
        address: BigInt(dynsym.length),
        size: rela.length,
        link: '.dynsym',
        entsize: RELA_SIZE,
      },
      {
        name: '.dynstr',
        type: SHT_STRTAB,
        flags: SHF_ALLOC,
        address: BigInt(dynsym.length + rela.length),
        size: dynstr.bytes.length,
      },
      { name: '.text', flags: SHF_ALLOC | SHF_EXECINSTR, address: 0x1000n, size: 3, addralign: 16 },
      { name: '.data', flags: SHF_ALLOC | SHF_WRITE, address: 0x2000n, size: 16, addralign: 8 },
      { name: '.bss', type: SHT_NOBITS, flags: SHF_ALLOC | SHF_WRITE, address: 0x2010n, size: 0xf0 },
      { name: '.comment', data: new TextEncoder().encode('made by hand\0') },
    ],
    symbols: [
      { name: 'local', value: 0x1002n, type: STT_FUNC, binding: STB_LOCAL, section: '.text' },
      { name: 'main', value: 0x1000n, size: 3n, type: STT_FUNC, section: '.text' },
      { name: 'größe', value: 7n, section: SHN_ABS },
    ],
  });
}

function codeOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    assert.instance(error, ElfError);
    return (error as ElfError).code;
  }
  return 'no error';
}

function edited(bytes: Uint8Array, edit: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  edit(new DataView(copy.buffer));
  return copy;
}

test('reads back what writeElf wrote', () => {
  const elf = readElf(sharedObject());
  assert.is(elf.header.type, ET_DYN);
  assert.is(elf.header.machine, EM_X86_64);
  assert.is(elf.header.entry, 0x1000n);
  assert.equal(
    elf.programHeaders.map((row) => [row.type, row.flags, row.virtualAddress, row.fileSize, row.memorySize, row.align]),
    [
      [PT_LOAD, PF_R, 0n, 113, 113, 4096],
      [PT_LOAD, PF_R | PF_X, 0x1000n, 3, 3, 4096],
      [PT_LOAD, PF_R | PF_W, 0x2000n, 16, 0x100, 4096],
      [PT_GNU_RELRO, PF_R, 0x2000n, 16, 16, 8],
    ],
  );
  for (const { type, offset, virtualAddress } of elf.programHeaders) {
    if (type === PT_LOAD) assert.is(offset % 4096, Number(virtualAddress % 4096n));
  }
  assert.equal(
    elf.sections.map(({ name }) => name),
    ['', '.dynsym', '.rela.dyn', '.dynstr', '.text', '.data', '.bss', '.comment', '.symtab', '.strtab', '.shstrtab'],
  );
  assert.equal(
    elf.symbols.map(({ name, value, binding, sectionIndex }) => [name, value, binding, sectionIndex]),
    [
      ['', 0n, STB_LOCAL, 0],
      ['local', 0x1002n, STB_LOCAL, 4],
      ['main', 0x1000n, STB_GLOBAL, 4],
      ['größe', 7n, STB_GLOBAL, SHN_ABS],
    ],
  );
  assert.is(elf.sections[8]!.info, 2);
  assert.equal(
    elf.dynamicSymbols.map(({ name }) => name),
    ['', 'kernel_function'],
  );
  assert.equal(elf.relocations, [
    { offset: 0x2000n, type: R_X86_64_RELATIVE, symbolIndex: 0, addend: 0x1002n },
    { offset: 0x2008n, type: R_X86_64_GLOB_DAT, symbolIndex: 1, addend: -1n },
  ]);
});

test('gives section, segment and virtual bytes without copying', () => {
  const bytes = sharedObject();
  const elf = readElf(bytes);
  const text = elf.sections.find(({ name }) => name === '.text')!;
  assert.equal([...sectionData(elf, text)], [0x31, 0xc0, 0xc3]);
  assert.is(sectionData(elf, text).buffer, bytes.buffer);
  assert.equal([...segmentData(bytes, elf.programHeaders[1]!)], [0x31, 0xc0, 0xc3]);
  assert.equal([...readVirtual(elf, 0x1001n, 2)], [0xc0, 0xc3]);
  assert.is(
    sectionData(
      elf,
      elf.sections.find(({ name }) => name === '.bss')!,
    ).length,
    0,
  );
  for (const [address, size] of [
    [0x1001n, 3],
    [0x2010n, 1],
    [0xfffn, 2],
    [-1n, 1],
  ] as const) {
    assert.is(
      codeOf(() => readVirtual(elf, address, size)),
      'unmapped-address',
    );
  }
});

test('a file without section headers has segments only', () => {
  const bytes = writeElf({
    type: ET_EXEC,
    entry: 0x401000n,
    segments: [{ flags: PF_R | PF_X, address: 0x401000n, data: Uint8Array.of(0xf4) }],
  });
  const elf = readElf(bytes);
  assert.equal([elf.sections, elf.symbols, elf.dynamicSymbols, elf.relocations], [[], [], [], []]);
  assert.equal(readProgramHeaders(bytes), elf.programHeaders);
});

test('program headers are readable when the section table is not', () => {
  const bytes = edited(sharedObject(), (view) => view.setBigUint64(40, 1n << 40n, true));
  assert.is(readProgramHeaders(bytes).length, 4);
  assert.is(
    codeOf(() => readElf(bytes)),
    'truncated',
  );
});

test('a byte offset of the input array is respected', () => {
  const bytes = sharedObject();
  const larger = new Uint8Array(bytes.length + 12);
  larger.set(bytes, 5);
  const { bytes: _, ...moved } = readElf(larger.subarray(5, 5 + bytes.length));
  const { bytes: __, ...plain } = readElf(bytes);
  assert.equal(moved, plain);
});

const malformed: readonly [what: string, code: string, edit: (view: DataView) => void][] = [
  ['magic', 'bad-magic', (view) => view.setUint8(1, 0)],
  ['class', 'not-elf64', (view) => view.setUint8(4, 1)],
  ['byte order', 'not-little-endian', (view) => view.setUint8(5, 2)],
  ['ident version', 'bad-version', (view) => view.setUint8(6, 0)],
  ['version', 'bad-version', (view) => view.setUint32(20, 2, true)],
  ['header size', 'bad-header', (view) => view.setUint16(52, 52, true)],
  ['program header size', 'bad-header', (view) => view.setUint16(54, 32, true)],
  ['program header count', 'bad-header', (view) => view.setUint16(56, 0xffff, true)],
  ['program header offset', 'truncated', (view) => view.setBigUint64(32, 0xffff_ffffn, true)],
  ['program header offset of 64 bits', 'too-large', (view) => view.setBigUint64(32, 1n << 63n, true)],
  ['segment file size', 'truncated', (view) => view.setBigUint64(64 + 32, 0x1_0000n, true)],
  ['segment memory size', 'bad-program-header', (view) => view.setBigUint64(64 + 40, 1n, true)],
  ['segment end', 'bad-program-header', (view) => view.setBigUint64(64 + 16, (1n << 64n) - 8n, true)],
  ['section row size', 'bad-section', (view) => view.setUint16(58, 40, true)],
  ['section count', 'bad-section', (view) => view.setUint16(60, 0, true)],
  ['section count beyond the file', 'truncated', (view) => view.setUint16(60, 0xffff, true)],
  ['section name index', 'bad-section', (view) => view.setUint16(62, 40, true)],
];
for (const [what, code, edit] of malformed) {
  test(`malformed ${what}: ${code}`, () =>
    assert.is(
      codeOf(() => readElf(edited(sharedObject(), edit))),
      code,
    ));
}

test('malformed tables name the table', () => {
  const bytes = sharedObject();
  const row = (name: string) => {
    const elf = readElf(bytes);
    return elf.header.sectionHeaderOffset + 64 * elf.sections.findIndex((section) => section.name === name);
  };
  const withRow = (name: string, edit: (view: DataView, at: number) => void) =>
    codeOf(() => readElf(edited(bytes, (view) => edit(view, row(name)))));
  assert.is(
    withRow('.symtab', (view, at) => view.setBigUint64(at + 56, 16n, true)),
    'bad-symbol-table',
  );
  assert.is(
    withRow('.symtab', (view, at) => view.setUint32(at + 40, 99, true)),
    'bad-section',
  );
  assert.is(
    withRow('.strtab', (view, at) => view.setBigUint64(at + 32, 4n, true)),
    'bad-string',
  );
  assert.is(
    withRow('.rela.dyn', (view, at) => view.setBigUint64(at + 32, 47n, true)),
    'bad-relocation-table',
  );
  assert.is(
    withRow('.text', (view, at) => view.setBigUint64(at + 24, 1n << 30n, true)),
    'truncated',
  );
  assert.is(
    withRow('.text', (view, at) => view.setUint32(at, 0xffff, true)),
    'bad-string',
  );
});

test('short files are truncated, other files have no magic', () => {
  assert.is(
    codeOf(() => readElf(new Uint8Array())),
    'truncated',
  );
  assert.is(
    codeOf(() => readHeader(sharedObject().subarray(0, 63))),
    'truncated',
  );
  assert.is(
    codeOf(() => readHeader(new TextEncoder().encode('#!/bin/sh\n'))),
    'bad-magic',
  );
});

test('requireMachine names what was got', () => {
  const { header } = readElf(writeElf({ type: ET_DYN, machine: EM_BPF }));
  assert.is(
    codeOf(() => requireMachine(header, EM_X86_64)),
    'bad-machine',
  );
  assert.throws(() => requireMachine(header, EM_X86_64), /e_machine at file offset 0x12: got 0xf7, expected 0x3e/);
  requireMachine(header, EM_BPF);
});

test('overlapping strings cannot blow up memory', () => {
  const count = 20_000;
  const strtab = new Uint8Array(65_000).fill(0x61);
  strtab[strtab.length - 1] = 0;
  const symtab = new Uint8Array(count * SYM_SIZE);
  const view = new DataView(symtab.buffer);
  for (let index = 0; index < count; index++) view.setUint32(index * SYM_SIZE, index, true);
  const bytes = writeElf({
    type: ET_DYN,
    sections: [
      { name: 'names', type: SHT_STRTAB, data: strtab },
      { name: 'symbols', type: SHT_DYNSYM, data: symtab, link: 'names', entsize: SYM_SIZE },
    ],
  });
  assert.is(
    codeOf(() => readElf(bytes)),
    'bad-string',
  );
});

/** Damages a file: some bytes replaced, perhaps cut short. */
function damage(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  // most edits hit the headers and tables, which stand at the start and the end
  const offset = fc.oneof(
    fc.integer({ min: 0, max: Math.min(600, bytes.length - 1) }),
    fc.integer({ min: Math.max(0, bytes.length - 2500), max: bytes.length - 1 }),
    fc.integer({ min: 0, max: bytes.length - 1 }),
  );
  const value = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 }));
  const length = fc.oneof(fc.constant(bytes.length), fc.integer({ min: 0, max: bytes.length }));
  return fc.tuple(fc.array(fc.tuple(offset, value), { maxLength: 12 }), length).map(([edits, end]) => {
    const copy = bytes.slice(0, end);
    for (const [at, byte] of edits) if (at < end) copy[at] = byte;
    return copy;
  });
}

test('property: damaged files give an ElfFile or an ElfError', () => {
  const files = [sharedObject(), ...(existsSync('/bin/true') ? [new Uint8Array(readFileSync('/bin/true'))] : [])];
  for (const file of files) {
    fc.assert(
      fc.property(damage(file), (bytes) => {
        for (const read of [readElf, readProgramHeaders]) {
          const code = codeOf(() => read(bytes));
          assert.ok(code.length > 0);
        }
      }),
      { numRuns: 400 },
    );
  }
});

test('the host agrees about a written file', () => {
  if (spawnSync('readelf', ['--version']).status !== 0) {
    console.log('skipped: no readelf');
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), 'elf-test-'));
  try {
    const path = join(directory, 'object');
    writeFileSync(path, sharedObject());
    const result = spawnSync('readelf', ['-aW', path], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
    assert.is(result.stderr, '');
    assert.match(result.stdout, /R_X86_64_GLOB_DAT +0+ kernel_function - 1/);
    assert.match(result.stdout, /FUNC +GLOBAL DEFAULT +4 main/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

// printed by rustc 1.95.0, -Csymbol-mangling-version=v0
const v0: readonly [mangled: string, path: string][] = [
  ['_RNvCsgtxviGKANfe_6sample5first', 'sample::first'],
  ['_RINvCsgtxviGKANfe_6sample5twiceNCNvB2_5first0EB2_', 'sample::twice::<sample::first::{closure#0}>'],
  ['_RNvCsfLfy6EI15iL_7___rustc17rust_begin_unwind', '__rustc::rust_begin_unwind'],
  ['_RNvXs8_NtNtNtCsgEmfK2I1SDS_4core3fmt3num3impmNtB9_7Display3fmt', '<u32 as core::fmt::Display>::fmt'],
  [
    '_RNvXsR_NtCsgEmfK2I1SDS_4core6optionINtB5_6OptionAmj3_ENtNtB7_3fmt5Debug3fmtCsgtxviGKANfe_6sample',
    '<core::option::Option<[u32; 3]> as core::fmt::Debug>::fmt',
  ],
  [
    '_RNvYNtCsgtxviGKANfe_6sample4SinkNtNtCsgEmfK2I1SDS_4core3fmt5Write9write_fmtB4_',
    '<sample::Sink as core::fmt::Write>::write_fmt',
  ],
  [
    '_RNvNvMsa_NtCsgEmfK2I1SDS_4core3fmtNtB7_9Formatter12pad_integral12write_prefix',
    '<core::fmt::Formatter>::pad_integral::write_prefix',
  ],
  ['_RNCNCNvMs0_Cs2YQtK0LYWoJ_2dmINtB9_4RinghKj2_E4each00B9_', '<dm::Ring<u8, 2>>::each::{closure#0}::{closure#0}'],
  ['_RNvXs_Cs2YQtK0LYWoJ_2dmINtB4_4RingReKj4_ENtB4_5Shape4area', '<dm::Ring<&str, 4> as dm::Shape>::area'],
  ['_RINvCs2YQtK0LYWoJ_2dm5applyFKCdcEzEB2_', 'dm::apply::<extern "C" fn(f64, char) -> !>'],
  ['_RINvCs2YQtK0LYWoJ_2dm5applyFUK6systemEuEB2_', 'dm::apply::<unsafe extern "system" fn()>'],
  [
    '_RINvCs2YQtK0LYWoJ_2dm5applyFG0_RL1_hRL0_hFG_RL2_hRL0_eERL0_hEuEB2_',
    "dm::apply::<for<'a, 'b> fn(&'a u8, &'b u8, for<'c> fn(&'a u8, &'c str) -> &'c u8)>",
  ],
  [
    '_RINvCs2YQtK0LYWoJ_2dm5applyRDG_INtNtNtCsgEmfK2I1SDS_4core3ops8function2FnTRL0_hQL0_StEEp6OutputPlEL_EB2_',
    "dm::apply::<&dyn for<'a> core::ops::function::Fn<(&'a u8, &'a mut [u16]), Output = *const i32>>",
  ],
  [
    '_RINvCs2YQtK0LYWoJ_2dm5applyRDNtB2_5Shapep3OuthNtNtCsgEmfK2I1SDS_4core6marker4SendEL_EB2_',
    'dm::apply::<&dyn dm::Shape<Out = u8> + core::marker::Send>',
  ],
  [
    '_RINvCs2YQtK0LYWoJ_2dm5applyTINtB2_3NegKln5_EINtB2_4FlagKb1_EINtB2_2ChKc78_EIBX_Kca_EEEB2_',
    "dm::apply::<(dm::Neg<-5>, dm::Flag<true>, dm::Ch<'x'>, dm::Ch<'\\n'>)>",
  ],
  ['_RINvCs2YQtK0LYWoJ_2dm5applyThEEB2_', 'dm::apply::<(u8,)>'],
];

// by hand, from the grammar of RFC 2603
const byHand: readonly [mangled: string, path: string][] = [
  ['_RNvC7mycrate3foo', 'mycrate::foo'],
  ['_RNvC7mycrate3_123', 'mycrate::123'],
  ['_RNCNvC1a1fs0_0', 'a::f::{closure#2}'],
  ['_RNCNvC1a1f4name', 'a::f::{closure:name#0}'],
  ['_RNSNvC1a1f6vtable', 'a::f::{shim:vtable#0}'],
  ['_RNvC1au7gre_8ka', 'a::punycode{gre_8ka}'],
  ['_RNvC1a1f.llvm.1234', 'a::f'],
  ['_RNvC1a1f.cold', 'a::f.cold'],
  ['_RINvC1a1fKRe616263_E', 'a::f::<&"abc">'],
  ['_RINvC1a1fKAlp_KTEEE', '_RINvC1a1fKAlp_KTEEE'],
  ['_RINvC1a1fKAj1_j2_EE', 'a::f::<[1, 2]>'],
  ['_RINvC1a1fKVNvB2_1SS1xj1_1yb0_EE', 'a::f::<a::S { x: 1, y: false }>'],
  ['_RINvC1a1fL_E', "a::f::<'_>"],
  [
    '_ZN63_$LT$dm..Ring$LT$$RF$str$C$4_usize$GT$$u20$as$u20$dm..Shape$GT$4area17h9f1172513b73a3f0E',
    '<dm::Ring<&str,4_usize> as dm::Shape>::area',
  ],
  ['_ZN2dm4each28_$u7b$$u7b$closure$u7d$$u7d$17h8173bc3e5be544beE', 'dm::each::{{closure}}'],
];
for (const [mangled, path] of [...v0, ...byHand]) {
  test(`demangles to ${path}`, () => assert.is(demangle(mangled), path));
}

test('other names stay as they are', () => {
  for (const name of [
    '',
    'main',
    '_R',
    '_RNv',
    '_R0NvC1a1f',
    '_RNvC9a',
    '_RB_',
    '_RNvC1a1fBz_',
    '_ZN3foo3barEv',
    '_ZNE',
    '_ZN',
  ]) {
    assert.is(demangle(name), name);
  }
});

test('nesting and back-references are bounded', () => {
  const deep = `_RINvC1a1f${'R'.repeat(60_000)}hE`;
  assert.is(demangle(deep), deep);
  assert.is(demangle(bomb(2)), 'a::f::<(u8, u8), ((u8, u8), (u8, u8)), (((u8, u8), (u8, u8)), ((u8, u8), (u8, u8)))>');
  assert.is(demangle(bomb(30)), bomb(30));
});

/** Generic arguments of which each is a tuple that holds the one before twice. */
function bomb(levels: number): string {
  const digits = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const digitsOf = (value: number): string =>
    value < 62 ? digits[value]! : digitsOf(Math.floor(value / 62)) + digits[value % 62]!;
  let name = '_RINvC1a1f';
  let before = name.length - 2;
  name += 'ThhE';
  for (let level = 0; level < levels; level++) {
    const start = name.length - 2;
    const reference = `B${digitsOf(before - 1)}_`;
    name += `T${reference}${reference}E`;
    before = start;
  }
  return `${name}E`;
}

test('property: demangle returns a string whatever the name', () => {
  const piece = fc.constantFrom(
    ...'NvCtMXYIBERQTFDKGLPOASpsu_0129abhjz'.split(''),
    '4core',
    '3fmt',
    'Cs_',
    'B_',
    '\u{fc}',
    '$',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), fc.constantFrom('_R', '_RNv', '_RINv', '_ZN'), (pieces, prefix) => {
      assert.type(demangle(prefix + pieces.join('')), 'string');
    }),
    { numRuns: 2000 },
  );
});

test('a fresh rustc run demangles completely', () => {
  if (spawnSync('rustc', ['--version']).status !== 0) {
    console.log('skipped: no rustc');
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), 'demangle-test-'));
  try {
    const source = join(directory, 'pieces.rs');
    writeFileSync(
      source,
      `#![no_std]
pub trait Shape { fn area(&self) -> u32; }
pub struct Ring<T, const N: usize>(pub [T; N]);
impl Shape for Ring<&'static str, 4> { #[inline(never)] fn area(&self) -> u32 { apply(|x| x + 1) } }
#[inline(never)] fn apply<F: Fn(u32) -> u32>(f: F) -> u32 { f(1) }
pub fn start() -> u32 { Ring([""; 4]).area() }
`,
    );
    const object = join(directory, 'pieces.o');
    const flags = ['--edition=2021', '--crate-type=lib', '-Csymbol-mangling-version=v0', '--emit=obj', '-o', object];
    execFileSync('rustc', [...flags, source], { stdio: 'pipe' });
    const names = new Set(readElf(new Uint8Array(readFileSync(object))).symbols.map(({ name }) => demangle(name)));
    const closure = '<pieces::Ring<&str, 4> as pieces::Shape>::area::{closure#0}';
    const expected = ['pieces::start', '<pieces::Ring<&str, 4> as pieces::Shape>::area', closure];
    for (const name of [...expected, `pieces::apply::<${closure}>`]) assert.ok(names.has(name), name);
    assert.not.ok([...names].some((name) => name.startsWith('_R')));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.run();
