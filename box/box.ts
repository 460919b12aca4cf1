/** The public face of a machine with a kernel: a thin layer of functions over one `Kernel` record. */
import type { Cpu } from '../cpu/cpu.ts';
import { createEngine, type Engine, type EngineName } from '../cpu/engine.ts';
import type { Registers } from '../cpu/state.ts';
import type { TranslatorOptions } from '../cpu/translator/options.ts';
import { bootKernel } from '../kernel/boot.ts';
import type { SourceFile } from '../kernel/entry/text.ts';
import type { KernelEvent } from '../kernel/events.ts';
import { hostText } from '../kernel/fs/bytes.ts';
import { createHost } from '../kernel/host.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { peekUser } from '../kernel/mm/peek-user.ts';
import { readKernel } from '../kernel/mm/kernel-memory.ts';
import { formatLogRecord } from '../kernel/printk.ts';
import { busy, retired } from '../kernel/run.ts';
import { describeAddress, type KernelSymbol } from '../kernel/symbols.ts';
import { BoxError, checkInteger } from './errors.ts';
import { DEFAULT_BUDGET } from './budget.ts';
import type { Change } from './change.ts';
import { drain, requireRest, rethrow } from './drain.ts';
import { createFiles, type BoxFiles } from './files.ts';
import { createEventLog, eventsUntilNow, remember } from './event-log.ts';
import {
  createHistory,
  noteChange,
  readReach,
  restartHistory,
  type HistoryOptions,
  type HistoryReach,
} from './history/history.ts';
import { runBack, type RunBack, type RunBackOptions } from './history/run-back.ts';
import { goTo, stepBack, type Travel } from './history/travel.ts';
import { provideInput } from './input.ts';
import { runFor, type BoxListener, type Machine } from './machine.ts';
import { createNetwork, type BoxNetwork, type NetworkOptions } from './network.ts';
import { appendOutput, createOutput, finishOutput, type Output } from './output.ts';
import { createProfiler, DEFAULT_PERIOD, type Profile, type ProfileOptions } from './profile.ts';
import { loadRex, type RexExtension } from './rex.ts';
import { contain } from './saved/contain.ts';
import { readSavedBox, writeSavedBox } from './saved/file.ts';
import { restoreSnapshot, takeSnapshot, type Snapshot } from './snapshot.ts';
import {
  exitOf,
  hasEnded,
  signalProcess,
  spawnProcess,
  type Exit,
  type InputSource,
  type Process,
  type SpawnOptions,
} from './spawn.ts';
import { readStats, type BoxStats } from './stats.ts';
import { armRun, type RunStops, type StopHit } from './stops.ts';
import { KTIME_MAX, timeAfter } from '../kernel/time.ts';

export { DEFAULT_BUDGET };
export type { BoxFiles };

/** How a box is executed, which changes nothing of what happens in it. */
export interface EngineOptions {
  /** what executes instructions: the results are the same, bit for bit; default the translator */
  readonly engine?: EngineName;
  /** when and how much it translates */
  readonly translator?: Partial<TranslatorOptions>;
  /** as `startHistory`, from the first instruction on: true for the defaults */
  readonly history?: boolean | HistoryOptions;
}

export interface LoadOptions extends EngineOptions {
  /** who is asked for standard input from now on, where the saved box had a source of it */
  readonly stdin?: InputSource;
}

export interface BoxOptions extends EngineOptions {
  /** processors, 1 to 64; default 1 */
  readonly cpus?: number;
  /** bytes of memory, in which files lie too: 16 MiB to 2 GiB; default 128 MiB */
  readonly memory?: number;
  /** of every random number in the box; default 1 */
  readonly seed?: number | bigint;
  /**
   * seeds how processors take turns: slices of random lengths, by which a race shows that even slices hide; default: even
   * slices of 10,000 instructions
   */
  readonly schedule?: number;
  /** ns of guest time, one an instruction, that a Rex program may run, from 1 ms; default 20 s, the watchdog's of Rex */
  readonly watchdogPeriod?: number;
  /** AVX, AVX2 and XSAVE; default false, which is an x86-64-v2 processor */
  readonly avx?: boolean;
  /** whether system calls become events; default true */
  readonly recordSyscalls?: boolean;
  /** devices beside lo */
  readonly network?: NetworkOptions;
  /** the kernel's `.S` files; default: read from the host's disk */
  readonly sources?: readonly SourceFile[];
}

