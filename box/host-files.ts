/** Where things of this package are on the host's disk: the kernel's `.S` files, the samples. */
import { readdirSync, readFileSync, type Dirent } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { SourceFile } from '../kernel/entry/text.ts';
import { hostFileError, pathInside } from './host-file.ts';

export { readHostFile } from './host-file.ts';

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

/** Names the folder of the samples where it is another one: a course's own. */
const SAMPLES = 'KERNEL_IN_A_BOX_SAMPLES';

/** Where the samples are. */
export const samplesDirectory =
  (process.env[SAMPLES] ?? '') === '' ? new URL('samples/', root) : pathToFileURL(`${process.env[SAMPLES]}/`);

/** Names of the samples: the folders with a sample.json. */
export function sampleNames(): string[] {
  return entriesOf(samplesDirectory)
    .filter((entry) => entry.isDirectory() && hasDescription(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/** What is shared among samples is named by its folder: `@support/tc`. */
const shared = /^@([^/]+)\/(.*)$/s;

/**
 * Where a file of a sample is, as its sample.json names it: in the sample's folder, wherever links lead, or with `@NAME/` in
 * front in that of another sample.
 * @throws {HostFileError}
 */
export function sampleFile(sample: string, file: string): string {
  const [, folder = sample, name = file] = shared.exec(file) ?? [];
  return pathInside(pathInside(samplesDirectory, folder), name);
}

const hasDescription = (name: string): boolean =>
  entriesOf(new URL(`${encodeURIComponent(name)}/`, samplesDirectory)).some((entry) => entry.name === 'sample.json');

/** @throws {HostFileError} */
function entriesOf(folder: URL): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    throw hostFileError(fileURLToPath(folder), error);
  }
}
