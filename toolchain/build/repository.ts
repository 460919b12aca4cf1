import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository this file belongs to, without a slash at the end. */
export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Paths below `root` of the files in `folder`, at any depth, sorted; `folder/target` is left out. */
export async function filesBelow(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const nested = entries.map((entry) => {
    const path = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return entry.name === 'target' ? [] : filesBelow(root, path);
  });
  return (await Promise.all(nested)).flat().sort();
}

/** path -> sha256 of the files `paths` names below `root`. */
export async function hashFiles(root: string, paths: readonly string[]): Promise<Record<string, string>> {
  const rows = paths.map(async (path) => [path, sha256(await readFile(join(root, path)))] as const);
  return Object.fromEntries(await Promise.all(rows));
}
