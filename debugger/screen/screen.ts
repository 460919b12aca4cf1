/** The screen of a debugger: keys go in, grids of cells come out. It knows no terminal. */
import { BoxError } from '../../box/errors.ts';
import { DebuggerError } from '../error.ts';
import type { Debugger, Rest } from '../types.ts';
import { commandOf } from './commands.ts';
import { draw } from './draw.ts';
import type { Grid } from './grid.ts';
import { memoryAddress, MEMORY_SHOWN, readMapped } from './panels/memory.ts';
import { pressInPrompt } from './prompt.ts';
import { TourError, type Tour } from './tour/parse.ts';
import { createTourPlayer } from './tour/player.ts';
import { registersByName, shownRegisters, type Motion, type View } from './view.ts';

export interface ScreenOptions {
  /** what is being debugged: the sample's name */
  readonly title: string;
  readonly tour?: Tour;
  /** most instructions of a run that a key starts; default 1e9 */
  readonly budget?: number;
  /** without colours changes are marked by `*`; default true */
  readonly colours?: boolean;
  /** Called when nothing can run any more: whether it has given the box something to do, and a run is to go on. */
  readonly whenIdle?: () => boolean;
}

export interface Screen {
  /** Changes only at `press`, `advance` and `interrupt`. */
  readonly view: View;
  /** A key by its name. While a motion is under way, only ctrl-c, which interrupts it. */
  press(key: string): void;
  /** A motion is under way, or keys of a tour wait. */
  readonly busy: boolean;
  /** One slice of it, some ms. */
  advance(): void;
  resize(columns: number, rows: number): void;
  draw(): Grid;
}

const DEFAULT_BUDGET = 1_000_000_000;
/** digits of a count: above that it is no count */
const MOST_DIGITS = 15;

/** Says what a user has got wrong; what nobody has got wrong goes on. */
function complain(view: View, error: unknown): void {
  const known = error instanceof DebuggerError || error instanceof TourError || error instanceof BoxError;
  if (!known) throw error;
  view.message = { text: error.message, error: true };
}

/** Remembers what is shown now, so that differences can be marked. */
function remember(view: View): void {
  const address = memoryAddress(view);
  view.before = {
    registers: registersByName(shownRegisters(view)),
    memory: typeof address === 'bigint' ? { address, bytes: readMapped(view, address, MEMORY_SHOWN) } : undefined,
  };
}

function start(view: View, motion: Motion): void {
  remember(view);
  view.motion = motion;
  view.message = undefined;
}

function end(view: View): void {
  view.motion?.abandon?.();
  view.motion = undefined;
}

function finish(view: View, rest: Rest): void {
  end(view);
  view.cursor = undefined;
  if (rest.reason !== 'stepped') view.message = { text: rest.text, error: false };
}

function attempt(view: View, action: () => Motion | undefined | void): void {
  try {
    const motion = action() ?? undefined;
    if (motion !== undefined) start(view, motion);
  } catch (error) {
    complain(view, error);
  }
}

function pressCommand(view: View, key: string): void {
  if (/^\d$/.test(key) && (view.count !== '' || key !== '0')) {
    if (view.count.length < MOST_DIGITS) view.count += key;
    return;
  }
  const count = view.count === '' ? undefined : Number(view.count);
  view.count = '';
  const command = commandOf(key);
  if (command === undefined) {
    view.message = { text: `${key}: no such key; ? lists them`, error: true };
    return;
  }
  if (key !== 'escape' && key !== '?' && key !== 'h') view.message = undefined;
  attempt(view, () => command.action(view, count));
}

function press(view: View, key: string): void {
  if (view.motion !== undefined) {
    if (key !== 'ctrl-c') return;
    end(view);
    view.queue.length = 0;
    view.message = { text: 'interrupted', error: false };
    return;
  }
  const { prompt } = view;
  if (prompt === undefined) {
    pressCommand(view, key);
    return;
  }
  const outcome = pressInPrompt(prompt, key);
  if (outcome === undefined) return;
  view.prompt = undefined;
  if (outcome === 'accepted') attempt(view, () => prompt.accept(prompt.text.trim()));
}

function advance(view: View): void {
  if (view.motion === undefined) {
    view.queue.shift()?.();
    return;
  }
  try {
    const rest = view.motion.slice();
    if (rest !== undefined) finish(view, rest);
  } catch (error) {
    end(view);
    complain(view, error);
  }
}

/** @throws {TourError} a stop of the tour that is none */
export function createScreen(session: Debugger, options: ScreenOptions): Screen {
  const { title, tour, budget = DEFAULT_BUDGET, colours = true, whenIdle = () => false } = options;
  const view: View = {
    debugger: session,
    title,
    tour: tour === undefined ? undefined : createTourPlayer(tour, session),
    budget,
    whenIdle,
    press: (key) => press(view, key),
    columns: 80,
    rows: 24,
    colours,
    tab: tour === undefined ? 'source' : 'tour',
    scroll: new Map(),
    cursor: undefined,
    memory: '',
    follow: undefined,
    prompt: undefined,
    message: undefined,
    count: '',
    typed: new Map(),
    queue: [],
    motion: undefined,
    help: false,
    helpScroll: 0,
    before: { registers: new Map(), memory: undefined },
    finished: false,
    redraw: false,
  };
  return {
    view,
    press: view.press,
    get busy() {
      return view.motion !== undefined || view.queue.length > 0;
    },
    advance: () => advance(view),
    resize(columns, rows) {
      view.columns = columns;
      view.rows = rows;
    },
    draw: () => draw(view),
  };
}
