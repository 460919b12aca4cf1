import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readDebugInformation } from '../toolchain/dwarf/index.ts';
import { cursorAt, debugSection, readSleb64, readUleb, readUleb64 } from '../toolchain/dwarf/cursor.ts';
import { DwarfError } from '../toolchain/dwarf/error.ts';
import { createIntervals, smallestAt } from '../toolchain/dwarf/intervals.ts';
import { ElfError, readElf, writeElf } from '../toolchain/elf/index.ts';
import { ET_EXEC, PF_R, PF_X, SHF_ALLOC, SHF_EXECINSTR } from '../toolchain/elf/constants.ts';
import { repositoryRoot } from '../toolchain/build/repository.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const image = new Uint8Array(readFileSync(join(repositoryRoot, 'samples/error_injector/error_injector.rex')));

const u16 = (value: number): number[] => [value & 255, value >> 8];
const u32 = (value: number): number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];
const u64 = (value: number): number[] => [...u32(value), 0, 0, 0, 0];
const text = (value: string): number[] => [...new TextEncoder().encode(value), 0];
const sized = (body: readonly number[]): number[] => [...u32(body.length), ...body];

/** Code at 0x401000 with hand-made debug sections. */
function program(sections: Readonly<Record<string, readonly number[]>>): Uint8Array {
  return writeElf({
    type: ET_EXEC,
    entry: 0x401000n,
    segments: [{ address: 0x401000n, flags: PF_R | PF_X, data: new Uint8Array(256) }],
    sections: [
      { name: '.text', address: 0x401000n, size: 256, flags: SHF_ALLOC | SHF_EXECINSTR },
      ...Object.entries(sections).map(([name, bytes]) => ({ name, data: Uint8Array.from(bytes) })),
    ],
  });
}

/** minimum length 1, is_stmt, line_base -5, line_range 14, opcode_base 13 */
const machine = [1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];
const setAddress = (address: number): number[] => [0, 9, 2, ...u64(address)];
/** a row: `bytes` on, `lines` further, -5 to 8 */
const special = (bytes: number, lines: number): number => lines + 5 + 14 * bytes + 13;
const opcodes = [
  ...setAddress(0x401000),
  [3, 9, special(0, 0)], // 0x401000: line 10
  special(4, 1), // 0x401004: line 11
  [4, 2, 5, 7, 6, special(4, 2)], // 0x401008: the other file, line 13, column 7, no statement
  [4, 1, 5, 0, 6, 3, 0x7e, special(8, 0)], // 0x401010: the first file, line 11
  [2, 0x10, 0, 1, 1], // to 0x401020
].flat();

const lineTable4 = ((): number[] => {
  const tables = [...text('lib'), 0, ...text('main.c'), 0, 0, 0, ...text('list.h'), 1, 0, 0, 0];
  const header = [...machine, ...tables];
  return sized([...u16(4), ...u32(header.length), ...header, ...opcodes]);
})();

const lineTable5 = ((): number[] => {
  const md5 = Array<number>(16).fill(0xaa);
  const directories = [1, 1, 0x08, 2, ...text('/home'), ...text('lib')];
  // path in .debug_line_str, directory as udata, MD5
  const formats = [3, 1, 0x1f, 2, 0x0f, 5, 0x1e];
  const files = [...formats, 3, ...u32(0), 0, ...md5, ...u32(0), 0, ...md5, ...u32(7), 1, ...md5];
  const header = [...machine, ...directories, ...files];
  return sized([...u16(5), 8, 0, ...u32(header.length), ...header, ...opcodes]);
})();

