/** The public API: a deterministic computer with a kernel, to script, to test with and to debug. */
export {
  Box,
  type BoxFiles,
  type BoxOptions,
  type BoxSnapshot,
  type BoxSymbols,
  type EngineOptions,
  type LoadOptions,
  type RunOptions,
  type RunReason,
  type RunResult,
  type Step,
} from './box/box.ts';
export { DEFAULT_BUDGET } from './box/budget.ts';
export type { Change } from './box/change.ts';
export { BoxError } from './box/errors.ts';
export { CloneError } from './box/frozen.ts';
export type { HistoryOptions, HistoryReach } from './box/history/history.ts';
export type { RunBack, RunBackOptions } from './box/history/run-back.ts';
export type { Travel } from './box/history/travel.ts';
export type { BoxListener } from './box/machine.ts';
export type {
  BoxNetwork,
  InjectOptions,
  NetworkDevice,
  NetworkOptions,
  TcOptions,
  VethOptions,
} from './box/network.ts';
export type { Output } from './box/output.ts';
export type { Profile, ProfiledRegion, ProfiledSymbol, ProfileOptions } from './box/profile.ts';
export type { Cell, RexExtension, RexLink, RexMap, RexProgram } from './box/rex.ts';
export type { Exit, InputSource, Process, SpawnOptions } from './box/spawn.ts';
export { SavedBoxError, type SavedBoxFault } from './box/saved/error.ts';
export { SAVED_BOX_VERSION } from './box/saved/file.ts';
export type { BoxStats, TranslationStats } from './box/stats.ts';
export type { MemoryWatch, RunStops, StopHit } from './box/stops.ts';
export { engineNames, type EngineName } from './cpu/engine.ts';
export { HostMemoryError, MemorySizeError } from './cpu/memory.ts';
export type { Registers } from './cpu/state.ts';
export { EngineDifferenceError } from './cpu/translator/both.ts';
export type { TranslatorOptions } from './cpu/translator/options.ts';
export { MachineError } from './kernel/create-kernel.ts';
export type { KernelEvent } from './kernel/events.ts';
export type { Kernel } from './kernel/kernel.ts';
export { PcapError, readPcap, writePcap, type PcapPacket } from './kernel/net/pcap.ts';
export type { DeviceStatistics, TcHook, XdpMode } from './kernel/net/types.ts';
export { StandstillError } from './kernel/run.ts';
export type { KernelSymbol } from './kernel/symbols.ts';
