export { createCodeFiles, type CodeFile, type CodeFiles, type DebugFiles } from './code-files.ts';
export { codeAt, KERNEL_HALF, type LoadedCode } from './loaded-code.ts';
export { originalAddress, probeOfSlot } from './probe-slots.ts';
export { createSources, type CodeSymbol, type SourceOptions, type Sources } from './sources.ts';
export { createRegions, type Regions, type SavedRegisters } from './regions.ts';
