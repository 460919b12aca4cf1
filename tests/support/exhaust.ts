/** Watches programs that exhaust a box: what their process takes of the host's memory and processor, and how it ends. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Box } from '../../index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const script = 'tests/support/exhaust-run.ts';
/** ms between two looks */
const PERIOD = 50;
/** what a box may take: twice its memory, and so much */
const CONSTANT = 300e6;
/** seconds of processor time that any run may take, and those for each of its instructions: many times what they take */
const START = 20;
const PACE = 4e-6;

/** Makes more of one thing for ever: a row of tests/programs/loaders/exhaust.c. */
export const CAMPAIGN = 'tests/programs/loaders/bin/exhaust';
/** Takes all of one thing, gives it back, and takes it again: tests/programs/exhaust.c. */
export const GIVING_BACK = 'tests/programs/bin/exhaust';
/** what the rows of the campaign load */
const images = [
  'tests/programs/loaders/bin/streams.rex',
  ...['hello', 'panic', 'trace_event'].map((name) => `samples/${name}/${name}.rex`),
];

export const rows: readonly string[] = [
  ...readFileSync(`${root}tests/programs/loaders/exhaust.c`, 'utf8').matchAll(
    /\{"([a-z-]+)", (?:NULL|\w+), (?:NULL|\w+)\}/g,
  ),
].map(([, name]) => name!);

/** Puts the program and what it needs into a box. */
export function placeExhaust(box: Box, program: string): void {
  box.files.write('/exhaust', readFileSync(root + program));
  if (program !== CAMPAIGN) return;
  for (const path of images) box.files.write(path.slice(path.lastIndexOf('/')), readFileSync(root + path));
}

export interface Exhaustion {
  readonly program: string;
  readonly args: readonly string[];
  /** bytes of the box */
  readonly memory: number;
  /** instructions */
  readonly budget: number;
  /** default 1 */
  readonly cpus?: number;
  /** the exhausted box is saved, and run on from a snapshot: twice the box's memory more */
  readonly save?: boolean;
}

export interface ExhaustOutcome {
  readonly reason: string;
  /** exit status, or the signal's name */
  readonly ending: number | string | undefined;
  readonly instructions: number;
  readonly death: string | undefined;
  /** bytes that the box is charged for records */
  readonly charged: number;
  /** bytes of V8's heap and of buffers outside it, at the end */
  readonly heap: number;
  /** the first of what the program wrote */
  readonly stdout: string;
  readonly stderr: string;
}

export interface Watched {
  /** undefined: it was ended, or ended by itself without saying how */
  readonly outcome: ExhaustOutcome | undefined;
  /** most bytes of the process that were in the host's memory, and how many may be */
  readonly peak: number;
  readonly bound: number;
  /** of processor time, and how many may be */
  readonly seconds: number;
  readonly patience: number;
  /** what it printed on standard error */
  readonly words: string;
  /** the command that does it again */
  readonly replay: string;
}

/** The highest size that the process has had, in bytes; 0 when it is gone. */
function highWater(pid: number): number {
  try {
    return Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** ticks of /proc/PID/stat in a second */
const USER_HZ = 100;

/** Seconds of processor time that the process has had; 0 when it is gone. */
function processorTime(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    return (user! + system!) / USER_HZ;
  } catch {
    return 0;
  }
}

/** Runs one to its end; it is killed when it takes more of the host's memory or of its processor than it may. */
export function exhaust(one: Exhaustion): Promise<Watched> {
  const { program, args, memory, budget, cpus = 1, save = false } = one;
  const command = [script, `${memory}`, `${budget}`, `${cpus}`, save ? 'save' : 'run', program, ...args];
  const bound = (save ? 4 : 2) * memory + CONSTANT;
  const patience = START + PACE * budget;
  const child = spawn(process.execPath, ['--import', 'tsx', ...command], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [text, words, peak, seconds] = ['', '', 0, 0];
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()));
  const watcher = setInterval(() => {
    peak = Math.max(peak, highWater(child.pid!));
    seconds = Math.max(seconds, processorTime(child.pid!));
    if (peak > bound || seconds > patience) child.kill('SIGKILL');
  }, PERIOD);
  return new Promise((resolve) => {
    child.on('close', () => {
      clearInterval(watcher);
      const outcome = text === '' ? undefined : (JSON.parse(text) as ExhaustOutcome);
      resolve({ outcome, peak, bound, seconds, patience, words, replay: `npx tsx ${command.join(' ')}` });
    });
  });
}

const MB = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** What one reads of a run that went wrong. */
export const describeWatched = ({ peak, bound, seconds, patience, words, replay }: Watched): string =>
  `${MB(peak)} of ${MB(bound)}, ${seconds.toFixed(0)} s of ${patience.toFixed(0)} s\n${words}\nto replay: ${replay}`;
