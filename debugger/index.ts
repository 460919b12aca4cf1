/** The debugger, to script: see README.md. */
export { createDebugger, openDebugger, type DebuggerOptions } from './debugger.ts';
export { DebuggerError } from './error.ts';
export type * from './types.ts';