export interface RunOptions {
  /** stops when this process has ended, or with `quiet` as soon as every task sleeps */
  readonly until?: Process;
  readonly quiet?: boolean;
  /** stops when so much guest time has gone by, ns */
  readonly time?: number;
  /** most instructions to execute; default 1e9 */
  readonly budget?: number;
  /** stops before these instructions and behind these accesses */
  readonly stops?: RunStops;
}

export type RunReason =
  /** the process of `until` has ended */
  | 'exited'
  /** every task sleeps, and the run was to stop then */
  | 'quiet'
  /** the guest time of `time` has gone by */
  | 'time'
  /** nothing can ever run again: all have exited, or wait for each other */
  | 'idle'
  | 'budget'
  /** one of `stops` has been met: see `stop` */
  | 'stopped'
  /** the kernel has stopped for good: see `death` */
  | 'dead';

/** How a run ended, and how the process of `until` did when it has. */
export interface RunResult extends Partial<Exit> {
  readonly reason: RunReason;
  /** of `stops`, what has been met */
  readonly stop?: StopHit;
  /** executed in this run */
  readonly instructions: number;
  readonly stdout: Output;
  readonly stderr: Output;
}

/** The last instruction of a step. */
export interface Step {
  readonly reason: 'stepped' | 'idle' | 'dead';
  /** instructions executed */
  readonly instructions: number;
  /** the processor that executed last, and the task on it */
  readonly cpu: number;
  readonly pid: number;
}

export interface BoxSymbols {
  /** A name of kallsyms; the address of the kernel's own text or data, or of a loaded extension's function. */
  lookup(name: string): bigint | undefined;
  /** `name+0x4/0x20` */
  describe(address: bigint): string | undefined;
  /** by address, ascending */
  readonly all: readonly KernelSymbol[];
}

/** A copy of everything in a box. */
export interface BoxSnapshot {
  readonly kernel: Snapshot;
  readonly events: readonly KernelEvent[];
}

export interface Box {
  /** all of its state */
  readonly kernel: Kernel;
  readonly files: BoxFiles;
  readonly rex: { load(bytes: Uint8Array): RexExtension };
  readonly symbols: BoxSymbols;
  readonly network: BoxNetwork;
  /** the latest events, oldest first */
  readonly events: readonly KernelEvent[];
  /** the kernel log as dmesg prints it */
  readonly kernelLog: readonly string[];
  /** lines that nobody has read from trace_pipe yet */
  readonly tracePipe: readonly string[];
  /** instructions executed by all processors since boot */
  readonly instructions: number;
  /** what the engine has done so far */
  readonly stats: BoxStats;
  /** why the kernel stopped for good */
  readonly death: string | undefined;
  /**
   * Calls `listener` with each event from now on, once, in their order; the result stops that. A listener may write files, send
   * signals and start processes; it may not run the box, or take or restore a snapshot (BoxError). When one throws, all
   * others are told nevertheless, and it is told of what follows; the run ends soon, as with a budget, and `run`, or whichever
   * function it was told in, throws the first of what listeners have thrown. The box is at rest then: the next `run` goes on,
   * and `events` has everything.
   */
  on(listener: BoxListener): () => void;
  /** A process of the ELF file at `path`, ready to run. `args` are without argv[0]. BoxError. */
  spawn(path: string, args?: readonly string[], options?: SpawnOptions): Process;
  run(options?: RunOptions): RunResult;
  /** Sends a signal, as SIGINT, to a process; nothing happens when it has ended. BoxError. */
  signal(process: Process, name: string): void;
  /** Executes `count` instructions, each on the processor whose turn it is. */
  step(count?: number): Step;
  /** From now on, notes where instructions are executed. BoxError while it does already, or for a period that is none. */
  startProfile(options?: ProfileOptions): void;
  /** What has been noted since `startProfile`; nothing more is. BoxError. */
  stopProfile(): Profile;
  /** The registers of a processor, live, also to be written. BoxError. */
  registers(cpu?: number): Registers;
  /** A copy of kernel memory, or with `pid` of that process's; undefined unless all of it is mapped. */
  readMemory(address: bigint, length: number, options?: { readonly pid?: number }): Uint8Array | undefined;
  snapshot(): BoxSnapshot;
  /**
   * Everything as it was; what was handed out since is void. Listeners stay, and are told nothing. History, if there is one,
   * begins anew. BoxError.
   */
  restore(mark: BoxSnapshot): void;
  /** From now on, keeps what it takes to go back in time. BoxError while it does already. */
  startHistory(options?: HistoryOptions): void;
  /** Forgets the past. */
  stopHistory(): void;
  /** What can be gone back to; undefined without history. */
  readonly history: HistoryReach | undefined;
  /** All of the box as a file, but for its past and what is the host's: listeners, a source of input, a profile. */
  save(): Uint8Array;
  /** To the point when so many instructions had been executed; beyond the last that is known, runs on. BoxError. */
  goTo(instruction: number): Travel;
  /** `count` instructions back, or as far as is known. BoxError. */
  stepBack(count?: number): Travel;
  /** Back to the latest point before now that counts. BoxError. */
  runBack(options: RunBackOptions): RunBack;
  /**
   * Whatever is done to `kernel` by other means than these functions, between two instructions, is to be done in here: history
   * has to know.
   */
  readonly change: Change;
}

