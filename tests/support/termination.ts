/** Boxes with the programs of samples/termination on every kind of event, and what must hold when they have been ended. */
import * as assert from 'uvu/assert';
import { Box, type BoxOptions, type Process, type RexExtension } from '../../index.ts';
import type { BpfProgram } from '../../kernel/bpf/types.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { readKernelU64 } from '../../kernel/mm/kernel-memory.ts';
import type { DeviceStatistics, TcHook } from '../../kernel/net/types.ts';
import { Hardware } from '../../kernel/perf/counting.ts';
import {
  attachProgram,
  createCounter,
  createKprobeEvent,
  createTracepointEvent,
  putEvent,
} from '../../kernel/perf/events.ts';
import { readPerCpu, writePerCpu } from '../../kernel/per-cpu.ts';
import { reapTask } from '../../kernel/process.ts';
import { raiseWatchdog } from '../../kernel/rex-dispatcher/watchdog.ts';
import { udpFrame, veth0 } from './network-machine.ts';
import { assertNoProgram } from './rex-state.ts';
import { exit, tinyProgram } from './tiny-program.ts';
import { readRepositoryFile } from './user-machine.ts';

/** ns, the shortest: a loop is ended after one to two million instructions */
export const watchdogPeriod = 1_000_000;
export const memory = 16 << 20;
/** More than any program that is ended here executes. */
export const BUDGET = 60_000_000;
const LOCKS = 65;

/** The numbers of samples/termination/main.rs, and the first line of the message. */
export const actions = {
  none: { number: 0, message: undefined },
  loop: { number: 1, message: 'Timeout in Rex program' },
  'helper-loop': { number: 2, message: 'Timeout in Rex program' },
  overflow: { number: 3, message: 'Stack overflow in Rex program' },
  panic: { number: 4, message: /^(pid|port) \d+ holds \d+ locks$/ },
  // the panic handler itself runs out of stack
  message: { number: 5, message: 'Stack overflow in Rex program' },
} as const;
export type Action = keyof typeof actions;

export interface Scene {
  readonly box: Box;
  readonly extension: RexExtension;
}

export interface Request {
  readonly action: Action;
  readonly locks: number;
  readonly cpu: number;
}

/** How a kind of program comes into the box and is entered; a new program type is a row. */
export interface Kind {
  readonly name: string;
  readonly program: string;
  /** the functions that call the dispatcher, innermost first, on the stack of an interrupt or the task's */
  readonly hook: readonly string[];
  readonly stack?: 'IRQ';
  attach(scene: Scene, program: BpfProgram): void;
  /** Makes the program run once, or more often where `repeats`; the process whose end is awaited. */
  start(scene: Scene, request: Request): Process | undefined;
  readonly repeats?: boolean;
  /** the program's own result drops a packet that asks */
  readonly drops?: boolean;
  /** how many packets the hook has treated as 0 asks for, where that is counted, and as the program's own result does */
  verdicts?(scene: Scene): { readonly ended?: number; readonly others: number };
}

/** most requests at once */
const REQUESTS = 8;

const word = ({ action, locks }: Request): number => actions[action].number | (locks << 8);

function spawnOn({ kernel, spawn }: Box, path: string, cpu: number): Process {
  const process = spawn(path);
  const task: { boundCpu: number | undefined } = kernel.tasks.get(process.pid)!;
  task.boundCpu = cpu;
  return process;
}

/** A userapp, which calls dup. */
function startTask({ box, extension }: Scene, request: Request): Process {
  const process = spawnOn(box, '/userapp', request.cpu);
  extension.map('pid_to_action').update(process.pid, word(request));
  return process;
}

/** Instructions between samples: a userapp has a few of them, and a program that is ended is longer. */
const PERIOD = 1500;

/** A userapp with a counter of its own, whose reference is the task's as if it had opened it: see runAll. */
function startCounted(scene: Scene, request: Request): Process {
  const { kernel } = scene.box;
  const process = startTask(scene, request);
  const attributes = { type: 0, config: Hardware.instructions, sampleType: 0, readFormat: 0, flags: 0n, wakeup: 0 };
  const event = createCounter(kernel, 'hardware', attributes, { pid: process.pid, cpu: -1 }, PERIOD);
  attachProgram(kernel, event, programOf(scene, 'endless_sample'));
  return process;
}

/** main.rs: PORT */
const PORT = 4242;

function payload(request: Request): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, word(request), true);
  return bytes;
}

