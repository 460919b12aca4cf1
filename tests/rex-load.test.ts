import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { errnoName } from '../kernel/errno.ts';
import { resizeContent, writeContent } from '../kernel/fs/content.ts';
import { closeDescriptor } from '../kernel/fs/files.ts';
import { MODULES_VADDR } from '../kernel/layout/address-map.ts';
import { bpf_prog } from '../kernel/layout/structures.ts';
import { readKernel, readKernelU64 } from '../kernel/mm/kernel-memory.ts';
import { readEntry } from '../kernel/mm/page-tables.ts';
import { freePages } from '../kernel/mm/physical.ts';
import { readRexObject, RexObjectError, type RexObject } from '../kernel/rex-dispatcher/rex-object.ts';
import { symbolAt } from '../kernel/symbols.ts';
import { ElfError, readHeader, readProgramHeaders, type ProgramHeader } from '../toolchain/elf/index.ts';
import { createBareKernel, USER, USER_SIZE, type BareKernel } from './support/bare-kernel.ts';
import { baseAttribute, createMaps, loadBase, loadProgram, userHeap, type LoadFields } from './support/rex-load.ts';

const RUNS = process.env['TEST_TIER'] === 'slow' ? 10_000 : 200;
const UNMAPPED = USER + USER_SIZE;
const folder = fileURLToPath(new URL('../samples', import.meta.url));
const samples = readdirSync(folder)
  .map((name) => join(folder, name, `${name}.rex`))
  .filter((path) => existsSync(path))
  .map((path) => ({ path, file: new Uint8Array(readFileSync(path)) }));
const [{ file: sample } = { file: new Uint8Array(0) }] = samples.filter(({ path }) => path.includes('error_injector'));

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const nameOf = (result: number): string => (result < 0 ? (errnoName(-result) ?? String(result)) : 'loaded');

/** What a failed load must not change. */
const residue = ({ kernel }: BareKernel) => ({
  symbols: kernel.symbols.byName.size,
  sorted: kernel.symbols.sorted.length,
  modules: kernel.modules.blocks.count,
  programs: kernel.bpf.programs.size,
  maps: [...kernel.bpf.maps.values()].map(({ references }) => references),
});

interface Prepared {
  readonly box: BareKernel;
  readonly object: RexObject;
  readonly file: Uint8Array;
  readonly fields: LoadFields;
}

/** A kernel with the maps of `elf` created and its attribute in user memory. */
function prepare(elf: Uint8Array, object = readRexObject(elf)): Prepared {
  const box = createBareKernel();
  const file = createMaps(box, object, elf);
  return { box, object, file, fields: baseAttribute(box, object, box.openBytes(file)) };
}

function load(prepared: Prepared, change: LoadFields = {}): number {
  return loadBase(prepared.box, { ...prepared.fields, ...change });
}

for (const { path, file: elf } of samples) {
  test(`${path.split('/').pop()} loads, runs nothing by itself, and leaves nothing behind`, () => {
    const prepared = prepare(elf);
    const { box, object } = prepared;
    const { kernel, task } = box;
    const before = residue(box);
    // page tables of the module area stay
    closeDescriptor(kernel, task, load(prepared));
    const pages = freePages(kernel);
    const base_prog_fd = load(prepared);
    assert.ok(base_prog_fd >= 0, nameOf(base_prog_fd));
    const [base] = [...kernel.bpf.programs.values()];
    const image = base!.image!;
    const at = (offset: bigint): bigint => readKernelU64(kernel, image.address + offset)!;
    for (const { offset, addend } of object.relocations) assert.is(at(offset), image.address + addend);
    for (const { offset, name } of object.imports)
      assert.is(at(offset), kernel.symbols.byName.get(name)!.address, name);
    object.maps.forEach((map, n) => assert.is(at(map.pointerOffset), kernel.bpf.maps.get(n + 1)!.address));
    assert.is(
      symbolAt(kernel.symbols, image.address + object.timeoutOffset)?.name,
      `rex_prog_${base!.tag}::__rex_handle_timeout`,
    );
    for (const { name, type, offset } of object.programs) {
      const common = { prog_type: type, prog_name: latin1(name), license: prepared.fields.license!, base_prog_fd };
      const fd = loadProgram(box, { ...common, prog_offset: offset, unwinder_insn_off: object.timeoutOffset });
      assert.ok(fd >= 0, nameOf(fd));
      const program = kernel.bpf.programs.get(Math.max(...kernel.bpf.programs.keys()))!;
      assert.is(program.function, image.address + offset);
      assert.is(readKernelU64(kernel, program.address + BigInt(bpf_prog.fields.bpf_func.offset)), program.function);
      assert.is(readKernelU64(kernel, program.address + BigInt(bpf_prog.fields.base.offset)), base!.address);
      closeDescriptor(kernel, task, fd);
    }
    closeDescriptor(kernel, task, base_prog_fd);
    assert.equal(residue(box), before);
    assert.is(freePages(kernel), pages);
  });
}

