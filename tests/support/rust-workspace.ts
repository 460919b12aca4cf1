/** A temporary Rust workspace of small programs beside copies of the crates, and what the compiler says of each. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../../toolchain/build/repository.ts';

export interface RustWorkspace {
  readonly root: string;
  readonly targetDirectory: string;
}

/** `sources` by the name of their package, which is `samples/NAME`. */
export async function createRustWorkspace(sources: ReadonlyMap<string, string>): Promise<RustWorkspace> {
  const root = await mkdtemp(join(tmpdir(), 'rust-workspace-'));
  for (const path of ['toolchain/rust', '.cargo', 'samples/clippy.toml']) {
    await cp(join(repositoryRoot, path), join(root, path), { recursive: true });
  }
  const workspace = await readFile(join(repositoryRoot, 'Cargo.toml'), 'utf8');
  const members = [
    'toolchain/rust/rex',
    'toolchain/rust/rex-macros',
    ...Array.from(sources.keys(), (n) => `samples/${n}`),
  ];
  await writeFile(
    join(root, 'Cargo.toml'),
    workspace.replace(/members = \[[^\]]*\]/, `members = ${JSON.stringify(members)}`),
  );
  const manifest = await readFile(join(repositoryRoot, 'samples/hello/Cargo.toml'), 'utf8');
  for (const [name, source] of sources) {
    await mkdir(join(root, 'samples', name));
    await writeFile(join(root, 'samples', name, 'Cargo.toml'), manifest.replaceAll('"hello"', `"${name}"`));
    await writeFile(join(root, 'samples', name, 'main.rs'), source);
  }
  await run(root, ['generate-lockfile', '--offline']);
  return { root, targetDirectory: join(root, 'target') };
}

export async function removeRustWorkspace({ root }: RustWorkspace): Promise<void> {
  await rm(root, { recursive: true, force: true });
}

function run(root: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, maxBuffer: 1 << 26, timeout: 120_000 };
    execFile('cargo', args, options, (error, stdout, stderr) => {
      if (error !== null && (error.code === 'ENOENT' || error.killed === true)) reject(error);
      else if (stdout === '' && error !== null) reject(new Error(`cargo ${args[0]}: ${stderr}`));
      else resolve(stdout);
    });
  });
}

interface Message {
  readonly reason: string;
  readonly target?: { readonly name: string };
  readonly message?: { readonly level: string; readonly rendered: string };
}

/** The errors of every package under `cargo build` or `cargo clippy`; a package that compiles is not in the map. */
export async function rustErrors(
  { root, targetDirectory }: RustWorkspace,
  command: 'build' | 'clippy',
): Promise<Map<string, string>> {
  const options = ['--offline', '--release', '--workspace', '--keep-going', '--message-format=json'];
  const lines = (await run(root, [command, ...options, '--target-dir', targetDirectory])).split('\n');
  const errors = new Map<string, string>();
  for (const line of lines.filter((text) => text.startsWith('{'))) {
    const { reason, target, message } = JSON.parse(line) as Message;
    if (reason !== 'compiler-message' || target === undefined || message?.level !== 'error') continue;
    errors.set(target.name, `${errors.get(target.name) ?? ''}${message.rendered}`);
  }
  return errors;
}
