/** net/ipv4/tcp_timer.c. */
import { errno } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { endTcp, sendSyn, tcpOutput } from './tcp.ts';
import { destroySocket } from './sockets.ts';
import type { Socket, TcpControl } from './types.ts';

/** sysctl net.ipv4.tcp_syn_retries, tcp_synack_retries, tcp_retries2 */
const SYN_RETRIES = 6;
const SYNACK_RETRIES = 5;
const RETRIES = 15;

/** The connection's timer has run out: sends again from what is not acknowledged on, or gives up. */
export function tcpTimeout(kernel: Kernel, socket: Socket, tcp: TcpControl): void {
  switch (tcp.state) {
    case 'TIME_WAIT':
    case 'FIN_WAIT2':
      if (socket.orphan) destroySocket(kernel, socket);
      else endTcp(kernel, socket, tcp, 0);
      return;
    case 'CLOSE':
    case 'LISTEN':
      return;
    case 'SYN_SENT':
    case 'SYN_RECV':
      if (tcp.retries >= (tcp.state === 'SYN_SENT' ? SYN_RETRIES : SYNACK_RETRIES)) {
        return endTcp(kernel, socket, tcp, errno.ETIMEDOUT);
      }
      tcp.retries++;
      return sendSyn(kernel, socket, tcp);
    default:
      if (tcp.retries >= RETRIES) return endTcp(kernel, socket, tcp, errno.ETIMEDOUT);
      tcp.retries++;
      tcp.sndNxt = tcp.sndUna;
      tcpOutput(kernel, socket, tcp, true);
  }
}