const sampleTest = samples.length === 0 ? test.skip : test;

sampleTest('a program keeps its base, and the base its maps', () => {
  const prepared = prepare(sample);
  const { box, object } = prepared;
  const base_prog_fd = load(prepared);
  const { license } = prepared.fields;
  const [program] = object.programs;
  const fd = loadProgram(box, {
    prog_type: 2,
    license: license!,
    base_prog_fd,
    prog_offset: program!.offset,
    unwinder_insn_off: 1,
  });
  closeDescriptor(box.kernel, box.task, base_prog_fd);
  for (let map = 0; map < object.maps.length; map++) closeDescriptor(box.kernel, box.task, map);
  assert.is(box.kernel.bpf.programs.size, 2);
  assert.is(box.kernel.bpf.maps.size, object.maps.length);
  closeDescriptor(box.kernel, box.task, fd);
  assert.is(box.kernel.bpf.programs.size + box.kernel.bpf.maps.size + box.kernel.modules.blocks.count, 0);
});

sampleTest('pages have the permissions of their segments', () => {
  const prepared = prepare(sample);
  load(prepared);
  const { kernel } = prepared.box;
  for (const { type, flags, virtualAddress } of readProgramHeaders(sample)) {
    if (type !== 1) continue;
    const entry = readEntry(kernel, kernel.swapperPgDir, MODULES_VADDR + 0x1000n + virtualAddress);
    assert.is((entry & 2n) !== 0n, (flags & 2) !== 0, 'writable');
    assert.is(entry >> 63n === 0n, (flags & 1) !== 0, 'executable');
  }
});

sampleTest('the attribute: every errno', () => {
  const prepared = prepare(sample);
  const { box } = prepared;
  const before = residue(box);
  const put = userHeap(box, USER + 0x80000n);
  const row = (...values: bigint[]): bigint => put(new Uint8Array(BigUint64Array.from(values).buffer));
  const size = 0x20000n;
  const notRegular = 0;
  const cases: readonly [LoadFields, string][] = [
    [{ prog_flags: 0x20 }, 'EINVAL'],
    [{ prog_flags: 0x1f }, 'loaded'],
    [{ license: 0n }, 'EFAULT'],
    [{ license: put(latin1('x'.repeat(300))) }, 'loaded'],
    [{ nr_text_syms: 0n }, 'EINVAL'],
    [{ prog_type: 2 }, 'EINVAL'],
    [{ prog_name: latin1('a b') }, 'EINVAL'],
    [{ rustfd: 99 }, 'EBADF'],
    [{ rustfd: notRegular }, 'EINVAL'],
    [{ rustfd: box.openBytes(prepared.file, 1) }, 'EINVAL'],
    [{ rustfd: box.openBytes(new Uint8Array(63)) }, 'EIO'],
    [{ rustfd: box.openBytes(new Uint8Array(64)) }, 'EINVAL'],
    [{ map_cnt: 64 }, 'EINVAL'],
    [{ map_offs: UNMAPPED }, 'EFAULT'],
    [{ map_offs: row(size), map_cnt: 1 }, 'EINVAL'],
    [{ map_offs: row(1n << 63n), map_cnt: 1 }, 'EINVAL'],
    [{ map_offs: row(0n), map_cnt: 1 }, 'EBADF'],
    [{ dyn_relas: UNMAPPED, nr_dyn_relas: 1 }, 'EFAULT'],
    [{ dyn_relas: 0xffff_ffff_ffff_fff0n, nr_dyn_relas: 1 }, 'EFAULT'],
    [{ dyn_relas: row(0n, 6n, 0n), nr_dyn_relas: 1 }, 'EINVAL'],
    [{ dyn_relas: row(size, 8n, 0n), nr_dyn_relas: 1 }, 'EINVAL'],
    [{ dyn_relas: row((1n << 64n) - 4n, 8n, 0n), nr_dyn_relas: 1 }, 'EINVAL'],
    [{ nr_dyn_relas: 1n << 63n }, 'E2BIG'],
    [{ nr_dyn_syms: 0xffffffffn }, 'E2BIG'],
    [{ nr_text_syms: 0xffffn }, 'E2BIG'],
    [{ dyn_syms: row(0n, put(latin1('no_such_symbol\0'))), nr_dyn_syms: 1 }, 'EINVAL'],
    [{ dyn_syms: row(0n, put(latin1('x'.repeat(512)))), nr_dyn_syms: 1 }, 'E2BIG'],
    [{ dyn_syms: row(0n, UNMAPPED), nr_dyn_syms: 1 }, 'EFAULT'],
    [{ dyn_syms: row(size, put(latin1('this_cpu_off\0'))), nr_dyn_syms: 1 }, 'EINVAL'],
    [{ text_syms: row(0n, 16n, 0n), nr_text_syms: 1 }, 'EFAULT'],
    [{ text_syms: row(size, 16n, put(latin1('f\0'))), nr_text_syms: 1 }, 'EINVAL'],
    [{ text_syms: row(0n, 1n << 63n, put(latin1('f\0'))), nr_text_syms: 1 }, 'loaded'],
  ];
  for (const [index, [change, expected]] of cases.entries()) {
    const result = load(prepared, change);
    assert.is(nameOf(result), expected, `case ${index}: ${Object.keys(change).join()}`);
    if (result >= 0) closeDescriptor(box.kernel, box.task, result);
    assert.equal(residue(box), before, `case ${index} left something`);
  }
  assert.ok(box.kernel.log.some(({ text }) => text.includes('unknown symbol no_such_symbol')));
});