function run(machine: Machine, options: RunOptions): RunResult {
  requireRest(machine, 'run');
  const { until, quiet = false, time, budget = DEFAULT_BUDGET } = options;
  const { kernel } = machine;
  checkInteger('run: budget', budget, 0, Number.MAX_SAFE_INTEGER);
  const deadline =
    time === undefined
      ? KTIME_MAX
      : timeAfter(kernel.roundStart, BigInt(checkInteger('run: time', time, 0, Number.MAX_SAFE_INTEGER)));
  const ended = (): boolean => until !== undefined && hasEnded(kernel, until);
  const expired = (): boolean => time !== undefined && kernel.roundStart >= deadline;
  const streams = { stdout: createOutput(), stderr: createOutput() };
  const before = retired(kernel);
  const stopper = options.stops === undefined ? undefined : armRun(kernel, options.stops);
  const stopped = (): boolean => stopper?.met() ?? false;
  machine.collector = (event) => {
    if (event.type === 'write') appendOutput(streams[event.stream], event.bytes);
  };
  let outcome;
  try {
    outcome = runFor(machine, budget, () => stopped() || ended() || expired() || (quiet && !busy(kernel)), deadline);
  } finally {
    machine.collector = undefined;
    stopper?.disarm();
  }
  const done = (): RunReason => (stopped() ? 'stopped' : ended() ? 'exited' : expired() ? 'time' : 'quiet');
  return {
    reason: outcome === 'done' ? done() : outcome,
    ...(stopper?.hit === undefined ? undefined : { stop: stopper.hit }),
    ...(until === undefined ? undefined : exitOf(kernel, until)),
    instructions: retired(kernel) - before,
    stdout: finishOutput(streams.stdout),
    stderr: finishOutput(streams.stderr),
  };
}

function step(machine: Machine, count: number): Step {
  requireRest(machine, 'step');
  const { kernel } = machine;
  checkInteger('step: count', count, 0, Number.MAX_SAFE_INTEGER);
  const before = retired(kernel);
  const counts = kernel.cpus.map((cpu) => cpu.retired);
  if (count > 1) runFor(machine, count - 1, () => false, KTIME_MAX);
  kernel.cpus.forEach((cpu, n) => (counts[n] = cpu.retired));
  const pids = kernel.perCpu.map((state) => state.current);
  const outcome = runFor(machine, count > 0 ? 1 : 0, () => false, KTIME_MAX);
  // a native function that has worked long is one step
  const owed = (): number => kernel.perCpu[kernel.turn.cpu]!.owed;
  const pay = (): boolean => runFor(machine, owed(), () => false, KTIME_MAX) === 'budget';
  if (count > 0) while (owed() > 0 && pay());
  const cpu = Math.max(
    0,
    kernel.cpus.findIndex((candidate, n) => candidate.retired > counts[n]!),
  );
  return {
    reason: outcome === 'idle' || outcome === 'dead' ? outcome : 'stepped',
    instructions: retired(kernel) - before,
    cpu,
    pid: kernel.perCpu[cpu]!.current || pids[cpu]!,
  };
}

