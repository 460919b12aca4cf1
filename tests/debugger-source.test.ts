/** Sources at run-time addresses: of extensions, programs and the kernel's text, and what lies at an address. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { loadDisassembler } from '../box/disassemble.ts';
import { readHostFile, readKernelSources } from '../box/host-files.ts';
import { packageSources, readPackageSource } from '../debugger/host/source-files.ts';
import { createRegions, createSources, type Sources } from '../debugger/source/index.ts';
import type { SourcePlace } from '../debugger/types.ts';
import { Box } from '../index.ts';
import { valueAddress } from '../kernel/bpf-maps/hash.ts';
import { KERNEL_DATA } from '../kernel/layout/address-map.ts';
import { dropFile, keepFile, keptFile } from '../kernel/rex-dispatcher/kept-file.ts';
import type { Task } from '../kernel/task.ts';
import { demangle, readElf } from '../toolchain/elf/index.ts';
import { STT_FUNC } from '../toolchain/elf/constants.ts';
import { bootSample } from './support/samples.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const SMALL = 16 << 20;
const samplePath = (path: string): string => fileURLToPath(new URL(`../samples/${path}`, import.meta.url));
const image = (): Uint8Array => readHostFile(samplePath('error_injector/error_injector.rex'));

const shown = ({ file, line }: SourcePlace): string => `${file.slice(file.lastIndexOf('/') + 1)}:${line}`;
const currentTask = (box: Box): Task | undefined => box.kernel.tasks.get(box.kernel.perCpu[0]!.current);

function runTo(box: Box, symbol: string): void {
  for (let n = 0; n < 1_000_000; n++) {
    const address = box.symbols.lookup(symbol);
    if (address !== undefined && box.registers().rip === address) return;
    if (box.step().instructions === 0) break;
  }
  throw new Error(`${symbol} was not reached`);
}

test('every instruction of a .S file has the line that it is written in', async () => {
  const box = await Box.boot({ memory: SMALL });
  const sources = createSources(box);
  const disassemble = await loadDisassembler();
  const files = new Map(readKernelSources().map(({ file, source }) => [file, source.split('\n')]));
  /** what iced-x86 calls otherwise than GAS's sources do */
  const spelled = (mnemonic: string): string =>
    mnemonic
      .replace(/^movabs$/, 'mov')
      .replace(/^callq?$/, 'call')
      .replace(/^(retq|iretq)$/, (name) => name.replace(/^retq$/, 'ret'));
  let compared = 0;
  for (const address of box.kernel.listing.addresses) {
    if (address >= KERNEL_DATA) continue;
    const [place, ...rest] = sources.placesAt(address, undefined);
    const text = place === undefined ? undefined : files.get(place.file)?.[place.line - 1];
    if (text === undefined) continue; // alignment, and what is printed from tables
    assert.equal(rest, []);
    const bytes = box.readMemory(address, 15)!;
    const got = spelled(disassemble(bytes, address).text.split(' ')[0]!);
    const written = text
      .replace(/^\s*\w+:/, '')
      .trim()
      .split(/\s/)[0]!
      .toLowerCase();
    if (written.startsWith('.')) continue;
    compared++;
    // both may have a suffix; and `je` is `jz`
    const alike =
      got.startsWith(written) || written.startsWith(got) || (got.startsWith('j') && written.startsWith('j'));
    assert.ok(alike, `0x${address.toString(16)}: ${place!.file}:${place!.line}: ${text.trim()}: got ${got}`);
  }
  assert.ok(compared > 500, `${compared}`);
});

test('a line of a .S file begins where its instruction is, and that has the line', async () => {
  const box = await Box.boot({ memory: SMALL });
  const sources = createSources(box);
  const source = sources.sourceText('kernel/rex-dispatcher/rex_64.S')!.split('\n');
  const line = source.findIndex((text) => text.includes('call\t*%rdx')) + 1;
  const [address, ...others] = sources.addressesOf('rex_64.S', line);
  assert.equal(others, []);
  assert.is(sources.symbolText(address!, undefined), 'rex_dispatcher_func+0x33');
  assert.equal(sources.addressesOf('rex-dispatcher/rex_64.S', line), [address]);
  assert.equal(sources.addressesOf('ex_64.S', line), []);
  assert.equal(sources.addressesOf('rex_64.S', 1), []);
  assert.equal(sources.addressesOf('', 1), []);
  // what is printed from tables has a text, too
  const [place] = sources.placesAt(box.symbols.lookup('asm_exc_page_fault')!, undefined);
  assert.is(place!.file, 'vectors');
  assert.match(sources.sourceText('vectors')!.split('\n')[place!.line - 1]!, 'push');
});