const headersAt = sample.length === 0 ? 0 : readHeader(sample).programHeaderOffset;
const phdr = (index: number, field: number): number => headersAt + index * 56 + field;

/** `sample` with one program header changed: [byte offset in the header, 32-bit value]. */
function withHeader(pick: (row: ProgramHeader) => boolean, field: number, value: number): Uint8Array {
  const bytes = sample.slice();
  const index = readProgramHeaders(sample).findIndex((row) => row.type === 1 && pick(row));
  new DataView(bytes.buffer).setUint32(phdr(index, field), value, true);
  return bytes;
}

sampleTest('the file: segments are checked', () => {
  const bytes = (offset: number, ...values: number[]): Uint8Array => {
    const copy = sample.slice();
    copy.set(values, offset);
    return copy;
  };
  const executable = ({ flags }: ProgramHeader): boolean => (flags & 1) !== 0;
  const cases: readonly [Uint8Array, string, string][] = [
    [bytes(0, 0), 'EINVAL', 'magic'],
    [bytes(4, 1), 'EINVAL', 'class'],
    [bytes(5, 2), 'EINVAL', 'byte order'],
    [bytes(6, 2), 'EINVAL', 'version'],
    [bytes(16, 1), 'EINVAL', 'ET_REL'],
    [bytes(16, 2), 'loaded', 'ET_EXEC'],
    [bytes(18, 0xb7), 'EINVAL', 'machine'],
    [bytes(54, 57), 'EINVAL', 'e_phentsize'],
    [bytes(56, 0, 0), 'EINVAL', 'no program headers'],
    [bytes(35, 0x7f), 'EIO', 'e_phoff past the end'],
    [withHeader(executable, 4, 7), 'EINVAL', 'W+X'],
    [withHeader(executable, 4, 1), 'EINVAL', 'X only'],
    [withHeader(() => true, 4, 0), 'EINVAL', 'no permission'],
    [withHeader(executable, 48, 8192), 'EINVAL', 'alignment'],
    [withHeader(executable, 16, 0x30000), 'EINVAL', 'beyond the limit'],
    [withHeader(executable, 16, 0), 'EINVAL', 'overlap'],
    [withHeader(executable, 40, 0x40000), 'EINVAL', 'too large'],
    [withHeader(executable, 40, 1), 'EINVAL', 'memsz below filesz'],
    [withHeader(executable, 8, 0x7fffffff), 'EIO', 'p_offset past the end'],
    [withHeader(executable, 0, 6), 'EINVAL', 'a gap'],
  ];
  const { box, fields } = prepare(sample);
  for (const [elf, expected, what] of cases) {
    const before = residue(box);
    const result = loadBase(box, { ...fields, map_cnt: 0, rustfd: box.openBytes(elf) });
    assert.is(nameOf(result), expected, what);
    if (result >= 0) closeDescriptor(box.kernel, box.task, result);
    assert.equal(residue(box), before, what);
  }
});

sampleTest('what the file does not hold of a segment is zero', () => {
  const prepared = prepare(sample);
  load(prepared, { map_cnt: 0, nr_dyn_relas: 0, nr_dyn_syms: 0 });
  const [base] = [...prepared.box.kernel.bpf.programs.values()];
  for (const { type, virtualAddress, offset, fileSize, memorySize } of readProgramHeaders(sample)) {
    if (type !== 1) continue;
    const bytes = readKernel(prepared.box.kernel, base!.image!.address + virtualAddress, memorySize)!;
    assert.equal(bytes.subarray(0, fileSize), prepared.file.subarray(offset, offset + fileSize));
    assert.ok(bytes.subarray(fileSize).every((byte) => byte === 0));
  }
});

