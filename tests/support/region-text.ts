/** The WebAssembly that a few lines of assembly become, as text. */
import { decode } from '../../cpu/decoder.ts';
import { translateRegion, moduleOf } from '../../cpu/translator/region.ts';
import { printModule } from '../../cpu/translator/wasm/wat.ts';
import { assemble } from '../../toolchain/assembler/index.ts';
import { At, createBareCpu } from './bare-cpu.ts';

/** Regions whose text is kept in tests/golden/regions.wat: what each is to show. */
export const regionSources: readonly (readonly [title: string, source: string])[] = [
  ['registers and flags only: a loop of two instructions', 'again: addq %rcx, %rax; subq $1, %rcx; jnz again; hlt'],
  ['a store: the TLB in line, a way out', 'movb %al, 16(%rdi); hlt'],
  ['a call that is followed, and its return', 'call f; hlt; f: ret'],
];

export function regionText(source: string): string {
  const { cpu } = createBareCpu();
  const base = BigInt(At.code);
  const { bytes } = assemble(source, { sections: { '.text': base } }).sections.get('.text')!;
  const region = translateRegion(cpu, base, {
    limits: { instructions: 100, depth: 2 },
    apart: new Set(),
    targetsOf: () => [],
    instructionAt(rip) {
      const at = Number(rip - base);
      const decoded = at >= 0 && at < bytes.length ? decode(bytes, at, bytes.length) : undefined;
      return typeof decoded === 'object' ? decoded : undefined;
    },
  })!;
  return printModule(moduleOf([region], 2));
}

export const goldenRegions = (): string =>
  regionSources.map(([title, source]) => `;; ${title}\n;; ${source}\n${regionText(source).trimEnd()}\n`).join('\n');
