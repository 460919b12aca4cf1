/**
 * What the kernel's records take of the host's memory, beside what the box is charged for them (kernel/mm/objects.ts):
 * `node --expose-gc --import tsx bench/object-sizes.ts`. Prints a table; asserts nothing.
 */
import { createMap } from '../kernel/bpf/maps.ts';
import { createProgram } from '../kernel/bpf/programs.ts';
import { storeStack } from '../kernel/bpf-maps/stack-trace.ts';
import { addWatch } from '../kernel/fs/epoll.ts';
import { copyFileTable, holdFile, installDescriptor, openFile } from '../kernel/fs/files.ts';
import { constants } from '../kernel/layout/constants.ts';
import { addDatagram } from '../kernel/net/queues.ts';
import { AF_INET, AF_UNIX, createSocket, SOCK_STREAM } from '../kernel/net/sockets.ts';
import { createTcp } from '../kernel/net/tcp.ts';
import { createCounter, createKprobeEvent } from '../kernel/perf/events.ts';
import { createProcess } from '../kernel/process.ts';
import { sleepOn } from '../kernel/sleepers.ts';
import { Box } from '../index.ts';
import { formatTable } from './table.ts';

const { gc } = globalThis as { gc?: () => void };
if (gc === undefined) throw new Error('gc: got none, expected node --expose-gc');

const { kernel } = await Box.boot({ memory: 512 << 20 });

function used(): number {
  gc!();
  gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const rows = [['what', 'bytes', 'charged']];

function measure(name: string, count: number, make: (n: number) => void): void {
  make(0);
  kernel.events.length = 0;
  const { charged } = kernel.pages;
  const before = used();
  for (let n = 1; n <= count; n++) make(n);
  kernel.events.length = 0;
  rows.push([name, ((used() - before) / count).toFixed(0), ((kernel.pages.charged - charged) / count).toFixed(0)]);
}

const path = 'anon_inode:[x]';
measure('task, with a table and three files', 1000, () => void createProcess(kernel, 'x'));
measure('file, with an epoll instance', 2000, () => {
  const { id } = openFile(kernel, 'epoll', 0, 0, path);
  kernel.fileSystem.epolls.set(id, { watches: new Map() });
});
const task = createProcess(kernel, 'x');
const counter = openFile(kernel, 'eventfd', 0, 0, path);
kernel.fileSystem.eventCounters.set(counter.id, { count: 0n, semaphore: false });
measure('descriptor', 1000, () => void installDescriptor(kernel, task, holdFile(counter), false));
measure('file table of 1,004', 500, () => void copyFileTable(kernel, task.fileTable));
const instance = openFile(kernel, 'epoll', 0, 0, path);
kernel.fileSystem.epolls.set(instance.id, { watches: new Map() });
measure('watch', 10_000, (n) => addWatch(kernel, instance, n, counter, { events: 1, data: BigInt(n) << 33n }));
measure('socket, AF_UNIX', 3000, () => void createSocket(kernel, AF_UNIX, SOCK_STREAM, 0));
measure('socket, TCP', 3000, () => {
  const socket = createSocket(kernel, AF_INET, SOCK_STREAM, 0);
  socket.tcp = createTcp(kernel);
  for (const name of ['1:2', '1:9', '1:13', '6:1']) socket.options.set(name, 1);
  socket.local = { address: 1, port: 1 };
  socket.remote = { address: 2, port: 2 };
});
const receiver = createSocket(kernel, AF_UNIX, SOCK_STREAM, 0);
for (const size of [1, 100, 1000]) {
  measure(`datagram of ${size} bytes`, 10_000, () => {
    addDatagram(kernel, receiver, { bytes: new Uint8Array(size), from: { address: 1, port: 2 }, to: 1, ifindex: 1 });
  });
}
const shape = { name: 'map', keySize: 4, valueSize: 8, maxEntries: 1 << 20, flags: 0 };
measure('map', 3000, () => void createMap(kernel, { ...shape, type: constants.BPF_MAP_TYPE_STACK_TRACE }));
const stacks = createMap(kernel, { ...shape, type: constants.BPF_MAP_TYPE_STACK_TRACE });
measure('stack bucket', 10_000, (n) => void storeStack(kernel, stacks, [BigInt(n)], constants.BPF_F_REUSE_STACKID));
const program = { type: 1, gplCompatible: true, loadedAt: 0n, function: 1n << 60n, base: undefined, image: undefined };
measure('program', 3000, (n) => {
  const rest = { tag: `0123456789abcdef${n}`, maps: [], loaderPid: 1, timeoutHandler: 1n << 60n };
  createProgram(kernel, { ...program, ...rest, name: `program${n}` });
});
const attributes = { type: 1, config: 1n << 60n, sampleType: 0, readFormat: 0, flags: 0n, wakeup: 0 };
measure('perf event, a counter', 3000, () => {
  createCounter(kernel, 'software', { ...attributes }, { pid: 1, cpu: -1 }, 100);
});
const target = { symbol: '__x64_sys_getpid', offset: 0n, address: 0n };
measure('perf event, a probe', 300, () => void createKprobeEvent(kernel, target, true, { ...attributes }));
const sleepers = Array.from({ length: 100 }, () => createProcess(kernel, 'x'));
measure('100 channels of a sleeper', 99, (n) => {
  const channels = Array.from({ length: 100 }, (_, at) => `pipe:${at}${n}:read`);
  sleepOn(kernel, sleepers[n]!, channels, undefined);
});
console.log(formatTable(rows));
