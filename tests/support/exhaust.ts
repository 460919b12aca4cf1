/** Watches programs that exhaust a box: what their process takes of the host's memory, and how it ends. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ExhaustOutcome } from './exhaust-run.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const script = 'tests/support/exhaust-run.ts';
/** ms between two looks */
const PERIOD = 50;
/** what a box may take: twice its memory, and so much */
const CONSTANT = 300e6;

export interface Exhaustion {
  /** a row of tests/programs/loaders/exhaust.c */
  readonly what: string;
  /** bytes of the box */
  readonly memory: number;
  /** instructions */
  readonly budget: number;
  /** the exhausted box is saved, and run on from a snapshot: twice the box's memory more */
  readonly save?: boolean;
}

export interface Watched {
  /** undefined: it was ended, or ended by itself without saying how */
  readonly outcome: ExhaustOutcome | undefined;
  /** most bytes of the process that were in the host's memory */
  readonly peak: number;
  readonly bound: number;
  /** of processor time */
  readonly seconds: number;
  /** what it printed on standard error */
  readonly words: string;
  /** the command that does it again */
  readonly replay: string;
}

export const rows: readonly string[] = [
  ...readFileSync(`${root}tests/programs/loaders/exhaust.c`, 'utf8').matchAll(
    /\{"([a-z-]+)", (?:NULL|\w+), (?:NULL|\w+)\}/g,
  ),
].map(([, name]) => name!);

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

/** Runs one to its end; it is killed when it takes more than it may, or after `patience` seconds of processor time. */
export function exhaust({ what, memory, budget, save = false }: Exhaustion, patience: number): Promise<Watched> {
  const args = ['--import', 'tsx', script, what, `${memory}`, `${budget}`, ...(save ? ['save'] : [])];
  const bound = (save ? 4 : 2) * memory + CONSTANT;
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
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
      resolve({ outcome, peak, bound, seconds, words, replay: `npx tsx ${args.slice(2).join(' ')}` });
    });
  });
}
