/** `npx tsx run-sample error_injector`: see command/main.ts. */
import { main } from './command/main.ts';

process.exitCode = await main(process.argv.slice(2));
