/** The events that are measured: each a box with a program attached and a way to make it run. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
// first: it loads the kernel's modules in an order that their cycles allow
import { Box, type BoxOptions } from '../../index.ts';
import { allocSkb } from '../../kernel/net/skb.ts';
import { queueOutput } from '../../kernel/net/softnet.ts';
import { syscallTable } from '../../kernel/syscalls/index.ts';
import { OUTSIDE, udpFrame, veth0 } from '../../tests/support/network-machine.ts';
import type { Driver } from './measure.ts';

const file = (path: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url))));

export const eventPrograms = file('bench/rex/bin/events.rex');

export async function boot(options: BoxOptions = {}): Promise<Box> {
  const box = await Box.boot({ recordSyscalls: false, ...options });
  box.files.write('/calls', file('bench/rex/bin/calls'));
  return box;
}

const numberOf = (syscall: string): number => syscallTable.find(({ name }) => name === syscall)!.number;

/** Events are calls of `syscall` by one process. */
export function callDriver(box: Box, syscall: string): Driver {
  return {
    box,
    start(count) {
      const { pid } = box.spawn('/calls', [String(numberOf(syscall)), String(count)]);
      return { done: () => (box.kernel.tasks.get(pid)?.state ?? 'zombie') === 'zombie' };
    },
  };
}

export async function emptyKprobe(): Promise<Driver> {
  const box = await boot();
  box.rex.load(eventPrograms).program('empty').attachKsyscall('getpid');
  return callDriver(box, 'getpid');
}

async function noProgram(): Promise<Driver> {
  return callDriver(await boot(), 'getpid');
}

async function hello(): Promise<Driver> {
  const box = await boot();
  box.rex.load(file('samples/hello/hello.rex')).program('rex_prog1').attachTracepoint('syscalls/sys_enter_dup');
  return callDriver(box, 'dup');
}

/** Every call of the process that has been told to the program fails. */
async function errorInjector(): Promise<Driver> {
  const box = await boot();
  const extension = box.rex.load(file('samples/error_injector/error_injector.rex'));
  extension.program('err_injector').attachKsyscall('getpid');
  const driver = callDriver(box, 'getpid');
  const map = extension.map('pid_to_errno');
  return {
    box,
    start(count) {
      for (const key of map.keys()) map.delete(key);
      map.update(box.kernel.nextPid, -22n);
      return driver.start(count);
    },
  };
}

/** A hash map of `entries`, one of which the program updates. */
export async function hashUpdate(entries = 1): Promise<Driver> {
  const box = await boot({ memory: 256 << 20 });
  const extension = box.rex.load(eventPrograms);
  extension.program('update').attachKsyscall('getpid');
  const map = extension.map('HASH');
  for (let key = 1; key <= entries; key++) map.update(key, 0);
  return callDriver(box, 'getpid');
}

/** Packets in one batch, fewer than a device's queue holds. */
const BATCH = 64;
const [PORT, CLIENT_PORT] = [11211, 5000];

/** memcached's header of a datagram, then `text` */
const request = (text: string): Uint8Array =>
  Uint8Array.of(0x12, 0x34, 0, 0, 0, 1, 0, 0, ...new TextEncoder().encode(text));

/** Events are requests from outside that the cache answers. */
async function bmcHit(): Promise<Driver> {
  const box = await boot({ network: { veth: [veth0] } });
  const device = box.network.device('veth0');
  device.addNeighbour('10.0.0.9', Array.from(OUTSIDE.mac, (byte) => byte.toString(16).padStart(2, '0')).join(':'));
  const extension = box.rex.load(file('samples/bmc/bmc.rex'));
  device.attachXdp(extension.program('xdp_rx_filter'), { mode: 'drv' });
  device.attachTc(extension.program('xdp_tx_filter'), 'egress');
  const { kernel } = box;
  const answer = request('VALUE apple 0 5\r\ngreen\r\nEND\r\n');
  queueOutput(kernel, allocSkb(kernel, kernel.net.devices.get(device.ifindex)!, udpFrame(PORT, CLIENT_PORT, answer))!);
  box.run({ quiet: true });
  const get = udpFrame(CLIENT_PORT, PORT, request('get apple\r\n'));
  const asleep = (): boolean => kernel.runQueue.length === 0 && kernel.perCpu[0]!.current === 0;
  return {
    box,
    start(count) {
      let left = count;
      return {
        done() {
          if (!asleep()) return false;
          device.take();
          if (left === 0) return true;
          for (let n = Math.min(left, BATCH); n > 0; n--, left--) device.inject(get);
          return false;
        },
      };
    },
  };
}

export interface Scenario {
  readonly name: string;
  create(): Promise<Driver>;
}

export const scenarios: readonly Scenario[] = [
  { name: 'system call, no program', create: noProgram },
  { name: 'empty kprobe', create: emptyKprobe },
  { name: 'hello', create: hello },
  { name: 'error_injector', create: errorInjector },
  { name: 'hash update', create: () => hashUpdate() },
  { name: 'BMC hit', create: bmcHit },
];