/** Unit, abstract `twice`, and `main` with it inlined at line 11 of file 1, 0x401004-0x401010. */
const abbreviations = [
  [1, 0x11, 1, 0x13, 0x0b, 0x1b, 0x08, 0x10, 0x17, 0, 0],
  [2, 0x2e, 0, 0x03, 0x08, 0, 0],
  [3, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x0b, 0, 0],
  [4, 0x1d, 0, 0x31, 0x13, 0x11, 0x01, 0x12, 0x0b, 0x58, 0x0b, 0x59, 0x0b, 0, 0],
  0,
].flat();
function unit(version: 4 | 5): number[] {
  const header = version === 5 ? [...u16(5), 1, 8, ...u32(0)] : [...u16(4), ...u32(0), 8];
  const root = [1, 0x0c, ...text('/home'), ...u32(0)];
  const origin = 4 + header.length + root.length;
  return sized(
    [
      ...header,
      ...root,
      [2, ...text('twice')],
      [3, ...text('main'), ...u64(0x401000), 0x20],
      [4, ...u32(origin), ...u64(0x401004), 12, 1, 11],
      [0, 0],
    ].flat(),
  );
}

for (const [version, table] of [
  [4, lineTable4],
  [5, lineTable5],
] as const) {
  test(`version ${version}: lines, inlined frames, places`, () => {
    const information = readDebugInformation(
      program({
        '.debug_info': unit(version),
        '.debug_abbrev': abbreviations,
        '.debug_line': table,
        '.debug_line_str': [...text('main.c'), ...text('list.h')],
      }),
    );
    assert.equal(information.problems, []);
    assert.equal(information.files, ['/home/main.c']);
    assert.equal(information.lineAt(0x401003n), { file: '/home/main.c', line: 10, column: 0 });
    assert.equal(information.lineAt(0x40100fn), { file: '/home/lib/list.h', line: 13, column: 7 });
    assert.is(information.lineAt(0x401020n), undefined);
    assert.equal(information.framesAt(0x401008n), [
      { function: 'twice', file: '/home/lib/list.h', line: 13 },
      { function: 'main', file: '/home/main.c', line: 11 },
    ]);
    assert.equal(information.framesAt(0x401010n), [{ function: 'main', file: '/home/main.c', line: 11 }]);
    assert.equal(information.framesAt(0x401030n), []);
    assert.equal(information.addressesOf('main.c', 11), [0x401004n, 0x401010n]);
    assert.equal(information.addressesOf('ain.c', 11), []);
    assert.equal(information.addressesOf('list.h', 13), [], 'no statement begins there');
  });
}

test('a program of the Rex README: a call that was inlined into a call', () => {
  const information = readDebugInformation(image);
  const [first, second] = information.addressesOf('error_injector/main.rs', 17);
  assert.is(second, undefined);
  assert.equal(
    information.framesAt(first!).map((frame) => `${frame.function} ${frame.file?.split('/').at(-1)}:${frame.line}`),
    [
      'read_u64<*const rex::layout::task_struct> main.rs:16',
      'current task_struct.rs:23',
      'bpf_get_current_task base_helpers.rs:146',
      'error_injector::err_injector main.rs:17',
    ],
  );
});

test('code that entry insertion added is named by its symbol', () => {
  const entry = readElf(image).symbols.find(({ name }) => name === 'err_injector')!;
  const frames = readDebugInformation(image).framesAt(entry.value);
  assert.equal(frames, [{ function: 'err_injector', file: undefined, line: 0 }]);
});

test('LEB128', () => {
  const cursor = (...bytes: number[]) => cursorAt(debugSection('.debug_info', Uint8Array.from(bytes)), 0);
  assert.is(readUleb(cursor(0xe5, 0x8e, 0x26)), 624485);
  assert.is(readSleb64(cursor(0xc0, 0xbb, 0x78)), -123456n);
  const most = [...Array<number>(9).fill(0xff), 1];
  assert.is(readUleb64(cursor(...most)), 2n ** 64n - 1n);
  assert.throws(() => readUleb(cursor(...most)), /expected less than 2\^53/);
  assert.throws(() => readUleb64(cursor(...Array<number>(11).fill(0x80))), /more than 10 bytes/);
  assert.throws(() => readUleb(cursor(0x80)), /\.debug_info at 0x1/);
});

test('of overlapping ranges the smallest counts', () => {
  const rows = createIntervals([
    { low: 0n, high: 100n, value: 'all' },
    { low: 10n, high: 20n, value: 'part' },
    { low: 30n, high: 31n, value: 'one' },
  ]);
  const at = (address: bigint) => smallestAt(rows, address)?.value;
  assert.equal([0n, 10n, 19n, 20n, 30n, 31n, 100n].map(at), ['all', 'part', 'part', 'all', 'one', 'all', undefined]);
});

