/** The command in this process, with streams of the test's. */
import { main } from '../../command/main.ts';

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `input`: all of standard input. */
export async function runCommandWith(input: string | Uint8Array, ...args: readonly string[]): Promise<CommandResult> {
  const chunks: Record<number, Uint8Array[]> = { 1: [], 2: [] };
  const waiting = input.length === 0 ? [] : [Buffer.from(input as Uint8Array)];
  const status = await main(args, {
    stdin: () => waiting.shift(),
    colours: false,
    write: (descriptor, bytes) => void chunks[descriptor]!.push(bytes.slice()),
  });
  const text = (descriptor: number): string => Buffer.concat(chunks[descriptor]!).toString();
  return { status, stdout: text(1), stderr: text(2) };
}

export const runCommand = (...args: readonly string[]): Promise<CommandResult> => runCommandWith('', ...args);
