/** The host's side of sources: their texts by the paths that debug information has, and programs' debug files. */
import { readdirSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HostFileError, Largest, pathInside, readHostFile, readHostText } from '../../box/host-file.ts';
import type { SourceOptions } from '../source/index.ts';

const packageRoot = fileURLToPath(new URL('../../', import.meta.url));
/** what the compilers of the samples were told that the package's folder is called */
const PREFIX = '/rex/';
/** folders that hold programs with debug files beside them */
const DEBUG_FOLDERS = ['samples', 'tests/programs'];
const SOURCE = /\.(rs|c|h|S|s|inc)$/;

/** Undefined for what is not there, or not for us to read. */
function ifReadable<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof HostFileError) return undefined;
    throw error;
  }
}

/**
 * A source of the package by the path in its debug information: `/rex/samples/hello/main.rs`, or relative to the package.
 * Undefined for any other path, for what leads out of the package, and for what is no source.
 */
export function readPackageSource(path: string, root = packageRoot): string | undefined {
  const file = packageSourcePath(path, root);
  return file === undefined ? undefined : ifReadable(() => readHostText(file));
}

/** Where that source is on this host. */
export function packageSourcePath(path: string, root = packageRoot): string | undefined {
  const relative = path.startsWith(PREFIX) ? path.slice(PREFIX.length) : path;
  if (relative.startsWith('/') || !SOURCE.test(relative) || relative.split(/[\\/]/).includes('..')) return undefined;
  return ifReadable(() => pathInside(root, relative));
}

/** The end of the path that debug information has of a file of this host: relative to the package, where it is inside. */
export function debugPathOf(path: string, root = packageRoot): string {
  const inside = relativeTo(root, path) ?? relativeTo(realpathSync(root) + sep, path);
  return inside === undefined ? path : inside.split(sep).join('/');
}

const relativeTo = (root: string, path: string): string | undefined =>
  path.startsWith(root) ? path.slice(root.length) : undefined;

function* filesNamed(folder: string, name: string, depth = 0): Generator<string> {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isFile() && entry.name === name) yield path;
    else if (entry.isDirectory() && depth < 3) yield* filesNamed(path, name, depth + 1);
  }
}

/** The `.debug` files of the package for programs called `name`. */
export function* packageDebugFiles(name: string, root = packageRoot): Generator<Uint8Array> {
  if (name === '' || /[\\/\0]/.test(name)) return;
  for (const folder of DEBUG_FOLDERS) {
    for (const path of filesNamed(join(root, folder), `${name}.debug`)) {
      const bytes = ifReadable(() => readHostFile(path, Largest.binary));
      if (bytes !== undefined) yield bytes;
    }
  }
}

/** What a debugger on this host shows. */
export const packageSources: SourceOptions = {
  readSource: (path) => readPackageSource(path),
  debugFiles: (name) => packageDebugFiles(name),
};