sampleTest('PROG_LOAD_REX: every errno', () => {
  const prepared = prepare(sample);
  const { box, fields } = prepared;
  const base_prog_fd = load(prepared);
  const entry = prepared.object.programs[0]!.offset;
  const good = { prog_type: 2, license: fields.license!, base_prog_fd, prog_offset: entry };
  const program = loadProgram(box, good);
  assert.ok(program >= 0);
  const cases: readonly [LoadFields, string][] = [
    [{ prog_flags: 0x100 }, 'EINVAL'],
    [{ license: UNMAPPED }, 'EFAULT'],
    [{ prog_type: 33 }, 'EINVAL'],
    [{ prog_type: 1 }, 'EINVAL'],
    [{ prog_type: 4 }, 'EINVAL'],
    [{ base_prog_fd: 77 }, 'EBADF'],
    [{ base_prog_fd: program }, 'EINVAL'],
    [{ base_prog_fd: 0 }, 'EINVAL'],
    [{ prog_offset: 0x20000n }, 'EINVAL'],
    [{ prog_offset: (1n << 64n) - 1n }, 'EINVAL'],
    [{ unwinder_insn_off: 1n << 40n }, 'EINVAL'],
    [{ prog_name: latin1('é') }, 'EINVAL'],
    ...[2, 3, 5, 6, 7].map((prog_type): [LoadFields, string] => [{ prog_type }, 'loaded']),
  ];
  for (const [change, expected] of cases) {
    assert.is(nameOf(loadProgram(box, { ...good, ...change })), expected, Object.entries(change).join());
  }
});

for (const { path, file: original } of samples) {
  test(`damaged copies of ${path.split('/').pop()} give an errno, never a host exception, and leave nothing behind`, () => {
    const prepared = prepare(original);
    const { box, fields, file } = prepared;
    const headersAt = readHeader(original).programHeaderOffset;
    const headers = readProgramHeaders(original).length * 56;
    const anyFlip = fc.record({
      at: fc.oneof(
        fc.nat(63),
        fc.nat(headers - 1).map((at) => headersAt + at),
        fc.nat(file.length - 1),
      ),
      bit: fc.nat(7),
    });
    const mutants = fc.record({
      flips: fc.array(anyFlip, { maxLength: 6 }),
      length: fc.oneof(fc.constant(file.length), fc.nat(file.length)),
    });
    const descriptor = box.openBytes(file.slice());
    const before = residue(box);
    const inode = [...box.kernel.fileSystem.inodes.values()].at(-1)!;
    fc.assert(
      fc.property(mutants, ({ flips, length }) => {
        const content = file.slice();
        for (const { at, bit } of flips) content[at]! ^= 1 << bit;
        resizeContent(box.kernel, inode, 0);
        writeContent(box.kernel, inode, 0, content.subarray(0, length));
        const result = loadBase(box, { ...fields, rustfd: descriptor });
        if (result >= 0) closeDescriptor(box.kernel, box.task, result);
        else assert.ok(errnoName(-result) !== undefined, `errno ${-result}`);
        assert.equal(residue(box), before);
      }),
      { numRuns: RUNS },
    );
  });
}

sampleTest('damaged attributes give an errno, never a host exception, and leave nothing behind', () => {
  const prepared = prepare(sample);
  const { box, fields } = prepared;
  const before = residue(box);
  const anyWord = fc.oneof(
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.bigInt({ min: USER, max: UNMAPPED }),
    fc.bigInt({ min: 0n, max: 100n }),
  );
  const names = [
    'map_offs',
    'map_cnt',
    'dyn_relas',
    'nr_dyn_relas',
    'dyn_syms',
    'nr_dyn_syms',
    'text_syms',
    'nr_text_syms',
    'license',
  ] as const;
  const change = fc.dictionary(fc.constantFrom(...names), anyWord, { minKeys: 1, maxKeys: 3 });
  fc.assert(
    fc.property(change, (damage) => {
      const result = loadBase(box, { ...fields, ...damage });
      if (result >= 0) closeDescriptor(box.kernel, box.task, result);
      else assert.ok(errnoName(-result) !== undefined, `errno ${-result}`);
      assert.equal(residue(box), before);
    }),
    { numRuns: RUNS },
  );
});

sampleTest('readRexObject: the sample, and damaged files', () => {
  const object = readRexObject(sample);
  assert.equal(
    object.maps.map(({ name, type, maxEntries }) => [name, type, maxEntries]),
    [['pid_to_errno', 1, 1]],
  );
  assert.equal(
    object.programs.map(({ name, type }) => [name, type]),
    [['err_injector', 2]],
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { maxLength: 8 }), (changes) => {
      const bytes = sample.slice();
      for (const [at, value] of changes) bytes[at] = value;
      try {
        readRexObject(bytes);
      } catch (error) {
        assert.ok(error instanceof ElfError || error instanceof RexObjectError, String(error));
      }
    }),
    { numRuns: RUNS },
  );
});

test.run();
