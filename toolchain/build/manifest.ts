/**
 * `samples/NAME/manifest.json`: what the checked-in images were built from, and by what. The Rust and the C half of the
 * build each own one part.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface ManifestPart {
  /** what the compiler prints of itself */
  readonly compiler: string;
  /** path from the repository's root -> sha256 */
  readonly inputs: Readonly<Record<string, string>>;
  /** path from the repository's root -> sha256 */
  readonly outputs: Readonly<Record<string, string>>;
  /** program -> what is known of its stack: a bound, or why it is checked at run time */
  readonly stack?: Readonly<Record<string, string>>;
  /** kernel symbols the Rex image refers to */
  readonly kernelSymbols?: readonly string[];
}

export type Manifest = Readonly<Partial<Record<'rust' | 'c', ManifestPart>>>;

function manifestPath(root: string, name: string): string {
  return join(root, 'samples', name, 'manifest.json');
}

/** An empty manifest for a sample that was never built. */
export async function readManifest(root: string, name: string): Promise<Manifest> {
  const text = await readFile(manifestPath(root, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  return JSON.parse(text) as Manifest;
}

/** Replaces one part and keeps the other. */
export async function writeManifestPart(
  root: string,
  name: string,
  part: 'rust' | 'c',
  content: ManifestPart,
): Promise<void> {
  const manifest = { ...(await readManifest(root, name)), [part]: content };
  await writeFile(manifestPath(root, name), `${JSON.stringify(manifest, null, 2)}\n`);
}
