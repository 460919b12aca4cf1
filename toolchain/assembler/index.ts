export {
  assemble,
  assembleCode,
  assembleFiles,
  type AssembledProgram,
  type AssembledSection,
  type AssembledSymbol,
  type AssemblerOptions,
  type SourceLine,
} from './assemble.ts';
export type { SymbolType } from './assembly.ts';
export { AssemblerError, type SourceFile } from './error.ts';
