/** Which socket a datagram is for. */
import type { Kernel } from '../kernel.ts';
import { AF_INET, option, SocketOption, SOCK_DGRAM } from './sockets.ts';
import type { Endpoint, Socket } from './types.ts';

const SOL_SOCKET = 1;

/** compute_score: the more of its addresses are given, the better; -1 for another's. */
function score(socket: Socket, local: Endpoint, remote: Endpoint): number {
  if (socket.family !== AF_INET || socket.type !== SOCK_DGRAM || socket.local.port !== local.port) return -1;
  let points = 0;
  if (socket.local.address !== 0) {
    if (socket.local.address !== local.address) return -1;
    points++;
  }
  if (socket.connected) {
    if (socket.remote.address !== remote.address || socket.remote.port !== remote.port) return -1;
    points += 2;
  }
  return points;
}

/** Of a group with SO_REUSEPORT the flow chooses one; of others the youngest wins. */
export function udpSocketFor(kernel: Kernel, local: Endpoint, remote: Endpoint): Socket | undefined {
  let best = -1;
  let candidates: Socket[] = [];
  for (const socket of kernel.net.sockets.values()) {
    const points = score(socket, local, remote);
    if (points < 0 || points < best) continue;
    if (points > best) candidates = [];
    best = points;
    candidates.push(socket);
  }
  const group = candidates.filter((socket) => option(socket, SOL_SOCKET, SocketOption.reusePort) !== 0);
  if (group.length > 1) return group[(remote.address + remote.port * 31) % group.length];
  return candidates.at(-1);
}