/** Same numbers for the same seed. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const hostile = [0, 1, 0x7f, 0x80, 0xff, 0x16, 0x21];

function readAnyway(bytes: Uint8Array, what: string): void {
  try {
    const information = readDebugInformation(bytes);
    assert.ok(information.problems.every((problem) => problem instanceof DwarfError));
    for (let address = 0x1b00n; address < 0x2d00n; address += 97n) information.framesAt(address);
    for (let address = 0x401000n; address < 0x403000n; address += 97n) information.framesAt(address);
    information.addressesOf('main.rs', 17);
  } catch (error) {
    if (!(error instanceof ElfError)) throw new Error(`${what}: ${String(error)}`, { cause: error });
  }
}

test('damaged sections give less, never another error, in bounded time', () => {
  const program5 = new Uint8Array(readFileSync(join(repositoryRoot, 'samples/error_injector/loader.debug')));
  const bases = [image, program5].map((bytes) => ({
    bytes,
    debug: readElf(bytes).sections.filter(({ name }) => name.startsWith('.debug_')),
  }));
  const start = performance.now();
  for (let seed = 0; seed < (slow ? 20_000 : 500); seed++) {
    const next = random(seed);
    const base = bases[seed % 2]!;
    const { debug } = base;
    const bytes = base.bytes.slice();
    for (let count = 1 + next(8); count > 0; count--) {
      const { offset, size } = debug[next(debug.length)]!;
      // often near the beginning, where headers are
      const at = offset + next(next(2) === 0 ? Math.min(size, 64) : size);
      bytes[at] = next(2) === 0 ? hostile[next(hostile.length)]! : next(256);
    }
    const before = performance.now();
    readAnyway(bytes, `seed ${seed}`);
    assert.ok(performance.now() - before < 2000, `seed ${seed} took ${performance.now() - before} ms`);
  }
  process.stdout.write(`${Math.round(performance.now() - start)} ms of mutants\n`);
});

test('what costs more than its bytes: shared lists, circles, abbreviations without bytes', () => {
  const line = lineTable4;
  const manyUnits = Array.from({ length: 20_000 }, (_, index) => sized([...u16(4), ...u32(index), 8, 1])).flat();
  // 1000 attributes of DW_FORM_flag_present in an entry of one byte
  const empty = Array.from({ length: 1000 }, () => [0x3f, 0x19]).flat();
  const entries = sized([...u16(4), ...u32(0), 8, ...Array<number>(100_000).fill(1)]);
  const self = sized([...u16(4), ...u32(0), 8, 1, ...u32(11), ...u64(0x401000), 8, 0]);
  const cases: readonly (readonly [string, Record<string, number[]>, RegExp | undefined])[] = [
    [
      'tables of abbreviations that overlap',
      { '.debug_info': manyUnits, '.debug_abbrev': [...Array<number>(60_000).fill(1), 0] },
      /./,
    ],
    ['entries of no bytes', { '.debug_info': entries, '.debug_abbrev': [1, 0x24, 1, ...empty, 0, 0, 0] }, /more work/],
    [
      'an origin in a circle',
      { '.debug_info': self, '.debug_abbrev': [1, 0x2e, 0, 0x31, 0x13, 0x11, 1, 0x12, 0x0b, 0, 0, 0] },
      undefined,
    ],
    ['a line_range of 0', { '.debug_line': line.with(4 + 2 + 4 + 4, 0) }, /line_range 0/],
    ['a version nobody knows', { '.debug_line': line.with(4, 9) }, /got version 9/],
    ['a length past the section', { '.debug_line': line.with(2, 9) }, /\.debug_line at 0x4: expected/],
  ];
  for (const [what, sections, expected] of cases) {
    const start = performance.now();
    const { problems } = readDebugInformation(program(sections));
    assert.ok(performance.now() - start < 3000, `${what}: ${performance.now() - start} ms`);
    assert.ok(
      expected === undefined ? problems.length === 0 : expected.test(String(problems[0])),
      `${what}: ${problems[0]}`,
    );
  }
});

test.run();
