/** include/uapi/linux/perf_event.h: numbers that only this folder uses. */

export const SampleType = {
  ip: 1 << 0,
  tid: 1 << 1,
  time: 1 << 2,
  address: 1 << 3,
  read: 1 << 4,
  callchain: 1 << 5,
  id: 1 << 6,
  cpu: 1 << 7,
  period: 1 << 8,
  streamId: 1 << 9,
  raw: 1 << 10,
  identifier: 1 << 16,
} as const;
export const SUPPORTED_SAMPLES = Object.values(SampleType).reduce<number>((all, bit) => all | bit, 0);

export const ReadFormat = { timeEnabled: 1, timeRunning: 2, id: 4, group: 8, lost: 16 } as const;

export const PerfRecord = { lost: 2, sample: 9 } as const;
/** misc of a record's header */
export const CpuMode = { kernel: 1, user: 2 } as const;

/** enum perf_callchain_context, as unsigned numbers */
export const CallchainContext = {
  kernel: BigInt.asUintN(64, -128n),
  user: BigInt.asUintN(64, -512n),
} as const;

/** Bits of perf_event_attr's flags. */
export const AttributeFlag = {
  disabled: 1n << 0n,
  inherit: 1n << 1n,
  pinned: 1n << 2n,
  exclusive: 1n << 3n,
  excludeUser: 1n << 4n,
  excludeKernel: 1n << 5n,
  excludeHypervisor: 1n << 6n,
  excludeIdle: 1n << 7n,
  frequency: 1n << 10n,
  inheritStatistics: 1n << 11n,
  enableOnExec: 1n << 12n,
  watermark: 1n << 14n,
  preciseIp: 3n << 15n,
  sampleIdAll: 1n << 18n,
  excludeHost: 1n << 19n,
  excludeGuest: 1n << 20n,
  excludeCallchainKernel: 1n << 21n,
  excludeCallchainUser: 1n << 22n,
} as const;
export const SUPPORTED_FLAGS = Object.values(AttributeFlag).reduce((all, bit) => all | bit, 0n);