test('a dispatcher of one\u2019s own is shown as it was given', async () => {
  const file = 'kernel/rex-dispatcher/rex_64.S';
  const own = readKernelSources().map((each) =>
    each.file === file ? { file, source: `# mine\n${each.source}` } : each,
  );
  const box = await Box.boot({ memory: SMALL, sources: own });
  const sources = createSources(box, packageSources);
  assert.ok(sources.sourceText(file)!.startsWith('# mine\n'));
  const plain = createSources(await Box.boot({ memory: SMALL }));
  const address = box.symbols.lookup('rex_exit')!;
  assert.is(sources.placesAt(address, undefined)[0]!.line, plain.placesAt(address, undefined)[0]!.line + 1);
});

/** The image of an extension in memory. */
function imageOf(box: Box): { readonly address: bigint; readonly size: number } {
  return [...box.kernel.bpf.programs.values()].find((program) => program.image !== undefined)!.image!;
}

test('an extension, loaded by a guest or by the host: lines with what is inlined, both ways', async () => {
  const guest = (await bootSample('error_injector')).box;
  runTo(guest, 'rex_dispatcher_func');
  const host = await Box.boot({ memory: SMALL });
  host.rex.load(image());
  for (const box of [guest, host]) {
    const sources = createSources(box);
    const addresses = sources.addressesOf('main.rs', 19);
    assert.is(addresses.length, 3);
    for (const address of addresses) {
      const { space, source } = sources.describe(address, undefined);
      assert.is(space, 'extension');
      assert.is(shown(source.at(-1)!), 'main.rs:19');
      assert.is(source.at(-1)!.function, 'error_injector::err_injector');
    }
    const all = addresses.flatMap((address) => sources.placesAt(address, undefined).map(({ file }) => file));
    assert.ok(all.some((file) => file.startsWith('/rustc/')) && all.some((file) => file.endsWith('rex/src/map.rs')));
    assert.equal(sources.problems, []);
    const [first] = addresses;
    assert.is(
      first! - imageOf(box).address,
      createSources(guest).addressesOf('main.rs', 19)[0]! - imageOf(guest).address,
    );
  }
});

test('files of images are kept once, as they were when they were loaded, and charged to the box', async () => {
  const box = await Box.boot({ memory: SMALL });
  const bytes = image();
  box.rex.load(bytes);
  box.rex.load(bytes);
  const other = bytes.slice();
  const comment = readElf(other).sections.find(({ name }) => name === '.comment')!;
  other[comment.offset]! ^= 1;
  box.rex.load(other);
  const { kernel } = box;
  const files = [...kernel.bpf.programs.values()].flatMap(
    ({ image: loaded }) => (loaded && keptFile(kernel, loaded)) ?? [],
  );
  assert.is(files.length, 3);
  assert.is(files[0], files[1]);
  assert.not.equal(files[0], files[2]);
  const { charged } = kernel.pages;
  const guest = files[0]!.slice();
  guest[0] = 0;
  const file = keepFile(kernel, guest)!;
  guest[1] = 0;
  assert.is(keptFile(kernel, { file })![1], 0x45);
  assert.ok(kernel.pages.charged >= charged + guest.length);
  dropFile(kernel, file);
  assert.is(keptFile(kernel, { file }), undefined);
  assert.is(kernel.pages.charged, charged);
  assert.is(keepFile(kernel, new Uint8Array(SMALL)), undefined);
});