/** A datagram from outside. */
function inject({ box }: Scene, request: Request): undefined {
  const frame = udpFrame(1000 + request.cpu, PORT, payload(request));
  assert.ok(box.network.device('veth0').inject(frame, { cpu: request.cpu }));
}

/** A process that sends the datagram over lo. */
function send({ box }: Scene, request: Request): Process {
  const source = `
	mov $41, %eax
	mov $2, %edi
	mov $2, %esi
	xor %edx, %edx
	syscall
	mov %eax, %edi
	mov $buffer, %esi
	movl $${word(request)}, (%rsi)
	lea 16(%rsi), %r8
	movw $2, (%r8)
	movw $${((PORT & 0xff) << 8) | (PORT >> 8)}, 2(%r8)
	movl $0x0100007f, 4(%r8)
	mov $8, %edx
	xor %r10d, %r10d
	mov $16, %r9d
	mov $44, %eax
	syscall
	cmp $8, %rax
	jne 1f
${exit(0)}
1:${exit(1)}`;
  box.files.write('/send', tinyProgram(source));
  return spawnOn(box, '/send', request.cpu);
}

const statistics = ({ box }: Scene, device: string): DeviceStatistics => box.network.device(device).statistics;

function xdp(name: string, device: 'lo' | 'veth0', mode: 'skb' | 'drv'): Kind {
  const hook = ['bpf_prog_run_pin_on_cpu', 'bpf_prog_run_xdp', 'netif_run_xdp'];
  return {
    name,
    program: 'endless_xdp',
    hook: [...hook, mode === 'skb' ? 'do_xdp_generic' : 'veth_xdp_rcv_skb'],
    attach: ({ box, extension }) =>
      void box.network.device(device).attachXdp(extension.program('endless_xdp'), { mode }),
    start: device === 'lo' ? send : inject,
    verdicts(scene) {
      const { xdpAborted, xdpDropped, xdpTransmitted, xdpPassed } = statistics(scene, device);
      assert.equal([xdpDropped, xdpTransmitted], [0, 0]);
      return { ended: xdpAborted, others: xdpPassed };
    },
  };
}

function tc(name: string, device: 'lo' | 'veth0', hook: TcHook): Kind {
  return {
    name,
    program: 'endless_tc',
    hook: [
      'bpf_prog_run_pin_on_cpu',
      'cls_bpf_classify',
      'tcf_classify',
      hook === 'egress' ? '__dev_queue_xmit' : '__netif_receive_skb',
    ],
    attach: ({ box, extension }) => void box.network.device(device).attachTc(extension.program('endless_tc'), hook),
    start: device === 'lo' ? send : inject,
    drops: true,
    verdicts: (scene) => ({ others: statistics(scene, device).tcDropped }),
  };
}

const tracepointOf = (kernel: Kernel, wanted: string) =>
  [...kernel.perf.tracepoints.values()].find(({ name }) => name === wanted)!;

export const kinds: readonly Kind[] = [
  {
    name: 'kprobe',
    program: 'endless',
    hook: ['trace_call_bpf', 'kprobe_perf_func', 'kprobe_int3_handler'],
    attach: ({ box: { kernel } }, program) =>
      attachProgram(
        kernel,
        createKprobeEvent(kernel, { symbol: '__x64_sys_dup', offset: 0n, address: 0n }, true),
        program,
      ),
    start: startTask,
  },
  {
    name: 'tracepoint',
    program: 'endless_trace',
    hook: ['trace_call_bpf', 'perf_trace_run_bpf_submit', 'trace_sys_enter'],
    attach: ({ box: { kernel } }, program) =>
      attachProgram(kernel, createTracepointEvent(kernel, tracepointOf(kernel, 'sys_enter_dup')), program),
    start: startTask,
  },
  {
    name: 'perf_event',
    program: 'endless_sample',
    stack: 'IRQ',
    hook: ['bpf_overflow_handler', '__perf_event_overflow', 'sysvec_perf_interrupt'],
    attach: () => undefined,
    start: startCounted,
    repeats: true,
  },
  xdp('xdp', 'veth0', 'drv'),
  xdp('xdp on lo', 'lo', 'skb'),
  tc('tc ingress', 'veth0', 'ingress'),
  tc('tc egress on lo', 'lo', 'egress'),
];

export function programOf({ box }: Scene, wanted: string): BpfProgram {
  return [...box.kernel.bpf.programs.values()].find(({ name }) => name === wanted.slice(0, 15))!;
}