function startProfile(machine: Machine, engine: Engine, { period = DEFAULT_PERIOD }: ProfileOptions): void {
  if (machine.profiler !== undefined) throw new BoxError('startProfile: there is a profile that has not been stopped');
  checkInteger('startProfile: period', period, 1, Number.MAX_SAFE_INTEGER);
  machine.profiler = createProfiler(machine.kernel, engine, period);
  machine.engine.run = machine.profiler.run;
  engine.watch?.(machine.profiler.watcher);
}

function stopProfile(machine: Machine, engine: Engine): Profile {
  const { profiler } = machine;
  if (profiler === undefined) throw new BoxError('stopProfile: no profile has been started');
  machine.profiler = undefined;
  machine.engine.run = engine.run;
  engine.watch?.(undefined);
  return profiler.result();
}

/** As the processor's own, but history knows when they are written. */
function notedRegisters({ registers }: Cpu, change: Change): Registers {
  const noted = {} as Registers;
  for (const name of Object.keys(registers) as (keyof Registers)[]) {
    Object.defineProperty(noted, name, {
      enumerable: true,
      get: () => registers[name],
      set(value: bigint) {
        change(() => {
          registers[name] = value;
        });
      },
    });
  }
  return noted;
}

interface BoxParts {
  readonly network?: NetworkOptions | undefined;
  readonly events?: readonly KernelEvent[];
  readonly stdin?: InputSource | undefined;
}

function createBox(kernel: Kernel, engine: Engine, { network, events = [], stdin }: BoxParts): Box {
  const ours = { ...engine };
  const machine: Machine = {
    kernel,
    engine: ours,
    profiler: undefined,
    takenBack: 0,
    host: createHost(kernel, ours),
    listeners: new Set(),
    failure: undefined,
    telling: false,
    running: false,
    collector: undefined,
    log: createEventLog(),
    source: stdin,
    history: undefined,
  };
  for (const event of events) remember(machine.log, event);
  drain(machine);
  const change: Change = (action) => {
    noteChange(machine);
    return action();
  };
  const registers = kernel.cpus.map((cpu) => notedRegisters(cpu, change));
  return {
    kernel,
    files: createFiles(kernel, change),
    network: createNetwork(kernel, change, network),
    rex: { load: (bytes) => loadRex(kernel, bytes, change) },
    symbols: {
      lookup: (name) => kernel.symbols.byName.get(name)?.address,
      describe: (address) => describeAddress(kernel.symbols, address),
      get all() {
        return kernel.symbols.sorted;
      },
    },
    get events() {
      drain(machine);
      rethrow(machine);
      return eventsUntilNow(machine.log);
    },
    get kernelLog() {
      return kernel.log.map((record) => hostText(formatLogRecord(record)));
    },
    get tracePipe() {
      return kernel.bpf.trace.map(hostText);
    },
    get instructions() {
      return retired(kernel);
    },
    get stats() {
      return readStats(kernel, engine, machine.takenBack);
    },
    get death() {
      return kernel.dead;
    },
    on(listener) {
      drain(machine);
      rethrow(machine);
      machine.listeners.add(listener);
      return () => machine.listeners.delete(listener);
    },
    spawn(path, args = [], options = {}) {
      return change(() => {
        const process = spawnProcess(kernel, path, args, options);
        machine.source = provideInput(kernel, options.stdin);
        return process;
      });
    },
    run: (options = {}) => run(machine, options),
    signal: (process, name) => change(() => signalProcess(kernel, process, name)),
    step: (count = 1) => step(machine, count),
    startProfile: (options = {}) => startProfile(machine, engine, options),
    stopProfile: () => stopProfile(machine, engine),
    registers(cpu = 0) {
      return registers[checkInteger('registers: cpu', cpu, 0, kernel.cpus.length - 1)]!;
    },
    readMemory(address, length, { pid } = {}) {
      checkInteger('readMemory: length', length, 0, kernel.memory.size);
      if (pid === undefined) return readKernel(kernel, address, length);
      const task = kernel.tasks.get(pid);
      const bytes = task === undefined ? undefined : peekUser(kernel, task, address, length);
      return bytes?.length === length ? bytes : undefined;
    },
    snapshot() {
      requireRest(machine, 'snapshot');
      drain(machine);
      rethrow(machine);
      return { kernel: takeSnapshot(kernel), events: eventsUntilNow(machine.log).slice() };
    },
    restore(mark) {
      requireRest(machine, 'restore');
      const executed = retired(kernel);
      restoreSnapshot(kernel, mark.kernel);
      machine.takenBack += executed - retired(kernel);
      restartHistory(machine);
      for (const event of mark.events) remember(machine.log, event);
    },
    startHistory(options = {}) {
      if (machine.history !== undefined)
        throw new BoxError('startHistory: there is a history that has not been stopped');
      machine.history = createHistory(machine, options);
    },
    stopHistory() {
      machine.history = undefined;
    },
    get history() {
      return readReach(machine);
    },
    save() {
      requireRest(machine, 'save');
      drain(machine);
      rethrow(machine);
      return writeSavedBox(kernel, eventsUntilNow(machine.log));
    },
    goTo(instruction) {
      requireRest(machine, 'goTo');
      return goTo(machine, instruction);
    },
    stepBack(count = 1) {
      requireRest(machine, 'stepBack');
      return stepBack(machine, count);
    },
    runBack(options) {
      requireRest(machine, 'runBack');
      return runBack(machine, options);
    },
    change,
  };
}

