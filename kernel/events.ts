/** What an observer of the box can be told; plain data, the same in the API, in JSON and on the terminal. */
export type KernelEvent =
  | {
      readonly type: 'syscall';
      readonly pid: number;
      readonly comm: string;
      readonly name: string;
      readonly args: readonly bigint[];
      readonly text: string;
      readonly result: bigint | undefined;
      readonly injected: boolean;
    }
  | { readonly type: 'write'; readonly pid: number; readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }
  | { readonly type: 'log'; readonly text: string; readonly time: number }
  | { readonly type: 'exec'; readonly pid: number; readonly path: string }
  | { readonly type: 'fork'; readonly pid: number; readonly child: number }
  | { readonly type: 'exit'; readonly pid: number; readonly comm: string; readonly status: number }
  | { readonly type: 'signal'; readonly pid: number; readonly signal: number }
  | { readonly type: 'kprobe'; readonly pid: number; readonly symbol: string; readonly overridden: boolean }
  | { readonly type: 'map-create'; readonly id: number; readonly name: string; readonly mapType: number }
  | { readonly type: 'program-load'; readonly id: number; readonly name: string; readonly programType: number }
  | {
      readonly type: 'program-free';
      readonly id: number;
      readonly name: string;
      readonly runs: number;
      readonly misses: number;
    }
  | {
      readonly type: 'watchdog';
      readonly cpu: number;
      readonly program: string;
      /** where the NMI found the program, and where it goes on: undefined when it ends after its helper */
      readonly from: bigint;
      readonly to: bigint | undefined;
    }
  | { readonly type: 'panic'; readonly cpu: number; readonly program: string; readonly text: string }
  | {
      readonly type: 'unknown-instruction';
      readonly pid: number;
      readonly address: bigint;
      readonly symbol: string;
      readonly bytes: readonly number[];
    }
  | { readonly type: 'unknown-syscall'; readonly pid: number; readonly number: number };
