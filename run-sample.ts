/** `npx tsx run-sample error_injector`: see command/main.ts. */
import { main } from './command/main.ts';
import { runAsProcess } from './command/process.ts';

await runAsProcess('run-sample', main);
