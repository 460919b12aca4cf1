/** The one file of the box that touches the host's disk: the kernel's `.S` files, the samples, a caller's programs. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { SourceFile } from '../kernel/entry/text.ts';

const root = new URL('../', import.meta.url);
const pathOf = (relative: string): string => fileURLToPath(new URL(relative, root));

/** `path` relative to the repository, with its subfolders. */
function assemblyFiles(path: string): string[] {
  return readdirSync(pathOf(path), { withFileTypes: true }).flatMap((entry) => {
    const child = `${path}/${entry.name}`;
    if (entry.isDirectory()) return assemblyFiles(child);
    return entry.isFile() && entry.name.endsWith('.S') ? [child] : [];
  });
}

/** Every `.S` file of kernel/, by path. */
export function readKernelSources(): SourceFile[] {
  return assemblyFiles('kernel')
    .sort()
    .map((file) => ({ file, source: readFileSync(pathOf(file), 'utf8') }));
}

/** A file of the host by its path, as node:fs reads it; its errors are the host's. */
export function readHostFile(path: string | URL): Uint8Array {
  const buffer = readFileSync(path);
  // small files lie in a pool that other buffers share
  return new Uint8Array(buffer);
}

/** Where the samples are. */
export const samplesDirectory = new URL('samples/', root);

/** Names of the samples: the folders with a sample.json. */
export function sampleNames(): string[] {
  return readdirSync(samplesDirectory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && hasDescription(entry.name))
    .map((entry) => entry.name)
    .sort();
}

const hasDescription = (name: string): boolean =>
  readdirSync(new URL(`${name}/`, samplesDirectory)).includes('sample.json');
