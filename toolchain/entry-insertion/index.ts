export { EntryInsertionError, type EntryInsertionErrorCode } from './error.ts';
export { insertEntries, type InsertedEntries, type InsertedEntry } from './insert-entries.ts';
export { checkRexImage, type CheckOptions } from './check-rex-image.ts';
export { programTypes, type ProgramType } from './program-types.ts';
export { layoutProblems } from './rex-layout.ts';
