import type { NetState } from './types.ts';

/** net.ipv4.ip_local_port_range */
export const FIRST_LOCAL_PORT = 32768;
export const LAST_LOCAL_PORT = 60999;

/** No devices: boot adds lo. */
export function createNetState(cpus: number): NetState {
  return {
    devices: new Map(),
    sockets: new Map(),
    skbs: new Map(),
    skbHeads: new Map(),
    softnet: Array.from({ length: cpus }, () => ({ clones: [], output: [], backlog: [], handled: 0 })),
    next: { ifindex: 1, socket: 1, port: FIRST_LOCAL_PORT, sequence: 0x1000_0000, identification: 1 },
    ksoftirqd: new Map(),
  };
}