test('every line of error_injector that code was made of begins somewhere, is executed, and shown', async () => {
  const { box } = await bootSample('error_injector');
  runTo(box, 'rex_dispatcher_func');
  const sources = createSources(box);
  const file = '/rex/samples/error_injector/main.rs';
  const source = readPackageSource(file)!.split('\n');
  const lines = source.flatMap((_, n) => (sources.addressesOf(file, n + 1).length > 0 ? [n + 1] : []));
  assert.ok(lines.length > 4 && source[lines[0]! - 1]!.startsWith('pub fn err_injector'));
  const seen = new Set<number>();
  const begun = new Set<number>();
  const { address: start, size } = imageOf(box);
  while (box.step().instructions > 0) {
    const { rip } = box.registers();
    if (rip < start || rip >= start + BigInt(size)) continue;
    for (const place of sources.placesAt(rip, undefined)) if (place.file === file) seen.add(place.line);
    for (const line of lines) if (sources.addressesOf(file, line).includes(rip)) begun.add(line);
  }
  const ascending = (set: ReadonlySet<number>): number[] => [...set].sort((left, right) => left - right);
  assert.equal(ascending(seen), lines);
  assert.equal(ascending(begun), lines);
});

test('an extension that is unloaded takes its lines with it; one that is loaded again has them again', async () => {
  const box = await Box.boot({ memory: SMALL });
  const sources = createSources(box);
  const before = box.snapshot();
  const extension = box.rex.load(image());
  const addresses = sources.addressesOf('main.rs', 19);
  assert.is(addresses.length, 3);
  const mark = box.snapshot();
  extension.unload();
  assert.equal(sources.addressesOf('main.rs', 19), []);
  assert.equal(sources.placesAt(addresses[0]!, undefined), []);
  box.restore(mark);
  assert.equal(sources.addressesOf('main.rs', 19), addresses);
  box.restore(before);
  assert.equal(sources.addressesOf('main.rs', 19), []);
});

test('a saved box has the sources of its own kernel and of its extensions with it', async () => {
  const own = readKernelSources().map(({ file, source }) => ({ file, source: `# mine\n${source}` }));
  const box = await Box.boot({ memory: SMALL, sources: own });
  box.rex.load(image());
  const loaded = await Box.load(box.save());
  const [before, after] = [createSources(box), createSources(loaded)];
  assert.ok(after.sourceText('kernel/rex-dispatcher/rex_64.S')!.startsWith('# mine\n'));
  assert.equal(after.addressesOf('main.rs', 19), before.addressesOf('main.rs', 19));
  assert.is(after.addressesOf('main.rs', 19).length, 3);
  const address = box.symbols.lookup('rex_exit')!;
  assert.equal(after.describe(address, undefined), before.describe(address, undefined));
});

test('programs: lines from the debug file beside them, of the file that the task executes', async () => {
  const { box } = await bootSample('error_injector');
  runTo(box, 'rex_dispatcher_func');
  const sources = createSources(box, packageSources);
  const task = currentTask(box);
  const [address] = sources.addressesOf('userapp.c', 57);
  const [place] = sources.placesAt(address!, task);
  assert.is(`${place!.file}:${place!.line}`, '/rex/samples/error_injector/userapp.c:57');
  assert.match(sources.sourceText(place!.file)!, 'int main');
  assert.match(sources.describe(address!, task).symbol, /^main\+/);
  assert.is(sources.describe(address!, task).space, 'user');
  // the loader, another process, has other code at that address
  const loader = box.kernel.tasks.get(1)!;
  assert.not.equal(sources.placesAt(address!, loader), [place]);
  assert.ok(sources.addressesOf('loader.c', 40).length > 0);
  assert.equal(sources.placesAt(address!, undefined), []);
  // without its debug file there are symbols alone
  const bare = createSources(box);
  assert.equal(bare.placesAt(address!, task), []);
  assert.match(bare.describe(address!, task).symbol, /^main\+/);
});

test('a debug file of another program is not taken', async () => {
  const { box } = await bootSample('error_injector');
  runTo(box, 'rex_dispatcher_func');
  const other = readHostFile(samplePath('error_injector/loader.debug'));
  const right = readHostFile(samplePath('error_injector/userapp.debug'));
  const task = currentTask(box);
  const asked: string[] = [];
  const withFiles = (...files: readonly Uint8Array[]): Sources =>
    createSources(box, { debugFiles: (name) => (asked.push(name), files) });
  const line = (sources: Sources): number => sources.addressesOf('userapp.c', 57).length;
  assert.is(line(withFiles(other, Uint8Array.of(1, 2, 3))), 0);
  assert.is(line(withFiles(other, right)) > 0, true);
  assert.ok(asked.includes('userapp'));
  assert.is(task?.comm, 'userapp');
});

