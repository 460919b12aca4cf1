/** Commands of the host. */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

/** the folder of this repository */
export const root = fileURLToPath(new URL('../', import.meta.url));
/** what executes its scripts */
export const NODE = ['node', '--import', 'tsx'];

export interface HostResult {
  readonly stdout: string;
  readonly stderr: string;
  /** wall time */
  readonly milliseconds: number;
}

/** @throws {Error} it is not there, or ended with another status than 0 */
export function runCommand(words: readonly string[], cwd?: string): HostResult {
  const start = performance.now();
  const { error, status, stdout, stderr } = spawnSync(words[0]!, words.slice(1), { encoding: 'utf8', cwd });
  const milliseconds = performance.now() - start;
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${words.join(' ')}: got exit status ${status}\n${stderr}`);
  return { stdout, stderr, milliseconds };
}

/**
 * What a script of this repository prints as JSON, in a process of its own: what V8 makes of other code is no concern of it.
 * @throws {Error} as runCommand
 */
export function runScript(script: string, ...words: readonly string[]): unknown {
  return JSON.parse(runCommand([...NODE, script, ...words], root).stdout);
}

/** As runCommand, and processor time; `timer` is the executable of child-time.c. */
export function timeCommand(
  timer: string,
  words: readonly string[],
  cwd?: string,
): HostResult & { readonly cpuMilliseconds: number } {
  const result = runCommand([timer, ...words], cwd);
  return { ...result, cpuMilliseconds: Number(/@(\d+)\s*$/.exec(result.stderr)![1]) / 1000 };
}

export const isThere = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

export const describeHost = (): string => `node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}`;
