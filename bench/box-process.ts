/**
 * A box in a process of its own: what one program makes of V8's caches, profiles and heap is no concern of the next, and
 * the first run in it is as cold as a command's.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { RunReason } from '../index.ts';
import type { Engine } from './engine.ts';
import type { WhereTimeGoes } from './profiled-slice.ts';

export type BoxRequest =
  | { readonly type: 'boot'; readonly engine: Engine; readonly file: string }
  | { readonly type: 'spawn'; readonly units: number }
  | { readonly type: 'run'; readonly budget: number }
  | { readonly type: 'profile'; readonly instructions: number };

export interface BoxReply {
  readonly reason: RunReason;
  readonly instructions: number;
  /** stdout of this run */
  readonly output: string;
  /** wall time */
  readonly milliseconds: number;
  /** of all threads of the process, compilers and garbage collection included */
  readonly cpuMilliseconds: number;
}

/** What is answered to a request of each type. */
export interface BoxReplies {
  readonly boot: null;
  readonly spawn: null;
  readonly run: BoxReply;
  readonly profile: WhereTimeGoes;
}
type Answer<Request extends BoxRequest> = BoxReplies[Request['type']];

export interface BoxProcess {
  /** The program with this argument from its start, up to `budget` instructions. */
  start(units: number, budget?: number): Promise<BoxReply>;
  /** The same program from where it stopped. */
  go(budget?: number): Promise<BoxReply>;
  /** Where the time of further slices of so many instructions goes; nothing else is to follow. */
  profile(instructions: number): Promise<WhereTimeGoes>;
  end(): void;
}

const WORKER = fileURLToPath(new URL('box-worker.ts', import.meta.url));

/** A box that has booted and holds the ELF file at `file` of the host. */
export async function startBox(engine: Engine, file: string): Promise<BoxProcess> {
  const child = fork(WORKER);
  const ask = async <Request extends BoxRequest>(request: Request): Promise<Answer<Request>> => {
    const answered = new AbortController();
    const { signal } = answered;
    child.send(request);
    try {
      return await Promise.race([
        once(child, 'message', { signal }).then(([reply]) => reply as Answer<Request>),
        once(child, 'exit', { signal }).then(([code]) => {
          throw new Error(`${engine}, ${file}: the process of the box ended with status ${code}`);
        }),
      ]);
    } finally {
      answered.abort();
    }
  };
  const go = (budget = Number.MAX_SAFE_INTEGER): Promise<BoxReply> => ask({ type: 'run', budget });
  await ask({ type: 'boot', engine, file });
  return {
    async start(units, budget) {
      await ask({ type: 'spawn', units });
      return go(budget);
    },
    go,
    profile: (instructions) => ask({ type: 'profile', instructions }),
    end: () => child.kill(),
  };
}
