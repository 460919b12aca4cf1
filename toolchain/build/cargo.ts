import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BuildError } from './error.ts';

const TARGET = 'x86_64-unknown-linux-gnu';
/** where the repository appears to be in panic messages and debug information */
const REMAPPED_ROOT = '/rex';

const execute = promisify(execFile);

/** What `rustc -vV` prints, or undefined where there is no rustc. */
export async function rustcVersion(root: string): Promise<string | undefined> {
  return execute('rustc', ['-vV'], { cwd: root }).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
}

/** Settings of the caller's shell that would change the code. */
const cleared = [
  'RUSTFLAGS',
  'CARGO_ENCODED_RUSTFLAGS',
  'RUSTC_WRAPPER',
  'RUSTC_WORKSPACE_WRAPPER',
  'CARGO_BUILD_TARGET',
];

function buildEnvironment(targetDirectory: string): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...process.env, CARGO_TARGET_DIR: targetDirectory };
  for (const name of cleared) delete environment[name];
  return environment;
}

/** rustc names a local copy of core's sources, where one is installed, by its own path. */
async function remappings(root: string, version: string): Promise<string[]> {
  const { stdout } = await execute('rustc', ['--print', 'sysroot'], { cwd: root });
  const commit = /^commit-hash: (\w+)$/m.exec(version)?.[1] ?? 'unknown';
  return [`${root}=${REMAPPED_ROOT}`, `${stdout.trim()}/lib/rustlib/src/rust=/rustc/${commit}`];
}

export interface CargoOptions {
  /** of the packages or, as `rex/name`, of the rex crate */
  readonly features?: readonly string[];
  /** where cargo leaves its files, to be used again; a temporary folder if left out */
  readonly targetDirectory?: string;
}

/** Runs a cargo command that compiles, offline, and then `use` on its target folder. Throws `BuildError`. */
async function cargo<T>(
  root: string,
  command: string,
  names: readonly string[],
  { features = [], targetDirectory }: CargoOptions,
  use: (targetDirectory: string) => Promise<T>,
): Promise<T> {
  const what = names.join(', ');
  const version = await rustcVersion(root);
  if (version === undefined) throw new BuildError(`${what}: found no rustc, expected a stable toolchain on the PATH`);
  const flags = (await remappings(root, version)).map((row) => JSON.stringify(`--remap-path-prefix=${row}`));
  const configuration = `target.${TARGET}.rustflags=[${flags.join(', ')}]`;
  const directory = targetDirectory ?? (await mkdtemp(join(tmpdir(), 'rex-build-')));
  try {
    const packages = names.flatMap((name) => ['--package', name]);
    const selected = features.length > 0 ? ['--features', features.join(',')] : [];
    const options = ['--offline', '--locked', '--quiet', ...packages, ...selected, '--config', configuration];
    await execute('cargo', [command, ...options, '--release'], { cwd: root, env: buildEnvironment(directory) });
    return await use(join(directory, TARGET, 'release'));
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new BuildError(`cargo ${command} ${what}: ${stderr || message}`);
  } finally {
    if (targetDirectory === undefined) await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Links the programs of the packages `names` in the workspace at `root`, offline, with the flags of .cargo/config.toml; the
 * bytes, in the order of the names, do not depend on where the workspace or its target folder is.
 * Throws `BuildError` with the compiler's messages.
 */
export async function cargoBuild(
  root: string,
  names: readonly string[],
  options: CargoOptions = {},
): Promise<Uint8Array[]> {
  return cargo(root, 'build', names, options, (folder) =>
    Promise.all(names.map(async (name) => new Uint8Array(await readFile(join(folder, name))))),
  );
}

/** Throws `BuildError` with clippy's messages when a package breaks a lint. */
export async function cargoClippy(root: string, names: readonly string[], options: CargoOptions = {}): Promise<void> {
  await cargo(root, 'clippy', names, options, async () => {});
}