if (spawnSync('addr2line', ['--version']).status !== 0) {
  process.stdout.write('skipped: no addr2line (binutils)\n');
  test.skip('addr2line', () => {});
} else {
  const names = slow ? ['error_injector', 'panic', 'xdp_test', 'bmc'] : ['error_injector'];
  for (const name of names) {
    test(`${name}, loaded: every address of every function has addr2line\u2019s lines`, async () => {
      const path = samplePath(`${name}/${name}.rex`);
      const bytes = readHostFile(path);
      const box = await Box.boot({ memory: 32 << 20 });
      box.rex.load(image()); // so that the image under test is not at the first address
      box.rex.load(bytes);
      const base = [...box.kernel.bpf.programs.values()].findLast((program) => program.image !== undefined)!;
      const sources = createSources(box);
      const functions = readElf(bytes).symbols.filter(
        ({ type, sectionIndex }) => type === STT_FUNC && sectionIndex !== 0,
      );
      const addresses = functions.flatMap(({ value, size }) =>
        Array.from({ length: Number(size) }, (_, n) => value + BigInt(n)),
      );
      const input = [...addresses, ...addresses].map((address) => `${address.toString(16)}\n`).join('');
      const { stdout } = spawnSync('addr2line', ['-a', '-i', '-e', path], {
        input,
        encoding: 'utf8',
        maxBuffer: 1 << 30,
      });
      const answers: string[][] = [];
      for (const text of stdout.trimEnd().split('\n')) {
        if (/^0x[0-9a-f]{16}$/.test(text)) answers.push([]);
        else answers.at(-1)!.push(text.replace(/ \(discriminator \d+\)$/, '').replace(/:\?$/, ':0'));
      }
      assert.is(answers.length, 2 * addresses.length);
      let inlined = 0;
      addresses.forEach((address, n) => {
        const theirs = answers[n + addresses.length]!.filter((text) => !text.startsWith('??') && text.includes('/'));
        const places = sources.placesAt(base.image!.address + address, undefined);
        const ours = places.map(({ file, line }) => `${file}:${line}`);
        if (ours.length > 1) inlined++;
        assert.equal(ours, theirs, `0x${address.toString(16)}`);
      });
      assert.ok(addresses.length > 1000 && inlined > 100);
      // kallsyms rounds sizes up and knows functions by the name of their image
      for (const { name: symbol, value } of functions) {
        const described = sources.symbolText(base.image!.address + value, undefined);
        assert.ok(described.startsWith('rex_prog_'), `${symbol}: ${described}`);
        assert.ok(!described.includes('+') || functions.some((other) => other.value === value), demangle(symbol));
      }
    });
  }
}

