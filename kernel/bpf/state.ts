import type { BpfState } from './types.ts';

/** No objects; ids start at 1. */
export function createBpfState(cpus: number): BpfState {
  return {
    maps: new Map(),
    mapIds: new Map(),
    programs: new Map(),
    links: new Map(),
    events: new Map(),
    keptFiles: new Map(),
    next: { map: 1, program: 1, link: 1, event: 1 },
    statistics: { users: 0, sysctl: false },
    taskReferences: new Map(),
    dying: [],
    savedInterruptFlag: Array.from({ length: cpus }, () => false),
    trace: [],
  };
}
