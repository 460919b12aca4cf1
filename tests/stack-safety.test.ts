/** Stack bounds of linked code, and the run-time checks where there is none. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readManifest } from '../toolchain/build/manifest.ts';
import { repositoryRoot } from '../toolchain/build/repository.ts';
import { readElf } from '../toolchain/elf/index.ts';
import { insertChecks, makeStackSafe, StackSafetyError, verifyChecks } from '../toolchain/stack-safety/index.ts';
import { readThunk, THUNK_SECTION, THUNK_SLOT } from '../toolchain/stack-safety/thunks.ts';
import { graphOf, programOf, stackImage } from './support/stack-image.ts';

/** What is known of the functions of `source`, by name. */
function bounds(source: string, pointers: readonly string[] = []) {
  const { bounds, frames } = graphOf(stackImage(source, pointers));
  return Object.fromEntries(
    [...bounds].map(([one, { bytes, reasons }]) => [one.symbol, { frame: frames.get(one)!.size, bytes, reasons }]),
  );
}

/** One function's frame in bytes, its return address included. */
const frames: readonly (readonly [what: string, body: string, size: number | undefined])[] = [
  ['nothing', 'ret', 8],
  ['frame pointer and locals', 'push %rbp; mov %rsp, %rbp; sub $32, %rsp; add $32, %rsp; pop %rbp; ret', 48],
  ['leave', 'push %rbp; mov %rsp, %rbp; sub $0x400, %rsp; leave; ret', 16 + 1024],
  ['alignment', 'push %rbp; mov %rsp, %rbp; and $-64, %rsp; sub $64, %rsp; leave; ret', 16 + 56 + 64],
  ['lea', 'push %rbp; mov %rsp, %rbp; lea -80(%rsp), %rsp; lea 80(%rsp), %rsp; pop %rbp; ret', 96],
  [
    'the deeper branch',
    'test %edi, %edi; je 1f; sub $64, %rsp; add $64, %rsp; ret; 1: sub $16, %rsp; add $16, %rsp; ret',
    72,
  ],
  ['a loop that keeps its depth', '1: push %rax; pop %rax; dec %edi; jne 1b; ret', 16],
  ['a loop that pushes', '1: push %rax; dec %edi; jne 1b; ret', undefined],
  ['a size from a register', 'push %rbp; mov %rsp, %rbp; sub %rdi, %rsp; leave; ret', undefined],
  [
    'a probed frame',
    'lea -0x3000(%rsp), %r11; 1: sub $0x1000, %rsp; movq $0, (%rsp); cmp %r11, %rsp; jne 1b; sub $16, %rsp; add $0x3010, %rsp; ret',
    8 + 0x3010,
  ],
  ['a switch', 'push %rbp; mov %rsp, %rbp; jmp *%rax; sub $48, %rsp; leave; ret', 64],
];

for (const [what, body, size] of frames) {
  test(`frame: ${what}`, () => {
    assert.is(bounds(`f: ${body}`)['f']!.frame, size);
  });
}

test('bounds add up along the deepest path; a jump takes over the frame; the panic handler counts for nothing', () => {
  const { top, middle, jumping, panicking } = bounds(`
    leaf: sub $100, %rsp; add $100, %rsp; ret
    deep: sub $1000, %rsp; call leaf; add $1000, %rsp; ret
    middle: push %rbx; call leaf; call deep; pop %rbx; ret
    top: sub $24, %rsp; call middle; add $24, %rsp; ret
    jumping: jmp deep
    panicking: push %rax; call rust_begin_unwind
  `);
  assert.is(middle!.bytes, 16 + (8 + 1000) + (8 + 100));
  assert.is(top!.bytes, 32 + 16 + 1008 + 108);
  assert.is(jumping!.bytes, 1008 + 108);
  assert.is(panicking!.bytes, 16);
});

