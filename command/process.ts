/** A command as a process of its own. */
import { failureOf } from './failures.ts';
import { createCommandOutput, hostStreams } from './output.ts';

/**
 * The exit status is what `main` says. What nobody catches, as in a callback of a socket, is a line on standard error and an
 * exit status too.
 */
export async function runAsProcess(name: string, main: (argv: readonly string[]) => Promise<number>): Promise<void> {
  process.on('uncaughtException', (error) => {
    const { message, exitCode } = failureOf(error, process.env);
    try {
      createCommandOutput(hostStreams(), false).error(`${name}: ${message}\n`);
    } catch {
      // nobody can be told: the exit status says it
    }
    process.exit(exitCode);
  });
  process.exitCode = await main(process.argv.slice(2));
}
