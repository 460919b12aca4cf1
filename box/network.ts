/** The network of a box, from outside: devices, packets in and out, captures, programs on devices. */
import type { BpfProgram } from '../kernel/bpf/types.ts';
import { fail } from '../kernel/errno.ts';
import { guestText } from '../kernel/fs/bytes.ts';
import { resolveExisting } from '../kernel/fs/paths.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { formatIpv4, formatMac, parseIpv4, parseMac } from '../kernel/net/address.ts';
import { createDevice, deviceNamed, LARGEST_MTU, setUp, writeDevice } from '../kernel/net/devices.ts';
import { readPcap, writePcap } from '../kernel/net/pcap.ts';
import { addClsact, addFilter, removeClsact, removeFilters } from '../kernel/net/tc.ts';
import { receiveFrame } from '../kernel/net/transmit.ts';
import type { DeviceStatistics, NetDevice, TcHook, XdpMode } from '../kernel/net/types.ts';
import { attachXdp, XdpFlag } from '../kernel/net/xdp.ts';
import { didYouMean } from '../toolchain/assembler/did-you-mean.ts';
import type { Change } from './change.ts';
import { asked, BoxError, checkInteger } from './errors.ts';
import type { RexLink, RexProgram } from './rex.ts';

export interface VethOptions {
  readonly name: string;
  /** name of the other end, in the box too; default: the other end is outside, that is `inject` and `take` */
  readonly peer?: string;
  /** `10.0.0.1/24` */
  readonly address?: string;
  /** the same of the other end, when that is in the box */
  readonly peerAddress?: string;
  /** default 02:00:00:00:00:NN with the ifindex */
  readonly mac?: string;
  /** bytes behind the Ethernet header; default 1500 */
  readonly mtu?: number;
  /** next hop of what no device's subnet has, `10.0.0.254` */
  readonly gateway?: string;
  /** default true */
  readonly up?: boolean;
}

/** What a box starts with beside lo. */
export interface NetworkOptions {
  readonly veth?: readonly VethOptions[];
}

export interface InjectOptions {
  /** processor that handles it; default: by the flow's addresses and ports */
  readonly cpu?: number;
}

export interface TcOptions {
  /** the program's result is the verdict; default true. Without it, as `tc` without `da`, it only classifies */
  readonly directAction?: boolean;
  /** lower ones run first; default: the kernel chooses, from 49152 down */
  readonly priority?: number;
}

export interface NetworkDevice {
  readonly name: string;
  readonly ifindex: number;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** `10.0.0.1/24`; undefined for none */
  readonly address: string | undefined;
  /** a copy of the counters */
  readonly statistics: DeviceStatistics;
  /** What can change: BoxError for an address or a number out of range. */
  configure(options: {
    readonly address?: string;
    readonly gateway?: string;
    readonly mtu?: number;
    readonly up?: boolean;
  }): void;
  /** `ip neigh replace`: the MAC address of an IPv4 address. BoxError. */
  addNeighbour(address: string, mac: string): void;
  /**
   * A frame with its Ethernet header arrives from outside; it is handled when the box runs. Whether it was taken: false
   * for a device that is down, a length that does not fit, a full queue.
   */
  inject(frame: Uint8Array, options?: InjectOptions): boolean;
  /** Every packet of a capture file, in order; how many were taken. PcapError. */
  injectPcap(file: Uint8Array, options?: InjectOptions): number;
  /** The frames that went outside since the last time, at most 4,096 and 32 MiB; a veth end whose peer is in the box, and lo, have none. */
  take(): Uint8Array[];
  /** Begins to keep every packet that goes in or out, before XDP and behind TC; at most 65536. */
  startCapture(): void;
  /** The capture as a file with times in ns, and the end of it. */
  stopCapture(): Uint8Array;
  /** `mode` default: the device's own ('drv' on veth), else 'skb'. BoxError: EEXIST, EBUSY, EOPNOTSUPP … */
  attachXdp(program: RexProgram, options?: { readonly mode?: XdpMode }): RexLink;
  /** Adds clsact if need be, and a filter. BoxError. */
  attachTc(program: RexProgram, hook: TcHook, options?: TcOptions): RexLink;
  /** `tc qdisc add dev X clsact`; BoxError EEXIST. */
  addClsact(): void;
  /** `tc qdisc del dev X clsact`: its filters go too. */
  removeClsact(): void;
  /** `tc filter add dev X HOOK bpf object-pinned PATH [da]`; `directAction` default false, as there. BoxError. */
  addPinnedFilter(hook: TcHook, path: string, options?: TcOptions): RexLink;
}