/** `some` are attached; a box of several CPUs takes turns as `schedule` says. */
export async function prepare(
  some: readonly Kind[],
  cpus: number,
  options: Pick<BoxOptions, 'schedule' | 'watchdogPeriod'> = {},
): Promise<Scene> {
  const box = await Box.boot({ cpus, memory, watchdogPeriod, network: { veth: [veth0] }, ...options });
  box.files.write('/userapp', readRepositoryFile('samples/panic/userapp'));
  const scene = { box, extension: box.rex.load(readRepositoryFile('samples/termination/termination.rex')) };
  // the map keeps the memory of elements that it has once had
  const requested = scene.extension.map('pid_to_action');
  for (let n = 0; n < REQUESTS; n++) requested.update(n, 0);
  for (let n = 0; n < REQUESTS; n++) requested.delete(n);
  // every ksoftirqd and the neighbour are there from now on
  for (let cpu = 0; cpu < cpus; cpu++) box.network.device('veth0').inject(udpFrame(1, 2, new Uint8Array(1)), { cpu });
  box.run({ quiet: true, budget: BUDGET });
  box.network.device('veth0').take();
  for (const kind of some) kind.attach(scene, programOf(scene, kind.program));
  return scene;
}

export const texts = ({ box }: Scene): string[] => box.kernel.log.map(({ text }) => text);

/** The messages of the panics, oldest first. */
export function messages(scene: Scene): string[] {
  const lines = texts(scene);
  return lines.flatMap((line, n) => (line.startsWith('rex: panicked at ') ? [lines[n + 1]!] : []));
}

export function assertLocksFree({ extension }: Scene): void {
  const cells = extension.map('cells');
  for (let n = 0; n < LOCKS; n++) {
    const [lock] = new Uint32Array(cells.lookup(n)!.slice(0, 4).buffer);
    assert.is(lock, 0, `lock ${n}`);
  }
}

export function assertRestored(scene: Scene): void {
  assert.is(scene.box.death, undefined);
  assertNoProgram(scene.box.kernel);
  assertLocksFree(scene);
}

/** What programs hold, or is made for one run: references, blocks of kmalloc, packets, tasks. */
export function resources({ box: { kernel } }: Pick<Scene, 'box'>): Readonly<Record<string, number>> {
  const { programs, maps, links } = kernel.bpf;
  const references = (held: Iterable<{ readonly references: number }>): number =>
    [...held].reduce((sum, one) => sum + one.references, 0);
  return {
    programs: references(programs.values()),
    maps: references(maps.values()),
    links: references(links.values()),
    blocks: kernel.heap.blocks,
    packets: kernel.net.skbs.size,
    sockets: kernel.net.sockets.size,
    tasks: kernel.tasks.size,
  };
}

/** Makes all requests at once, and lets the box come to rest. */
export function runAll(scene: Scene, requests: readonly (Request & { readonly kind: Kind })[], what: string): void {
  const { box } = scene;
  const processes = requests.map((request) => request.kind.start(scene, request));
  for (const process of processes) {
    if (process === undefined) continue;
    const { exitCode, reason } = box.run({ until: process, budget: BUDGET });
    assert.equal([reason, exitCode], ['exited', 0], what);
  }
  const { reason } = box.run({ quiet: true, budget: BUDGET });
  assert.ok(reason === 'quiet' || reason === 'idle', `${what}: ${reason}`);
  const { kernel } = box;
  for (const process of processes) if (process) reapTask(kernel, kernel.tasks.get(process.pid)!);
  const requested = scene.extension.map('pid_to_action');
  for (const pid of requested.keys()) requested.delete(pid);
  for (const { id, pid } of kernel.bpf.events.values()) if (pid !== -1 && !kernel.tasks.has(pid)) putEvent(kernel, id);
  box.network.device('veth0').take();
}

/** The program on CPU `index`, if there is one, has run for too long, and the watchdog looks now. */
export function expire({ kernel }: Box, index: number): void {
  const jiffies = readKernelU64(kernel, kernel.symbols.byName.get('jiffies')!.address)!;
  if (readPerCpu(kernel, index, 'rex_curr_prog') !== 0n) {
    writePerCpu(kernel, index, 'rex_prog_start_time', BigInt.asUintN(64, jiffies - 1000n));
  }
  raiseWatchdog(kernel, kernel.cpus[index]!);
}
