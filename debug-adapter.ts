/** The Debug Adapter Protocol on standard input and output, or with `--port N` on the loopback: see command/debug-adapter.ts. */
import { debugAdapter } from './command/debug-adapter.ts';
import { runAsProcess } from './command/process.ts';

await runAsProcess('debug-adapter', debugAdapter);