export interface BoxNetwork {
  /** names, by ifindex */
  readonly devices: readonly string[];
  /** BoxError without such a device. */
  device(name: string): NetworkDevice;
  /** One end, or both ends when `peer` is given: the second has no address. BoxError: EEXIST, EINVAL. */
  addVeth(options: VethOptions): NetworkDevice;
}

function ipv4(what: string, text: string): number {
  const address = parseIpv4(text);
  if (address !== undefined) return address;
  throw new BoxError(`${what}: got ${JSON.stringify(text)}, expected an IPv4 address such as 10.0.0.1`);
}

function mac(what: string, text: string): Uint8Array {
  const bytes = parseMac(text);
  if (bytes !== undefined && (bytes[0]! & 1) === 0) return bytes;
  throw new BoxError(`${what}: got ${JSON.stringify(text)}, expected a unicast MAC address such as 02:00:00:00:00:01`);
}

function subnet(what: string, text: string): NonNullable<NetDevice['ipv4']> {
  const [address, prefix, ...rest] = text.split('/');
  const bits = Number(prefix);
  if (rest.length === 0 && prefix !== undefined && /^\d+$/.test(prefix) && bits >= 1 && bits <= 32) {
    return { address: ipv4(what, address!), prefix: bits };
  }
  throw new BoxError(`${what}: got ${JSON.stringify(text)}, expected an address and a prefix such as 10.0.0.1/24`);
}

type Settings = Parameters<NetworkDevice['configure']>[0];

function configure(kernel: Kernel, device: NetDevice, { address, gateway, mtu, up }: Settings): void {
  const what = `device ${device.name}`;
  const wanted = address === undefined ? device.ipv4 : subnet(`${what}: address`, address);
  const hop = gateway === undefined ? device.gateway : ipv4(`${what}: gateway`, gateway);
  device.mtu = mtu === undefined ? device.mtu : checkInteger(`${what}: mtu`, mtu, 68, LARGEST_MTU);
  device.ipv4 = wanted;
  device.gateway = hop;
  if (up === undefined) writeDevice(kernel, device);
  else setUp(kernel, device, up);
}

const defaultMac = (ifindex: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, ifindex >> 8, ifindex & 0xff);

function addVeth(kernel: Kernel, options: VethOptions): NetDevice {
  const { name, peer, mtu } = options;
  const address = options.mac === undefined ? undefined : mac(`veth ${name}: mac`, options.mac);
  const { address: text, peerAddress, gateway } = options;
  if (peerAddress !== undefined) subnet(`veth ${name}: peerAddress`, peerAddress);
  if (text !== undefined) subnet(`veth ${name}: address`, text);
  if (gateway !== undefined) ipv4(`veth ${name}: gateway`, gateway);
  return asked(`veth ${name}`, () => {
    const first = kernel.net.next.ifindex;
    if (peer !== undefined && (peer === name || deviceNamed(kernel, peer) !== undefined)) fail('EEXIST');
    const size = mtu === undefined ? undefined : { mtu };
    const device = createDevice(kernel, {
      kind: 'veth',
      name,
      mac: address ?? defaultMac(first),
      peer: peer === undefined ? 0 : first + 1,
      ...size,
    });
    if (peer !== undefined) {
      try {
        const other = createDevice(kernel, {
          kind: 'veth',
          name: peer,
          mac: defaultMac(first + 1),
          peer: first,
          ...size,
        });
        configure(kernel, other, {
          ...(peerAddress === undefined ? undefined : { address: peerAddress }),
          up: options.up ?? true,
        });
      } catch (error) {
        kernel.net.devices.delete(device.ifindex);
        throw error;
      }
    }
    configure(kernel, device, {
      ...(text === undefined ? undefined : { address: text }),
      ...(gateway === undefined ? undefined : { gateway }),
      up: options.up ?? true,
    });
    return device;
  });
}

const modeFlag: Readonly<Record<XdpMode, number>> = { skb: XdpFlag.skb, drv: XdpFlag.drv };

/** Runs once, however often it is called. */
function once(change: Change, action: () => void): RexLink {
  let done = false;
  return {
    detach() {
      if (!done) change(action);
      done = true;
    },
  };
}