test('broken debug information: no source, a message, and no exception', async () => {
  const original = image();
  const debug = readElf(original).sections.filter(({ name }) => name.startsWith('.debug_'));
  const start = Math.min(...debug.map(({ offset }) => offset));
  const end = Math.max(...debug.map(({ offset, size }) => offset + size));
  const box = await Box.boot({ memory: SMALL });
  const mark = box.snapshot();
  let broken = 0;
  const edits = fc.array(fc.tuple(fc.integer({ min: start, max: end - 1 }), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(edits, (changes) => {
      box.restore(mark);
      const bytes = original.slice();
      for (const [at, value] of changes) bytes[at] = value;
      box.rex.load(bytes);
      const sources = createSources(box);
      const { address, size } = imageOf(box);
      for (let offset = 0; offset < size; offset += 61) sources.describe(address + BigInt(offset), undefined);
      sources.addressesOf('main.rs', 19);
      if (sources.problems.length > 0) broken++;
    }),
    { numRuns: slow ? 500 : 40 },
  );
  assert.ok(broken > 0);
});

test('texts of sources: of the package alone', () => {
  const root = mkdtempSync(join(tmpdir(), 'sources-'));
  try {
    mkdirSync(join(root, 'package'));
    writeFileSync(join(root, 'secret.rs'), 'secret');
    writeFileSync(join(root, 'package', 'main.rs'), 'fn main() {}');
    writeFileSync(join(root, 'package', 'notes.txt'), 'notes');
    symlinkSync(join(root, 'secret.rs'), join(root, 'package', 'link.rs'));
    const read = (path: string): string | undefined => readPackageSource(path, join(root, 'package'));
    assert.is(read('/rex/main.rs'), 'fn main() {}');
    assert.is(read('main.rs'), 'fn main() {}');
    const refused = [
      '../secret.rs',
      '/rex/../secret.rs',
      'link.rs',
      join(root, 'secret.rs'),
      'notes.txt',
      'a\0.rs',
      '',
    ];
    for (const path of [...refused, '/rustc/0/library/core/src/option.rs', '/etc/passwd', '/rex/none.rs', '/rex/']) {
      assert.is(read(path), undefined, path);
    }
  } finally {
    rmSync(root, { recursive: true });
  }
  assert.match(readPackageSource('/rex/samples/error_injector/main.rs')!, 'err_injector');
  assert.match(readPackageSource('/rex/toolchain/rust/rex/src/panic.rs')!, 'fn ');
});

test('what lies at an address, in words', async () => {
  const { box } = await bootSample('error_injector');
  runTo(box, 'bpf_map_lookup_elem');
  const sources = createSources(box, packageSources);
  const regions = createRegions(box, sources);
  const task = currentTask(box)!;
  const at = (address: bigint): string => regions.at(address, task);
  const { rsp, rdi } = box.registers();
  const { perCpu, bpf } = box.kernel;
  assert.is(at(rsp), 'Rex stack of CPU 0');
  assert.is(at(rdi), 'bpf_map.map_type of pid_to_errno');
  assert.is(at(rdi + 5n), 'bpf_map.key_size+0x1 of pid_to_errno');
  const top = task.stack + 16384n;
  assert.is(at(top - 88n), 'kernel stack of userapp (2): pt_regs.ax');
  assert.is(at(task.stack + 64n), 'kernel stack of userapp (2)');
  assert.is(at(task.address + 16n), 'task_struct.pid of userapp (2)');
  assert.is(at(perCpu[0]!.area + 0x50n), 'per-CPU area of CPU 0: current_task');
  assert.is(at(box.symbols.lookup('jiffies')! + 2n), 'jiffies+0x2');
  const [map] = bpf.maps.values();
  assert.ok(map!.data.kind === 'hash');
  const value = valueAddress(map!, map!.data.oldest);
  assert.is(at(value - 8n), 'map pid_to_errno, key 2: key');
  assert.is(at(value + 1n), 'map pid_to_errno, key 2: value+0x1');
  assert.is(at(value - 8n - 48n), 'map pid_to_errno, key 2: htab_elem');
  const { address } = imageOf(box);
  assert.is(at(address + 0x3e60n), '.got of err_injector');
  assert.is(at(address + 0x4ec8n), '.maps of err_injector: pid_to_errno+0x18');
  assert.is(at(0x7fff_ffff_d000n), 'stack of userapp (2)');
  assert.is(at(0x406004n), '.rodata of /userapp');
  assert.is(regions.at(0x406004n, undefined), '');
  assert.is(at(0n), '');
  assert.is(at(0xffff_c900_4000_0000n), '');
  assert.is(at((1n << 64n) - 1n), '');
  assert.is(at(0xffff_8880_0000_0000n), 'physical memory 0x0');
});

test('a stepped instruction in its slot is the probed one', async () => {
  const { box } = await bootSample('error_injector', ['getpid', '1']);
  runTo(box, 'kprobe_int3_handler');
  const [probe] = box.kernel.kprobes.probes.values();
  const sources = createSources(box);
  const described = sources.describe(probe!.slot, undefined);
  assert.match(described.symbol, /^__x64_sys_\w+\[slot\]$/);
  assert.equal(described.source, sources.placesAt(probe!.address, undefined));
});

test.run();
