export { DwarfError, type DwarfErrorCode } from './error.ts';
export {
  readDebugInformation,
  type DebugInformation,
  type LinePlace,
  type SourceFrame,
  type SourceLine,
} from './read-debug-information.ts';