function createHandle(kernel: Kernel, change: Change, ifindex: number): NetworkDevice {
  const deviceOf = (): NetDevice => {
    const device = kernel.net.devices.get(ifindex);
    if (device === undefined) throw new BoxError(`the box has no device with ifindex ${ifindex} any more`);
    return device;
  };
  const programOf = ({ id }: RexProgram): BpfProgram => kernel.bpf.programs.get(id) ?? fail('EBADF');
  const filter = (hook: TcHook, program: BpfProgram, directAction: boolean, priority?: number): RexLink => {
    const request = { program, directAction, ...(priority === undefined ? {} : { priority }) };
    const { priority: chosen, handle } = addFilter(kernel, deviceOf(), hook, request);
    return once(change, () => {
      const same = deviceOf().filters[hook].find((other) => other.priority === chosen && other.handle === handle);
      if (same?.program === program.id) removeFilters(kernel, deviceOf(), hook, chosen, handle);
    });
  };
  const inject = (frame: Uint8Array, { cpu }: InjectOptions = {}): boolean => {
    if (cpu !== undefined) checkInteger('inject: cpu', cpu, 0, kernel.cpus.length - 1);
    // a copy of its own, whatever becomes of the caller's
    return change(() => receiveFrame(kernel, deviceOf(), new Uint8Array(frame), cpu));
  };
  return {
    ifindex,
    get name() {
      return deviceOf().name;
    },
    get mac() {
      return formatMac(deviceOf().mac);
    },
    get mtu() {
      return deviceOf().mtu;
    },
    get up() {
      return deviceOf().up;
    },
    get address() {
      const { ipv4: own } = deviceOf();
      return own && `${formatIpv4(own.address)}/${own.prefix}`;
    },
    get statistics() {
      return { ...deviceOf().statistics };
    },
    configure: (options) => change(() => configure(kernel, deviceOf(), options)),
    addNeighbour(address, hardware) {
      const [wanted, found] = [ipv4('neighbour', address), mac('neighbour', hardware)];
      change(() => deviceOf().neighbours.set(wanted, found));
    },
    inject,
    injectPcap: (file, options) => readPcap(file).filter(({ bytes }) => inject(bytes, options)).length,
    take() {
      const device = deviceOf();
      if (device.outside.length === 0) return [];
      return change(() => {
        device.outsideBytes = 0;
        return device.outside.splice(0);
      });
    },
    startCapture() {
      change(() => {
        const device = deviceOf();
        device.capture = [];
        device.captureBytes = 0;
      });
    },
    stopCapture() {
      const device = deviceOf();
      const packets = device.capture ?? [];
      change(() => {
        device.capture = undefined;
      });
      return writePcap(packets);
    },
    attachXdp(program, { mode } = {}) {
      const device = deviceOf();
      const flags = mode === undefined ? 0 : modeFlag[mode];
      return asked(`attach ${program.name} to ${device.name}`, () => {
        change(() => attachXdp(kernel, device, { program: programOf(program), flags }));
        return once(change, () => {
          const { xdp } = deviceOf();
          // somebody else's by now
          if (xdp === undefined || xdp.link !== undefined || xdp.program !== program.id) return;
          attachXdp(kernel, deviceOf(), { program: undefined, flags: modeFlag[xdp.mode] });
        });
      });
    },
    attachTc(program, hook, { directAction = true, priority } = {}) {
      const device = deviceOf();
      return asked(`attach ${program.name} to ${device.name} ${hook}`, () => {
        return change(() => {
          if (!device.clsact) addClsact(device);
          return filter(hook, programOf(program), directAction, priority);
        });
      });
    },
    addClsact: () => asked(`${deviceOf().name}: clsact`, () => change(() => addClsact(deviceOf()))),
    removeClsact: () => asked(`${deviceOf().name}: clsact`, () => change(() => removeClsact(kernel, deviceOf()))),
    addPinnedFilter(hook, path, { directAction = false, priority } = {}) {
      return asked(`filter ${path} on ${deviceOf().name} ${hook}`, () => {
        const { type, driver, object } = resolveExisting(kernel, guestText(path));
        const program = type === 'pinned' && driver === 'bpf-prog' ? kernel.bpf.programs.get(object) : undefined;
        return change(() => filter(hook, program ?? fail('EINVAL'), directAction, priority));
      });
    },
  };
}

/** The devices that `options` name are made. BoxError. */
export function createNetwork(kernel: Kernel, change: Change, options: NetworkOptions = {}): BoxNetwork {
  for (const veth of options.veth ?? []) addVeth(kernel, veth);
  return {
    get devices() {
      return [...kernel.net.devices.values()].map(({ name }) => name);
    },
    device(name) {
      const device = deviceNamed(kernel, name);
      if (device !== undefined) return createHandle(kernel, change, device.ifindex);
      const names = [...kernel.net.devices.values()].map((known) => known.name);
      throw new BoxError(
        `the box has no device ${JSON.stringify(name)}: it has ${names.join(', ')}${didYouMean(name, names)}`,
      );
    },
    addVeth: (veth) => createHandle(kernel, change, change(() => addVeth(kernel, veth)).ifindex),
  };
}
