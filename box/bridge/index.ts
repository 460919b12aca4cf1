/**
 * A bridge between a box's network device and the loopback of the host, for who asks for one: `kernel-in-a-box/bridge`.
 * With it a box depends on the host's clock and network, and is as deterministic as those.
 */
import { parseIpv4, parseMac, sameSubnet } from '../../kernel/net/address.ts';
import type { Box } from '../box.ts';
import { BoxError, checkInteger } from '../errors.ts';
import { HostPortError } from '../host-port.ts';
import type { NetworkDevice } from '../network.ts';
import { LOOPBACK, type BridgeContext } from './context.ts';
import { forwardTcp, listenTcp } from './host-tcp.ts';
import { forwardUdp, listenUdp } from './host-udp.ts';
import { createOutside, type Party } from './outside.ts';
import { createBell, pump, type BridgeRunOptions, type BridgeRunResult } from './pump.ts';
import { createStatistics, type BridgeStatistics } from './statistics.ts';

export type { BridgeRunOptions, BridgeRunResult } from './pump.ts';
export type { BridgeStatistics } from './statistics.ts';

/** A port of 127.0.0.1 whose traffic enters the box, to `boxPort` of the device's address. */
export interface ListenOptions {
  readonly protocol: 'udp' | 'tcp';
  /** 0: the host chooses one, see `Bridge.listening` */
  readonly hostPort: number;
  readonly boxPort: number;
}

/** A port of the outside's address; what the box sends there goes to `hostPort` of 127.0.0.1. */
export interface ForwardOptions {
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  readonly hostPort: number;
}

export interface BridgeOptions {
  /** name of a veth device with an address, whose other end is outside */
  readonly device: string;
  /** IPv4 address of the outside, in the device's subnet */
  readonly address: string;
  /** of the outside; default 02:00:00:00:ff:fe */
  readonly mac?: string;
  readonly listen?: readonly ListenOptions[];
  readonly forward?: readonly ForwardOptions[];
}

export interface Bridge {
  /** as asked for, with the ports that the host has chosen */
  readonly listening: readonly ListenOptions[];
  /** a copy of the counters */
  readonly statistics: BridgeStatistics;
  /**
   * Runs the box and carries frames until `until` or `signal`. While every task sleeps guest time goes on as the host's
   * does, so that timers of the box and of the outside come; otherwise it is instructions, as ever. One run at a time.
   */
  run(options?: BridgeRunOptions): Promise<BridgeRunResult>;
  /** The box was changed by other means, as with `Box.signal`: a run that sleeps looks at it again. */
  wake(): void;
  /** Closes every port and connection; a run ends. */
  close(): void;
}

const DEFAULT_MAC = '02:00:00:00:ff:fe';

function parties(device: NetworkDevice, { address, mac = DEFAULT_MAC }: BridgeOptions): { outside: Party; box: Party } {
  const what = `bridge on ${device.name}`;
  if (device.address === undefined) throw new BoxError(`${what}: the device has no IPv4 address`);
  const [own, prefix] = device.address.split('/');
  const box = { mac: parseMac(device.mac)!, address: parseIpv4(own!)! };
  const outside = parseIpv4(address);
  if (outside === undefined || outside === box.address || !sameSubnet(outside, box.address, Number(prefix))) {
    throw new BoxError(
      `${what}: got ${JSON.stringify(address)}, expected another IPv4 address of the device's subnet, ${device.address}`,
    );
  }
  const hardware = parseMac(mac);
  if (hardware === undefined || (hardware[0]! & 1) !== 0 || mac === device.mac) {
    throw new BoxError(`${what}: got ${JSON.stringify(mac)}, expected another unicast MAC address`);
  }
  return { outside: { mac: hardware, address: outside }, box };
}

function checkPorts({ listen = [], forward = [] }: BridgeOptions): void {
  for (const { hostPort, boxPort } of listen) {
    checkInteger('bridge: listen: hostPort', hostPort, 0, 65535);
    checkInteger('bridge: listen: boxPort', boxPort, 1, 65535);
  }
  for (const { port, hostPort } of forward) {
    checkInteger('bridge: forward: port', port, 1, 65535);
    checkInteger('bridge: forward: hostPort', hostPort, 1, 65535);
  }
}

async function openPort(context: BridgeContext, options: ListenOptions): Promise<ListenOptions> {
  const { protocol, hostPort, boxPort } = options;
  try {
    const open = protocol === 'udp' ? listenUdp : listenTcp;
    return { ...options, hostPort: await open(context, hostPort, boxPort) };
  } catch (error) {
    const { message } = new HostPortError(`${protocol} ${LOOPBACK}:${hostPort}`, error as Error);
    throw new BoxError(`bridge: ${message}`);
  }
}

/**
 * Opens the ports of `listen` on the host's loopback, and carries what the box sends to those of `forward` there.
 * Nothing moves until `Bridge.run`.
 * @throws {BoxError} no such device, addresses that do not fit, a port that the host does not give
 */
export async function openBridge(box: Box, options: BridgeOptions): Promise<Bridge> {
  const device = box.network.device(options.device);
  checkPorts(options);
  const statistics = createStatistics();
  const opened = box.kernel.roundStart;
  const now = (): number => Number(box.kernel.roundStart - opened);
  const outside = createOutside({ ...parties(device, options), mtu: device.mtu, statistics, now });
  const bell = createBell();
  const closers: (() => void)[] = [];
  let closed = false;
  let running = false;
  const context: BridgeContext = { outside, statistics, wake: bell.ring, onClose: (action) => closers.push(action) };
  const close = (): void => {
    closed = true;
    outside.services.udp.clear();
    outside.services.tcp.clear();
    for (const action of closers.splice(0)) action();
    bell.ring();
  };
  const listening: ListenOptions[] = [];
  try {
    for (const { protocol, port, hostPort } of options.forward ?? []) {
      (protocol === 'udp' ? forwardUdp : forwardTcp)(context, port, hostPort);
    }
    for (const port of options.listen ?? []) listening.push(await openPort(context, port));
  } catch (error) {
    close();
    throw error;
  }

  return {
    listening,
    get statistics() {
      return { ...statistics };
    },
    async run(options = {}) {
      if (running) throw new BoxError('bridge: it runs already');
      running = true;
      options.signal?.addEventListener('abort', bell.ring);
      try {
        return await pump({ box, device, outside, now, statistics, bell, isClosed: () => closed }, options);
      } finally {
        running = false;
        options.signal?.removeEventListener('abort', bell.ring);
      }
    },
    wake: bell.ring,
    close,
  };
}
