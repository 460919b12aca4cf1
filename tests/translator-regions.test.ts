/** Regions: their text, and that there are never more of them than there may be. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine } from '../cpu/engine.ts';
import { forgetDecoded } from '../cpu/memory.ts';
import { defaultOptions, type TranslatorOptions } from '../cpu/translator/options.ts';
import { Regions } from '../cpu/translator/regions.ts';
import { assemble } from '../toolchain/assembler/index.ts';
import { At, createBareCpu } from './support/bare-cpu.ts';
import { goldenRegions } from './support/region-text.ts';

test('the text of a few regions is what it was (npx tsx tests/golden/regions.generate.ts)', () => {
  assert.snapshot(goldenRegions(), readFileSync(new URL('golden/regions.wat', import.meta.url), 'utf8'));
});

const host = {
  native: (): never => {
    throw new Error('a native call of a processor without host');
  },
  random: () => 1n,
};

const LOOPS = 64;
/** Loops one after the other, all of them gone through many times. */
const MANY = `
  movl $40, %ebp
outer:
${Array.from({ length: LOOPS }, (_, n) => `  movl $${10 + n}, %ecx\nloop${n}: leaq ${n}(%rax, %rcx), %rax; subl $1, %ecx; jnz loop${n}`).join('\n')}
  subl $1, %ebp
  jnz outer
  hlt
`;

function runMany(engine: 'interpreter' | 'translator', options: Partial<TranslatorOptions>) {
  const { cpu, memory, registers } = createBareCpu();
  const { bytes } = assemble(MANY, { sections: { '.text': BigInt(At.code) } }).sections.get('.text')!;
  memory.bytes.set(bytes, At.code);
  forgetDecoded(memory, At.code, bytes.length);
  registers.rip = BigInt(At.code);
  const made = createEngine(memory, engine, { threshold: 3, price: 0, instructions: 6, ...options });
  let most = { regions: 0, bytes: 0 };
  // in pieces, to look at what there is in between
  while (made.run(cpu, host, 500) === 'limit') {
    const { regions = 0, bytes: size = 0 } = made.stats ?? {};
    most = { regions: Math.max(most.regions, regions), bytes: Math.max(most.bytes, size) };
  }
  return { rax: registers.rax, retired: cpu.retired, stats: made.stats, most };
}

test('there are no more regions than allowed, and the result is the same', () => {
  const { rax, retired } = runMany('interpreter', {});
  const { most, stats, ...result } = runMany('translator', { regions: 8 });
  assert.is(result.rax, rax);
  assert.is(result.retired, retired);
  assert.ok(most.regions <= 8, `${most.regions} regions`);
  assert.ok(stats!.evicted > 50, `${stats!.evicted} evicted`);
});

test('nor more bytes', () => {
  const { rax } = runMany('interpreter', {});
  const { most, stats, ...result } = runMany('translator', { bytes: 6000 });
  assert.is(result.rax, rax);
  assert.ok(most.bytes <= 6000, `${most.bytes} bytes`);
  assert.ok(stats!.evicted > 50, `${stats!.evicted} evicted`);
});

test('a region whose module would be too large is cut', () => {
  const { rax } = runMany('interpreter', {});
  const { stats, ...result } = runMany('translator', { instructions: 300, moduleBytes: 2000 });
  assert.is(result.rax, rax);
  assert.is(stats!.failed, 0);
  assert.ok(stats!.bytes <= stats!.regions * 2000, `${stats!.bytes} bytes of ${stats!.regions} regions`);
  assert.ok(stats!.translated > 10_000, `${stats!.translated} instructions in translated code`);
});

test('what cannot be cut small enough is left to the interpreter, and counted', () => {
  const expected = runMany('interpreter', {});
  const { rax, retired, stats } = runMany('translator', { moduleBytes: 100 });
  assert.equal([rax, retired], [expected.rax, expected.retired]);
  assert.equal([stats!.regions, stats!.translated], [0, 0]);
  // each place once: it is not tried again for `pause` instructions
  assert.ok(stats!.failed > 0 && stats!.failed <= LOOPS * 3, `${stats!.failed} have failed`);
  assert.match(stats!.failure!, /^a module of \d+ bytes$/);
});

test('a host that compiles no more WebAssembly ends no run', () => {
  const expected = runMany('interpreter', {});
  const wasm = (globalThis as unknown as { WebAssembly: { Module: unknown } }).WebAssembly;
  const { Module } = wasm;
  // the core's is the first
  for (const most of [0, 1]) {
    const failure = new RangeError(`out of memory after ${most}`);
    let { stats } = expected;
    try {
      let rest = most;
      wasm.Module = function (bytes: Uint8Array) {
        if (--rest < 0) throw failure;
        return new (Module as new (bytes: Uint8Array) => object)(bytes);
      };
      const { rax, retired, ...got } = runMany('translator', {});
      assert.equal([rax, retired], [expected.rax, expected.retired]);
      stats = got.stats;
    } finally {
      wasm.Module = Module;
    }
    assert.is(stats!.translations, 0);
    assert.ok(stats!.failed > 0);
    assert.is(stats!.failure, String(failure));
  }
});

/** Writes the constant of a loop anew, goes through the loop, and so on for ever. */
const REWRITES = `
again:
  incl %ebx
  movl %ebx, patch+1(%rip)
  movl $64, %ecx
patch: movl $0, %eax
  addq %rax, %rdx
  subl $1, %ecx
  jnz patch
  jmp again
`;

test('code that is written again and again is left to the interpreter, and tried again after a pause', () => {
  const { cpu, memory, registers } = createBareCpu();
  const { bytes } = assemble(REWRITES, { sections: { '.text': BigInt(At.code) } }).sections.get('.text')!;
  memory.bytes.set(bytes, At.code);
  registers.rip = BigInt(At.code);
  const engine = createEngine(memory, 'translator', { threshold: 2, price: 0, patience: 4, pause: 50_000 });
  const translations: number[] = [];
  for (let n = 0; n < 10; n++) {
    engine.run(cpu, host, 20_000);
    translations.push(engine.stats!.translations);
  }
  const growing = translations.filter((count, n) => n > 0 && count > translations[n - 1]!).length;
  assert.ok(translations[0]! > 0 && translations[0]! < 20, `${translations[0]} at first`);
  assert.ok(growing >= 2 && growing <= 5, `${translations.join()}`);
});

test('what is learned of addresses is bounded', () => {
  const { memory } = createBareCpu();
  const regions = new Regions(memory, defaultOptions, {});
  let most = 0;
  for (let n = 0n; n < 100_000n; n++) {
    regions.noteTarget(n, n + 1n);
    regions.noteCrossing(n, 0);
    most = Math.max(most, regions.remembered);
  }
  assert.ok(most > 1000 && most <= 4 * 16_384, `${most} entries`);
});

test.run();
