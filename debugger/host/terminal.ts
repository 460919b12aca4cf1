/**
 * A screen on the terminal of this process: keys come in raw, grids go out. However it ends (a key, an exception, a signal, the
 * terminal going away), the terminal is left as it was found.
 */
import type { ReadStream, WriteStream } from 'node:tty';
import { constants } from 'node:os';
import { createKeyDecoder } from '../screen/keys.ts';
import type { Grid } from '../screen/grid.ts';
import { ENTER, LEAVE, paint, plainText, type PainterOptions } from '../screen/painter.ts';
import type { Screen } from '../screen/screen.ts';

export interface Terminal {
  readonly input: ReadStream;
  readonly output: WriteStream;
}

type Environment = Readonly<Record<string, string | undefined>>;

export interface TerminalAbilities extends PainterOptions {
  /** it knows no sequences at all: screens follow each other as text */
  readonly dumb: boolean;
}

/** Of TERM, NO_COLOR (https://no-color.org) and the locale. */
export function terminalAbilities(environment: Environment): TerminalAbilities {
  const { TERM = 'dumb', NO_COLOR = '' } = environment;
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || '';
  const ascii = !/utf-?8/i.test(locale);
  if (TERM === 'dumb') return { dumb: true, look: 'none', ascii };
  return { dumb: false, look: NO_COLOR !== '' || /^vt\d/.test(TERM) ? 'mono' : 'colour', ascii };
}

const endingSignals = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const;
/** between two paintings of a run that goes on, ms */
const PAINT_INTERVAL = 100;
/** after an ESC, ms: the rest of a key's sequence has come by then */
const ESCAPE_WAIT = 50;
/** keys that wait for a run to end: more are dropped */
const MOST_WAITING = 256;
/** where the terminal does not say */
const USUAL = { columns: 80, rows: 24 } as const;

/** Nobody is at the other end of the terminal any more. */
const isGone = (error: unknown): boolean => ['EIO', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '');

/** A run of the screen until it is quit; the exit status: 0, or 128 and the signal that ended it. */
export function runOnTerminal(
  screen: Screen,
  { input, output }: Terminal,
  write: (text: string) => void,
  environment: Environment,
): Promise<number> {
  const { dumb, ...look } = terminalAbilities(environment);
  const decoder = createKeyDecoder();
  const waiting: string[] = [];
  let shown: Grid | undefined;
  let scheduled = false;
  let inside = false;
  let over = false;
  let paintedAt = -Infinity;
  let escape: NodeJS.Timeout | undefined;

  const enter = (): void => {
    input.setRawMode(true);
    shown = undefined;
    inside = true;
    if (!dumb) write(ENTER);
  };
  const leave = (): void => {
    if (!inside) return;
    inside = false;
    try {
      if (!dumb) write(LEAVE);
      input.setRawMode(false);
    } catch {
      // the terminal is gone: nothing is left to be put right
    }
  };
  const size = (): void => screen.resize(output.columns || USUAL.columns, output.rows || USUAL.rows);
  const show = (): void => {
    if (screen.view.redraw) shown = undefined;
    screen.view.redraw = false;
    const grid = screen.draw();
    if (dumb) {
      const [text, last] = [grid, shown].map((each) => each && plainText(each, look.ascii ?? false).join('\r\n'));
      if (text !== last) write(`${text}\r\n`);
    } else {
      const sequences = paint(shown, grid, look);
      if (sequences !== '') write(sequences);
    }
    shown = grid;
    paintedAt = performance.now();
  };

  return new Promise((resolve, reject) => {
    const end = (finish: () => void): void => {
      if (over) return;
      over = true;
      clearTimeout(escape);
      leave();
      input.off('data', hear).off('end', hangUp).off('error', hangUp).pause();
      output.off('resize', resized);
      for (const signal of endingSignals) process.off(signal, onSignal);
      process.off('exit', leave);
      process.off('SIGCONT', resumed);
      finish();
    };
    const guarded = (action: () => void) => (): void => {
      try {
        action();
      } catch (error) {
        if (isGone(error)) hangUp();
        else end(() => reject(error as Error));
      }
    };
    const turn = guarded(() => {
      scheduled = false;
      if (over || !inside) return;
      if (screen.busy) screen.advance();
      else if (waiting.length > 0) screen.press(waiting.shift()!);
      if (screen.view.finished) {
        end(() => resolve(0));
        return;
      }
      const goesOn = screen.busy || waiting.length > 0;
      if (!goesOn || performance.now() - paintedAt > PAINT_INTERVAL) show();
      if (goesOn) schedule();
    });
    const schedule = (): void => {
      if (scheduled) return;
      scheduled = true;
      setImmediate(turn);
    };
    const suspend = (): void => {
      leave();
      process.kill(process.pid, 'SIGTSTP');
    };
    const resumed = guarded(() => {
      enter();
      size();
      schedule();
    });
    const take = (keys: readonly string[]): void => {
      for (const key of keys) {
        if (key === 'ctrl-z') suspend();
        else if (key === 'ctrl-c' && screen.busy) {
          waiting.length = 0;
          screen.press(key);
        } else if (waiting.length < MOST_WAITING) waiting.push(key);
      }
      schedule();
    };
    const hear = (bytes: Uint8Array): void => {
      clearTimeout(escape);
      take(decoder.feed(bytes));
      escape = setTimeout(() => take(decoder.flush()), ESCAPE_WAIT);
    };
    const hangUp = (): void => end(() => resolve(128 + constants.signals.SIGHUP));
    const resized = guarded(() => {
      size();
      shown = undefined;
      schedule();
    });
    const onSignal = (signal: NodeJS.Signals): void => end(() => resolve(128 + constants.signals[signal]));

    for (const signal of endingSignals) process.on(signal, onSignal);
    process.on('exit', leave);
    process.on('SIGCONT', resumed);
    output.on('resize', resized);
    input.on('data', hear).on('end', hangUp).on('error', hangUp);
    guarded(() => {
      enter();
      size();
      input.resume();
      schedule();
    })();
  });
}
