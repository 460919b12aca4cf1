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

/**
 * Links the program of the package `name` in the workspace at `root`, offline, with the flags of .cargo/config.toml; the
 * bytes do not depend on where the workspace or its target folder is.
 * Throws `BuildError` with the compiler's messages.
 */
export async function cargoBuild(root: string, name: string): Promise<Uint8Array> {
  const version = await rustcVersion(root);
  if (version === undefined) throw new BuildError(`${name}: found no rustc, expected a stable toolchain on the PATH`);
  const flags = (await remappings(root, version)).map((row) => JSON.stringify(`--remap-path-prefix=${row}`));
  const configuration = `target.${TARGET}.rustflags=[${flags.join(', ')}]`;
  const targetDirectory = await mkdtemp(join(tmpdir(), 'rex-build-'));
  try {
    const options = ['--offline', '--locked', '--release', '--quiet', '--package', name, '--config', configuration];
    await execute('cargo', ['build', ...options], { cwd: root, env: buildEnvironment(targetDirectory) });
    return new Uint8Array(await readFile(join(targetDirectory, TARGET, 'release', name)));
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new BuildError(`cargo build ${name}: ${stderr || message}`);
  } finally {
    await rm(targetDirectory, { recursive: true, force: true });
  }
}
