/** The command in this process, with streams of the test's. */
import { main } from '../../command/main.ts';

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** both, as they were written */
  readonly screen: string;
}

/** `input`: all of standard input. */
export async function runCommandWith(input: string | Uint8Array, ...args: readonly string[]): Promise<CommandResult> {
  const chunks: [descriptor: number, bytes: Uint8Array][] = [];
  const waiting = input.length === 0 ? [] : [Buffer.from(input as Uint8Array)];
  const status = await main(args, {
    stdin: () => waiting.shift(),
    colours: false,
    write: (descriptor, bytes) => void chunks.push([descriptor, bytes.slice()]),
  });
  const text = (...descriptors: readonly number[]): string =>
    Buffer.concat(
      chunks.filter(([descriptor]) => descriptors.includes(descriptor)).map(([, bytes]) => bytes),
    ).toString();
  return { status, stdout: text(1), stderr: text(2), screen: text(1, 2) };
}

export const runCommand = (...args: readonly string[]): Promise<CommandResult> => runCommandWith('', ...args);
