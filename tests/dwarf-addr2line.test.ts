/** framesAt against `addr2line -i -f`, for every address of every function of the images. The slow tier takes all of them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readDebugInformation, type SourceFrame } from '../toolchain/dwarf/index.ts';
import { demangle, readElf } from '../toolchain/elf/index.ts';
import { STT_FUNC } from '../toolchain/elf/constants.ts';
import { repositoryRoot } from '../toolchain/build/repository.ts';

const quick: ReadonlySet<string> = new Set([
  'error_injector.rex',
  'panic.rex',
  'xdp_test.rex',
  'error_injector/userapp.debug',
  'error_injector/loader.debug',
]);
const slow = process.env['TEST_TIER'] === 'slow';

const files = readdirSync(join(repositoryRoot, 'samples'), { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.(rex|debug)$/.test(path))
  .sort()
  .filter((path) => slow || [...quick].some((name) => path.endsWith(name)));

/** Address -> the symbols there: aliases have several, and binutils picks one by rules of its own. */
function symbolsByAddress(bytes: Uint8Array): Map<bigint, Set<string>> {
  const symbols = new Map<bigint, Set<string>>();
  for (const { name, type, sectionIndex, value, size } of readElf(bytes).symbols) {
    if (type !== STT_FUNC || sectionIndex === 0) continue;
    for (let address = value; address < value + size; address++) {
      const known = symbols.get(address);
      if (known === undefined) symbols.set(address, new Set([demangle(name)]));
      else known.add(demangle(name));
    }
  }
  return symbols;
}

type Printed = readonly { readonly name: string; readonly place: string }[];

/** What addr2line prints of each address; with -a each answer begins with the address. */
function addr2line(path: string, addresses: readonly bigint[]): Printed[] {
  const input = addresses.map((address) => `${address.toString(16)}\n`).join('');
  const { stdout, status, stderr } = spawnSync('addr2line', ['-a', '-i', '-f', '-e', path], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`addr2line ${path}: ${stderr}`);
  const answers: { name: string; place: string }[][] = [];
  const lines = stdout.trimEnd().split('\n');
  for (let at = 0; at < lines.length; at++) {
    if (/^0x[0-9a-f]{16}$/.test(lines[at]!)) answers.push([]);
    else answers.at(-1)!.push({ name: lines[at]!, place: lines[++at]! });
  }
  return answers;
}

/** `file:line`, `file:?` where there is no line; `??` where there is no file */
function printed({ file, line }: SourceFrame): string {
  return file === undefined ? '??' : `${file}:${line === 0 ? '?' : line}`;
}

/** addr2line has a STT_FILE symbol's name, without folder, where nothing else is known. */
function place(text: string): string {
  const plain = text.replace(/ \(discriminator \d+\)$/, '').replace(/:0$/, ':?');
  return /^[^/]*:\?$/.test(plain) ? '??' : plain;
}

/**
 * addr2line 2.40 begins version 5 programs with file 0, which is the unit's own `.c`; the standard, and binutils' own
 * objdump, begin with file 1. It shows in functions from a header and in musl's Scrt1.c, which includes crt1.c.
 */
function samePlace(ours: string, theirs: string, path: string, depth: number): boolean {
  const line = (text: string): string => text.slice(text.lastIndexOf(':'));
  const fileZero = path.endsWith('.debug') && depth === 0 && /\.c:\d+$/.test(theirs) && /\.h:|crt1\.c:/.test(ours);
  return ours === theirs || (fileZero && line(ours) === line(theirs));
}

/** Binutils gives inlined code that begins where its function does the function's name. */
function sameName(ours: string, theirs: string, outermost: string, depth: number, aliases: Set<string>): boolean {
  return ours === theirs || (depth === 0 && theirs === outermost) || (aliases.has(ours) && aliases.has(theirs));
}

if (spawnSync('addr2line', ['--version']).status !== 0) {
  process.stdout.write('skipped: no addr2line (binutils)\n');
  test.skip('addr2line', () => {});
} else {
  for (const path of files) {
    test(`${path}: every address of every function has addr2line's frames`, () => {
      const absolute = join(repositoryRoot, 'samples', path);
      const bytes = readFileSync(absolute);
      const information = readDebugInformation(bytes);
      assert.equal(information.problems, []);
      const symbols = symbolsByAddress(bytes);
      const addresses = [...symbols.keys()];
      assert.ok(addresses.length > 100);
      // twice: its first answers name inlined code by the symbol around it
      const answers = addr2line(absolute, [...addresses, ...addresses]).slice(addresses.length);
      assert.is(answers.length, addresses.length);
      let inlined = 0;
      addresses.forEach((address, index) => {
        const ours = information.framesAt(address);
        const theirs = answers[index]!;
        const what = `0x${address.toString(16)}`;
        if (ours.length > 1) inlined++;
        const show = `${what}:\n${JSON.stringify(ours, null, 1)}\n${JSON.stringify(theirs, null, 1)}`;
        assert.is(ours.length, theirs.length, show);
        const outermost = ours.at(-1)!.function ?? '??';
        ours.forEach((frame, depth) => {
          const name = demangle(theirs[depth]!.name);
          assert.ok(sameName(frame.function ?? '??', name, outermost, depth, symbols.get(address)!), show);
          assert.ok(samePlace(printed(frame), place(theirs[depth]!.place), path, depth), show);
        });
      });
      assert.ok(inlined > 0 || path.endsWith('.debug'));
    });
  }
}

test.run();
