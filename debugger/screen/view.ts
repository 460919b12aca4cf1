/** What the screen remembers between two keys: one record, which keys change and panels show. */
import type { Debugger, RegisterValue, Rest } from '../types.ts';
import type { PanelName } from './layout.ts';
import type { Prompt } from './prompt.ts';
import type { TourPlayer } from './tour/player.ts';

/** A motion that may take long: made in slices, so that a key can interrupt it. */
export interface Motion {
  /** what it does, in words: `continuing` */
  readonly name: string;
  /** One slice of it; undefined: it goes on. */
  slice(): Rest | undefined;
  /** When it is over or interrupted: what was for its time only goes. */
  readonly abandon?: () => void;
}

/** Whose registers are shown, and whom a step waits for. */
export type Follow = { readonly pid: number } | { readonly cpu: number };

export interface Message {
  readonly text: string;
  readonly error: boolean;
}

/** What was seen before the latest motion: differences are marked. */
export interface Before {
  readonly registers: ReadonlyMap<string, bigint>;
  readonly memory: { readonly address: bigint; readonly bytes: Uint8Array } | undefined;
}

export interface View {
  readonly debugger: Debugger;
  /** what is being debugged: the sample's name */
  readonly title: string;
  readonly tour: TourPlayer | undefined;
  /** most instructions of a run; then it rests, as one that is interrupted */
  readonly budget: number;
  /** nothing can run any more: whoever drives the box may have something for it to do; whether there was */
  readonly whenIdle: () => boolean;
  /** as `press` of the screen */
  readonly press: (key: string) => void;
  columns: number;
  rows: number;
  /** without colours a change is marked by `*` */
  colours: boolean;
  tab: PanelName;
  /** lines that a panel is scrolled, from its end where it shows that */
  readonly scroll: Map<PanelName, number>;
  /** the line of code that keys act on; undefined: where execution is */
  cursor: bigint | undefined;
  /** expression of the address whose memory is shown; '': what the instruction reads or writes */
  memory: string;
  follow: Follow | undefined;
  prompt: Prompt | undefined;
  message: Message | undefined;
  /** digits typed before a key */
  count: string;
  /** what was typed into prompts of one kind */
  readonly typed: Map<string, string[]>;
  /** what follows once the motion is over: keys of a tour */
  readonly queue: (() => void)[];
  motion: Motion | undefined;
  /** keys are explained in the place of the panels */
  help: boolean;
  helpScroll: number;
  before: Before;
  finished: boolean;
  /** the terminal may show something else: paint all of it */
  redraw: boolean;
}

/** The registers of whom the screen follows; of the present place without that, or when it has gone. */
export function shownRegisters(view: View): readonly RegisterValue[] {
  const { debugger: session, follow } = view;
  if (follow === undefined) return session.registers();
  if ('pid' in follow && !session.box.kernel.tasks.has(follow.pid)) return session.registers();
  return session.registers(follow);
}

export const registersByName = (registers: readonly RegisterValue[]): Map<string, bigint> =>
  new Map(registers.map(({ name, value }) => [name, value]));

export function scrollOf(view: View, panel: PanelName): number {
  return view.scroll.get(panel) ?? 0;
}