test('a constant pointer is a direct call; others, and recursion, have no bound', () => {
  const { slot, kernel, round, even } = bounds(
    `
    leaf: push %rax; pop %rax; ret
    slot: call *slot_leaf(%rip); ret
    kernel: call *%rax; ret
    even: push %rax; call odd; pop %rax; ret
    odd: push %rax; call even; pop %rax; ret
    round: call even; ret
  `,
    ['leaf'],
  );
  assert.is(slot!.bytes, 8 + 16);
  assert.equal(kernel!.reasons, ['kernel calls through a pointer']);
  assert.equal(even!.reasons, ['even is recursive']);
  assert.is(round!.bytes, undefined);
});

test('more than 16 KiB is a build error that names the function, and one path to it', () => {
  const bytes = stackImage(`
    wide: sub $0x2400, %rsp; add $0x2400, %rsp; ret
    middle: sub $0x2000, %rsp; call wide; add $0x2000, %rsp; ret
    program: call middle; ret
  `);
  try {
    makeStackSafe({ bytes, entries: [programOf(bytes, 'program')] });
  } catch (error) {
    assert.instance(error, StackSafetyError);
    assert.is(
      (error as Error).message,
      `Frame size is too large: ${8 + 0x2008 + 0x2408} with function: wide\n` +
        'on the path program -> middle -> wide; at most 16384 bytes',
    );
    return;
  }
  assert.unreachable('it was accepted');
});

test('where checks are made, a frame has at most a page', () => {
  const bytes = stackImage(`
    wide: sub $0x1000, %rsp; call program; add $0x1000, %rsp; ret
    program: call wide; ret
  `);
  assert.throws(
    () => makeStackSafe({ bytes, entries: [programOf(bytes, 'program')] }),
    /^Frame size is too large: 4104 with function: wide\n/,
  );
});

test('an image with bounds stays as it is', () => {
  const bytes = stackImage('leaf: ret\nprogram: push %rax; call leaf; pop %rax; ret');
  const safe = makeStackSafe({ bytes, entries: [programOf(bytes, 'program')] });
  assert.equal(safe.bytes, bytes);
  assert.equal(safe.reports, { program: { kind: 'static', bytes: 24 } });
});

const recursive = stackImage(
  `
  small: push %rax; pop %rax; ret
  climb: push %rbp; call small; call climb; lea pointed(%rip), %rax; call *%rax; pop %rbp; ret
  pointed: push %rbx; call climb; pop %rbx; ret
  other: push %rbx; call pointed; call *slot_pointed(%rip); pop %rbx; ret
  program: call climb; call other; ret
`,
  ['pointed', 'other'],
);

test('run-time checks: every way into a function of unknown depth goes through its thunk, and no other', () => {
  const graph = graphOf(recursive);
  const checked = insertChecks(graph);
  assert.equal(verifyChecks(graph, checked), []);
  const names = readElf(checked).symbols.flatMap(({ name }) => (name.endsWith('.checked') ? [name] : []));
  assert.equal(names, ['climb.checked', 'pointed.checked', 'other.checked']);
  assert.equal(graphOf(checked).image.functions.length, graph.image.functions.length + 3);
});

test('an image without the check of the rex crate is refused', () => {
  const elf = readElf(recursive);
  const damaged = recursive.slice();
  const name = new TextEncoder().encode('__rex_check_stack');
  const at = Buffer.from(damaged).indexOf(name);
  assert.ok(at > 0 && elf.symbols.length > 0);
  damaged[at] = 0x58;
  assert.throws(() => insertChecks(graphOf(damaged)), /expected the function __rex_check_stack/);
});