/** By what it says of itself: nothing of a host is imported where there is none. */
const isNode = (): boolean =>
  (globalThis as { process?: { versions?: Record<string, string> } }).process?.versions?.['node'] !== undefined;

/** What executes instructions. In Node, the compiler of WebAssembly is told what it may do. */
async function chooseEngine(kernel: Kernel, { engine = 'translator', translator }: EngineOptions): Promise<Engine> {
  if (isNode()) {
    const { allowBranchHints, limitHeapGrowth } = await import('./engine-flags.ts');
    limitHeapGrowth();
    if (engine !== 'interpreter') allowBranchHints();
  }
  return createEngine(kernel.memory, engine, translator);
}

function beginHistory(box: Box, history: EngineOptions['history']): void {
  if (history !== undefined && history !== false) box.startHistory(history === true ? {} : history);
}

export const Box = {
  /**
   * A computer whose kernel has booted and that has no process yet.
   * @throws {MachineError | MemorySizeError} an option out of its range; {HostMemoryError} the host has not as much memory
   */
  async boot(options: BoxOptions = {}): Promise<Box> {
    const { recordSyscalls = true, network, engine: _engine, translator: _translator, history, ...rest } = options;
    const sources = options.sources ?? (await import('./host-files.ts')).readKernelSources();
    const kernel = bootKernel({ ...rest, sources });
    kernel.record.syscalls = recordSyscalls;
    const box = createBox(kernel, await chooseEngine(kernel, options), { network });
    beginHistory(box, history);
    return box;
  },

  /**
   * A box that `save` has written, which goes on as that one would have, bit for bit. Of a file that was made to deceive, what
   * makes no sense may be found as late as in the functions of the box, which throw SavedBoxError then.
   * @throws {SavedBoxError} the bytes are none, or of another version
   */
  async load(bytes: Uint8Array, options: LoadOptions = {}): Promise<Box> {
    const { kernel, events } = readSavedBox(bytes);
    const { stdin } = options;
    const engine = await chooseEngine(kernel, options);
    const box = contain((theirs) => createBox(kernel, engine, { events, stdin: theirs(stdin) }));
    beginHistory(box, options.history);
    return box;
  },
};
