export { kprobeFaultHandler } from './step.ts';
export { registerKprobe, unregisterKprobe, type KprobeTarget } from './register.ts';
export { createKprobeState, type Kprobe, type KprobeHit, type KprobeState } from './types.ts';
