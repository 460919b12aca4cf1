/** The network's data. IPv4 addresses are numbers, the first byte highest; ports are in host order. */

/** struct net_device. */
export interface NetDevice {
  readonly ifindex: number;
  readonly name: string;
  readonly kind: 'loopback' | 'veth';
  /** guest address of its struct net_device */
  readonly address: bigint;
  /** guest addresses of its struct xdp_rxq_info, one a CPU */
  readonly rxQueues: readonly bigint[];
  readonly mac: Uint8Array;
  /** bytes of a packet behind the Ethernet header */
  mtu: number;
  up: boolean;
  ipv4: { readonly address: number; readonly prefix: number } | undefined;
  /** where packets go that no device's subnet has */
  gateway: number | undefined;
  /** veth: the other end's ifindex; 0 when that is outside the box */
  readonly peer: number;
  /** what the box sent to an end outside, oldest first */
  readonly outside: Uint8Array[];
  outsideBytes: number;
  /** every packet as a capture sees it; undefined: none is made */
  capture: CapturedPacket[] | undefined;
  captureBytes: number;
  xdp: XdpAttachment | undefined;
  /** TC programs need it: `tc qdisc add dev X clsact` */
  clsact: boolean;
  /** in the order of their priority */
  readonly filters: Record<TcHook, TcFilter[]>;
  /** IPv4 address to MAC address */
  readonly neighbours: Map<number, Uint8Array>;
  /** frames that wait for a neighbour's MAC address */
  readonly unresolved: { readonly address: number; readonly frame: Uint8Array; readonly socket: number }[];
  readonly statistics: DeviceStatistics;
}

export interface CapturedPacket {
  /** guest time, ns */
  readonly time: number;
  readonly bytes: Uint8Array;
  readonly direction: 'in' | 'out';
}

export interface DeviceStatistics {
  rxPackets: number;
  rxBytes: number;
  txPackets: number;
  txBytes: number;
  /** not delivered: queues full, no memory, not for this host, malformed */
  rxDropped: number;
  txDropped: number;
  /** by verdict of the XDP program */
  xdpAborted: number;
  xdpDropped: number;
  xdpPassed: number;
  xdpTransmitted: number;
  /** TC_ACT_SHOT */
  tcDropped: number;
  /** clones that programs were refused: their generation, or the queue, was at its limit */
  clonesRefused: number;
  /** programs that did not run because another was running on the CPU */
  programsSkipped: number;
}

export type XdpMode = 'skb' | 'drv';
export type TcHook = 'ingress' | 'egress';

export interface XdpAttachment {
  readonly mode: XdpMode;
  /** the attachment holds it, unless a link does */
  program: number;
  /** bpf link's id; undefined: attached through netlink */
  readonly link: number | undefined;
}

export interface TcFilter {
  readonly priority: number;
  readonly handle: number;
  /** ETH_P_*, host order; 3 is every protocol */
  readonly protocol: number;
  readonly name: string;
  /** the program's result is the action */
  readonly directAction: boolean;
  program: number;
  /** bpf link's id (TCX) */
  readonly link: number | undefined;
}

/** A struct sk_buff and its buffer, both in guest memory; the structure's own fields belong to the guest. */
export interface SkBuff {
  /** guest address of the structure */
  readonly address: bigint;
  /** guest address of the buffer, and its bytes */
  readonly head: bigint;
  readonly size: number;
  /** ifindex */
  device: number;
  /** id of the socket that sent it; 0 for none */
  readonly socket: number;
  /** 0, or one more than that of the packet a program made it of: bpf_clone_redirect */
  readonly generation: number;
}

/** A CPU's queues of packets, by address of the sk_buff: struct softnet_data. */
export interface SoftnetData {
  /** clones that programs send: they go when the program has ended */
  readonly clones: bigint[];
  /** to be sent */
  readonly output: bigint[];
  /** received */
  readonly backlog: bigint[];
  /** packets handled since do_softirq was entered */
  handled: number;
}

export interface Endpoint {
  readonly address: number;
  readonly port: number;
}

export interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: Endpoint;
  /** IPv4 destination and device it came by; for IP_PKTINFO */
  readonly to: number;
  readonly ifindex: number;
}

export interface Socket {
  readonly id: number;
  readonly family: number;
  /** SOCK_* */
  readonly type: number;
  readonly protocol: number;
  /** guest address of its struct sock; 0n for families without packets */
  readonly address: bigint;
  local: Endpoint;
  remote: Endpoint;
  /** bind has named the local address, not connect */
  boundAddress: boolean;
  connected: boolean;
  /** pending error, as SO_ERROR gives it */
  error: number;
  /** by `level:name` */
  readonly options: Map<string, number>;
  /** 1: no more receiving, 2: no more sending */
  shutdown: number;
  /** no descriptor leads to it any more */
  orphan: boolean;
  /** message sockets: what has arrived */
  readonly datagrams: Datagram[];
  /** stream sockets: what has arrived in order */
  readonly received: Uint8Array[];
  /** bytes in `datagrams` or `received` */
  receivedBytes: number;
  /** bytes of the box's memory that its queues are charged: see queues.ts */
  charged: number;
  tcp: TcpControl | undefined;
  /** AF_UNIX: the other end's id, or 0 when it has gone */
  peer: number;
  netlink: { port: number } | undefined;
}

export type TcpStateName =
  | 'CLOSE'
  | 'LISTEN'
  | 'SYN_SENT'
  | 'SYN_RECV'
  | 'ESTABLISHED'
  | 'FIN_WAIT1'
  | 'FIN_WAIT2'
  | 'CLOSE_WAIT'
  | 'CLOSING'
  | 'LAST_ACK'
  | 'TIME_WAIT';

/** RFC 9293 §3.3.1. Sequence numbers are unsigned 32-bit. */
export interface TcpControl {
  state: TcpStateName;
  sndUna: number;
  sndNxt: number;
  /** highest sndNxt there was: a timeout takes sndNxt back */
  sndMax: number;
  sndWnd: number;
  rcvNxt: number;
  /** highest window edge promised to the peer */
  rcvAdvertised: number;
  /** largest segment the peer takes */
  mss: number;
  /** bytes from sndUna on: not acknowledged, then not sent */
  readonly sendQueue: Uint8Array[];
  sendBytes: number;
  /** close or shutdown asked for a FIN behind the last byte */
  finQueued: boolean;
  finSent: boolean;
  finReceived: boolean;
  /** segments that came too early */
  readonly early: { readonly seq: number; readonly bytes: Uint8Array; readonly fin: boolean }[];
  /** retransmissions of what is at sndUna */
  retries: number;
  /** guest time in ns at which the timer of this state runs out */
  deadline: bigint | undefined;
  /** a listener's limit */
  backlog: number;
  /** a listener's connections, established and not accepted yet */
  readonly acceptQueue: number[];
  /** the listener of a connection that is not accepted yet; 0 for none */
  listener: number;
}

export interface NetState {
  readonly devices: Map<number, NetDevice>;
  readonly sockets: Map<number, Socket>;
  /** live packets by the address of their sk_buff */
  readonly skbs: Map<bigint, SkBuff>;
  /** addresses of live packets by their buffers' */
  readonly skbHeads: Map<bigint, bigint>;
  /** by CPU */
  readonly softnet: SoftnetData[];
  readonly next: { ifindex: number; socket: number; port: number; sequence: number; identification: number };
  /** pid of each CPU's ksoftirqd, once there is one */
  readonly ksoftirqd: Map<number, number>;
}
