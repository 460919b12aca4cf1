/** `npm run build:layouts`: writes kernel/layout's structures and constants as Rust and as C. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants } from '../../kernel/layout/constants.ts';
import { perCpuVariables } from '../../kernel/layout/per-cpu.ts';
import { structures, tracepointContexts, userStructures } from '../../kernel/layout/structures.ts';
import { renderCHeader } from './layout-c.ts';
import { checkPerCpuSizes } from './layout-members.ts';
import { renderRustModule } from './layout-rust.ts';
import { renderTracepointContexts, renderTracepointSections } from './tracepoints-rust.ts';

export interface GeneratedFile {
  /** relative to the repository's root */
  readonly path: string;
  readonly text: string;
}

/**
 * The files that follow from kernel/layout, without writing them.
 * Throws `LayoutError` where the tables contradict each other.
 */
export function generateLayouts(): GeneratedFile[] {
  checkPerCpuSizes(perCpuVariables, structures, constants);
  return [
    { path: 'toolchain/rust/rex/src/layout.rs', text: renderRustModule(structures, constants) },
    { path: 'toolchain/rust/rex/src/tracepoint/contexts.rs', text: renderTracepointContexts(tracepointContexts) },
    { path: 'toolchain/rust/rex-macros/src/tracepoints.rs', text: renderTracepointSections(tracepointContexts) },
    { path: 'toolchain/librex/include/rex_abi.h', text: renderCHeader(userStructures, constants) },
  ];
}

async function main(): Promise<void> {
  for (const file of generateLayouts()) {
    const target = fileURLToPath(new URL(`../../${file.path}`, import.meta.url));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, file.text);
    process.stdout.write(`${file.path}\n`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