/** Each changes four bytes of a rewritten image: a target is another function's, or none. */
function mutants(): { readonly what: string; readonly bytes: Uint8Array }[] {
  const graph = graphOf(recursive);
  const checked = insertChecks(graph);
  const { functions } = graph.image;
  const elf = readElf(checked);
  const offsetOf = (address: number): number => {
    const row = elf.programHeaders.find(
      ({ virtualAddress, fileSize }) =>
        BigInt(address) >= virtualAddress && BigInt(address) < virtualAddress + BigInt(fileSize),
    )!;
    return row.offset + address - Number(row.virtualAddress);
  };
  const found: { what: string; bytes: Uint8Array }[] = [];
  const redirect = (what: string, field: number, next: number, target: number): void => {
    const bytes = checked.slice();
    new DataView(bytes.buffer).setInt32(offsetOf(field), target - next, true);
    if (Buffer.compare(bytes, checked) !== 0) found.push({ what, bytes });
  };
  const section = elf.sections.find(({ name }) => name === THUNK_SECTION)!;
  const thunks = Array.from({ length: section.size / THUNK_SLOT }, (_, n) => Number(section.address) + n * THUNK_SLOT);
  const targets = [...functions.map(({ address }) => address), ...thunks];
  for (const thunk of thunks) {
    for (const target of targets) {
      redirect(`check of ${thunk}`, thunk + 1, thunk + 5, target);
      redirect(`jump of ${thunk}`, thunk + 6, thunk + 10, target);
    }
  }
  const code = graphOf(checked).image.functions.filter(({ name }) => !name.endsWith('.checked'));
  for (const { code: instructions, name } of code) {
    for (const { address, instruction } of instructions) {
      const { mnemonic, length } = instruction;
      const next = address + length;
      if (length < 5 || !['call', 'lea'].includes(mnemonic)) continue;
      for (const target of targets) redirect(`${name}: ${mnemonic}`, next - 4, next, target);
    }
  }
  const rows = elf.sections.find(({ name }) => name === '.rela.dyn')!;
  for (let at = rows.offset + 16; at < rows.offset + rows.size; at += 24) {
    for (const target of targets) {
      const bytes = checked.slice();
      new DataView(bytes.buffer).setBigInt64(at, BigInt(target), true);
      if (Buffer.compare(bytes, checked) !== 0) found.push({ what: `pointer at ${at}`, bytes });
    }
  }
  return found;
}

test('a call, pointer or thunk that leads anywhere else is noticed', () => {
  const graph = graphOf(recursive);
  const all = mutants();
  assert.ok(all.length > 100, `${all.length} mutants`);
  for (const { what, bytes } of all) {
    assert.ok(verifyChecks(graph, bytes).length > 0, what);
  }
});

test('the images of the samples have what their manifests say', async () => {
  const samples = readdirSync(`${repositoryRoot}/samples`).filter((name) =>
    existsSync(`${repositoryRoot}/samples/${name}/${name}.rex`),
  );
  for (const name of samples) {
    const { rust } = await readManifest(repositoryRoot, name);
    assert.ok(rust?.stack !== undefined, `${name}: npm run build:samples ${name}`);
    const elf = readElf(new Uint8Array(readFileSync(`${repositoryRoot}/samples/${name}/${name}.rex`)));
    const section = elf.sections.find((one) => one.name === THUNK_SECTION);
    const lines = Object.values(rust.stack);
    assert.ok(lines.length > 0 && lines.every((line) => /^(static bound \d+ bytes|run-time checks: .+)$/.test(line)));
    assert.is(
      section !== undefined,
      lines.some((line) => line.startsWith('run-time')),
      name,
    );
    if (section === undefined) continue;
    const { image } = graphOf(new Uint8Array(readFileSync(`${repositoryRoot}/samples/${name}/${name}.rex`)));
    const check = image.functions.find(({ symbol }) => symbol === '__rex_check_stack')!.address;
    for (const { symbol, address, code } of image.functions.filter((one) => one.symbol.endsWith('.checked'))) {
      const first = Number(section.address);
      const bytes = elf.bytes.subarray(section.offset + address - first, section.offset + address - first + THUNK_SLOT);
      const target = image.byAddress.get(readThunk(bytes, address, check)!);
      assert.is(`${target?.symbol}.checked`, symbol);
      assert.is(code.length, 2);
    }
  }
});

test.run();
