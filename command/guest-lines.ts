/** Output of programs, whole lines at a time, so that what is printed between them does not cut them up. */
import type { CommandOutput } from './output.ts';

type Stream = 'stdout' | 'stderr';

/** a line that is longer comes in pieces */
const LONGEST_LINE = 65536;
/** streams with a line that has not ended; the oldest of more come in pieces too */
const MOST_PENDING = 64;
const NEWLINE = 0x0a;

export interface GuestLines {
  write(pid: number, stream: Stream, bytes: Uint8Array): void;
  /** the process writes no more */
  end(pid: number): void;
  endAll(): void;
}

export function createGuestLines(output: CommandOutput): GuestLines {
  const pending = new Map<string, { readonly pid: number; readonly stream: Stream; bytes: Uint8Array }>();
  const print = (stream: Stream, bytes: Uint8Array): void =>
    stream === 'stdout' ? output.out(bytes) : output.error(bytes);
  const end = (pid: number | undefined): void => {
    for (const [key, line] of pending) {
      if (pid !== undefined && line.pid !== pid) continue;
      pending.delete(key);
      print(line.stream, Buffer.concat([line.bytes, Uint8Array.of(NEWLINE)]));
    }
  };
  return {
    write(pid, stream, bytes) {
      const key = `${pid} ${stream}`;
      const all = Buffer.concat([pending.get(key)?.bytes ?? new Uint8Array(0), bytes]);
      const whole = all.length > LONGEST_LINE ? all.length : all.lastIndexOf(NEWLINE) + 1;
      if (whole > 0) print(stream, all.subarray(0, whole));
      if (whole < all.length) pending.set(key, { pid, stream, bytes: all.subarray(whole) });
      else pending.delete(key);
      if (pending.size <= MOST_PENDING) return;
      const [oldest, line] = [...pending][0]!;
      pending.delete(oldest);
      print(line.stream, line.bytes);
    },
    end,
    endAll: () => end(undefined),
  };
}
