/** The keys: one row each. The help is printed from this table. */
import { frontTab, layoutOf, shownPanels } from './arrange.ts';
import { DebuggerError } from '../error.ts';
import type { PanelName } from './layout.ts';
import { inTurn, once, repeated, running } from './motions.ts';
import { codeRound, placeShown } from './panels/code.ts';
import { createPrompt } from './prompt.ts';
import { findPlace } from './search.ts';
import { approachNext, goBack } from './tour/player.ts';
import type { Motion, View } from './view.ts';

export interface Command {
  readonly keys: readonly string[];
  /** a number typed before it counts */
  readonly counts?: true;
  readonly help: string;
  /** `count`: the number typed before it, undefined for none. DebuggerError, TourError: a message. */
  readonly action: (view: View, count: number | undefined) => Motion | undefined | void;
}

const say = (view: View, text: string): void => {
  view.message = { text, error: false };
};

/** of typed lines that are remembered, by kind */
const MOST_TYPED = 100;

function ask(view: View, label: string, accept: (text: string) => Motion | undefined | void): void {
  const typed = view.typed.get(label) ?? [];
  view.typed.set(label, typed);
  view.prompt = createPrompt(label, [...typed], (text) => {
    if (text !== '' && typed.at(-1) !== text) typed.push(text);
    if (typed.length > MOST_TYPED) typed.shift();
    return accept(text);
  });
}

function wholeNumber(text: string, what: string): number {
  const number = /^\d[\d,_]*$/.test(text) ? Number(text.replaceAll(/[,_]/g, '')) : NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new DebuggerError('syntax', `${what}: got ${JSON.stringify(text)}, expected a whole number`);
}

/** A stop at the cursor: removed where there is one, added where there is none. */
function toggleStop(view: View): void {
  const { debugger: session } = view;
  const address = placeShown(view);
  const present = session.stops.find(({ target }) => target.kind === 'address' && target.address === address);
  if (present !== undefined) {
    session.removeStop(present.id);
    say(view, `removed: ${present.text}`);
    return;
  }
  say(view, `added: ${session.addStop({ kind: 'address', address }).text}`);
}

function addStop(view: View, text: string): void {
  if (text === '') return;
  const { target, options } = view.debugger.parseStop(text);
  const { id, text: words, addresses } = view.debugger.addStop(target, options);
  const named = target.kind === 'symbol' || target.kind === 'line';
  say(view, `added ${id}: ${words}${named && addresses.length === 0 ? ' (nothing of that name is loaded yet)' : ''}`);
}

function removeStop(view: View, text: string): void {
  const { debugger: session } = view;
  const ids = text === '*' ? session.stops.map(({ id }) => id) : [wholeNumber(text, 'number of a stop, or *')];
  for (const id of ids) session.removeStop(id);
  say(view, ids.length === 1 ? `removed ${ids[0]}` : `removed ${ids.length} stops`);
}

function switchStop(view: View, text: string): void {
  const id = wholeNumber(text, 'number of a stop');
  const present = view.debugger.stops.find((stop) => stop.id === id);
  if (present === undefined) throw new DebuggerError('not-there', `there is no stop ${id}`);
  const { enabled } = view.debugger.changeStop(id, { enabled: !present.enabled });
  say(view, `${id} is ${enabled ? 'on' : 'off'}`);
}

function until(view: View): Motion | undefined {
  const { debugger: session, cursor } = view;
  if (cursor !== undefined) {
    const target = { kind: 'address', address: cursor } as const;
    return running(view, 'until the cursor', (budget) => session.until(target, { budget }));
  }
  ask(view, 'until', (text) => {
    if (text === '') return undefined;
    const { target, options } = session.parseStop(text);
    if (options.condition === undefined) return running(view, text, (budget) => session.until(target, { budget }));
    const { id } = session.addStop(target, { ...options, once: true });
    const abandon = (): void => {
      if (session.stops.some((stop) => stop.id === id)) session.removeStop(id);
    };
    const motion = running(view, text, (budget) => session.continue({ budget }));
    return { ...motion, abandon };
  });
  return undefined;
}

function search(view: View): void {
  ask(view, 'find', (text) => {
    const last = view.typed.get('find')?.at(-1);
    const wanted = text === '' ? last : text;
    if (wanted === undefined) return;
    const after = text === '' ? view.cursor : undefined;
    view.cursor = findPlace(view.debugger, wanted, after);
    say(
      view,
      `at ${view.debugger.describe(view.cursor).symbol || `0x${view.cursor.toString(16)}`}; u runs there, escape returns`,
    );
  });
}

function evaluate(view: View): void {
  ask(view, 'expression', (text) => {
    if (text === '') return;
    const value = view.debugger.evaluate(text);
    const bits = BigInt.asUintN(64, value);
    const signed = BigInt.asIntN(64, bits);
    const { symbol } = view.debugger.describe(bits);
    const place = symbol === '' ? '' : ` <${symbol}>`;
    say(view, `${text} = ${signed} = 0x${bits.toString(16)}${place}`);
  });
}

function follow(view: View): void {
  ask(view, 'follow (pid, or cpu N; nothing: the present one)', (text) => {
    const { kernel } = view.debugger.box;
    const cpu = /^cpu\s*(\d+)$/i.exec(text)?.[1];
    view.follow = undefined;
    if (text === '') return say(view, 'follows whoever is executed');
    const number = wholeNumber(cpu ?? text, 'pid or cpu N');
    if (cpu === undefined && !kernel.tasks.has(number)) {
      throw new DebuggerError(
        'not-there',
        `there is no task ${number}: there are ${[...kernel.tasks.keys()].join(', ')}`,
      );
    }
    if (cpu !== undefined && number >= kernel.cpus.length) {
      throw new DebuggerError('not-there', `there is no CPU ${number}: there are ${kernel.cpus.length}`);
    }
    view.follow = cpu === undefined ? { pid: number } : { cpu: number };
    return say(view, `follows ${cpu === undefined ? 'pid' : 'CPU'} ${number}`);
  });
}

/** The cursor by so many lines of code. */
function moveCursor(view: View, by: number): void {
  const address = placeShown(view);
  const rows = 2 * Math.abs(by) + 8;
  const code = codeRound(view, address, rows);
  const at = code.findIndex((candidate) => candidate.address === address);
  const to = code[Math.max(0, Math.min(code.length - 1, at + by))];
  view.cursor = to === undefined || to.address === view.debugger.rest.rip ? undefined : to.address;
}

function nextPanel(view: View, by: number): void {
  const layout = layoutOf(view);
  const present = layout === undefined ? undefined : (frontTab(view, layout) ?? view.tab);
  const tabs = layout?.tabs?.panels ?? shownPanels(view);
  const at = tabs.indexOf(present ?? view.tab);
  view.tab = tabs[(at + by + tabs.length) % tabs.length] ?? view.tab;
}

function scroll(view: View, by: number): void {
  const layout = layoutOf(view);
  if (layout === undefined) return;
  if (view.help) {
    view.helpScroll = Math.max(0, view.helpScroll + by * (view.rows - 4));
    return;
  }
  const panel = frontTab(view, layout) ?? view.tab;
  const place = layout.tabs?.place ?? layout.panels.find((placed) => placed.panel === panel)?.place;
  const rows = Math.max(1, (place?.rows ?? 2) - 2);
  // a log is scrolled from its end
  const forward = panel === 'log' || panel === 'output' ? -by : by;
  view.scroll.set(panel, Math.min(LONGEST_SCROLL, Math.max(0, (view.scroll.get(panel) ?? 0) + forward * rows)));
}

const LONGEST_SCROLL = 4096;

function nextPlace(view: View): Motion | undefined {
  const { tour, debugger: session } = view;
  if (tour === undefined) return repeated(view, 'stepping', 1, () => session.step(), true);
  const approach = approachNext(tour, session);
  const motion = running(view, 'to the next place', (budget) => {
    const rest = approach.advance(budget);
    // the present again: the place may be beyond it
    return rest.reason === 'interrupted' ? approach.advance(budget) : rest;
  });
  return {
    name: motion.name,
    slice() {
      const { at } = tour;
      const rest = motion.slice();
      if (rest === undefined) return undefined;
      approach.end(rest);
      if (tour.at !== at) arrive(view);
      return rest;
    },
    abandon: approach.abandon,
  };
}

const inTabs = (view: View, panel: PanelName): boolean => layoutOf(view)?.tabs?.panels.includes(panel) ?? false;

/** From the lecture to the panel that it points to, and back. */
function lectureOrPanel(view: View): void {
  const show = view.tour?.tour.places[view.tour.at]?.show ?? 'source';
  if (view.tour !== undefined) view.tab = view.tab === 'tour' ? show : 'tour';
}

/** At a place of the tour: its panel comes to the front, its keys are pressed. */
function arrive(view: View): void {
  const { tour, debugger: session } = view;
  const place = tour?.tour.places[tour.at];
  if (tour === undefined || place === undefined) return;
  view.tab = 'tour';
  view.scroll.delete('tour');
  for (const key of place.keys) view.queue.push(() => view.press(key));
  view.queue.push(() => {
    tour.positions[tour.at] = session.rest.instruction;
    // beside the lecture where there is room for both
    if (place.show !== undefined && !inTabs(view, 'tour')) view.tab = place.show;
    view.message = undefined;
  });
}

function previousPlace(view: View): Motion | undefined {
  const { tour, debugger: session } = view;
  if (tour === undefined) return undefined;
  return once('back', () => {
    const rest = goBack(tour, session);
    view.tab = 'tour';
    view.scroll.delete('tour');
    return rest;
  });
}

/** Commands that move: the debugger's own words for it. */
const move =
  (name: string, how: (view: View) => () => ReturnType<View['debugger']['step']>, forward = true) =>
  (view: View, count = 1): Motion =>
    repeated(view, name, count, how(view), forward);

// prettier-ignore
export const commands: readonly Command[] = [
  { keys: ['s'], counts: true, help: 'one instruction', action: move('stepping', ({ debugger: session }) => () => session.step()) },
  { keys: ['n'], counts: true, help: 'one instruction, over calls', action: move('stepping over', ({ debugger: session }) => () => session.stepOver()) },
  { keys: ['l'], counts: true, help: 'to the next line of source', action: move('to the next line', ({ debugger: session }) => () => session.stepLine()) },
  { keys: ['o'], counts: true, help: 'out of the function, behind its return', action: move('out', ({ debugger: session }) => () => session.stepOut()) },
  { keys: ['u'], help: 'until the cursor; without a cursor until a stop that is typed', action: until },
  { keys: ['c'], counts: true, help: 'continue to the next stop',
    action: (view, count = 1) => inTurn(count, () => running(view, 'continuing', (budget) => view.debugger.continue({ budget }))) },
  { keys: ['S', 'b'], counts: true, help: 'one instruction back', action: (view, count = 1) => once('stepping back', () => view.debugger.stepBack(count)) },
  { keys: ['N'], counts: true, help: 'one instruction back, over calls', action: move('stepping back over', ({ debugger: session }) => () => session.stepBackOver(), false) },
  { keys: ['L'], counts: true, help: 'back to the line of source before', action: move('to the line before', ({ debugger: session }) => () => session.stepBackLine(), false) },
  { keys: ['C'], counts: true, help: 'back to the latest stop', action: (view, count = 1) => inTurn(count, () => once('continuing back', () => view.debugger.reverseContinue())) },
  { keys: ['g'], counts: true, help: 'go to an instruction by its number since boot',
    action: (view, count) => {
      if (count !== undefined) return once('going', () => view.debugger.goTo(count));
      return ask(view, 'go to instruction', (text) => text === '' ? undefined : once('going', () => view.debugger.goTo(wholeNumber(text, 'go to instruction'))));
    } },
  { keys: ['.'], help: 'a stop at the cursor: adds it or removes it', action: toggleStop },
  { keys: [':'], help: 'adds a stop: main.rs:19, syscall dup, helper, panic, write 0x…:8 … if rax == -22', action: (view) => ask(view, 'stop', (text) => addStop(view, text)) },
  { keys: ['x'], counts: true, help: 'removes a stop by its number, or * for all',
    action: (view, count) => count === undefined ? ask(view, 'remove stop', (text) => { if (text !== '') removeStop(view, text); }) : removeStop(view, `${count}`) },
  { keys: ['e'], counts: true, help: 'switches a stop off, or on again, by its number',
    action: (view, count) => count === undefined ? ask(view, 'switch stop', (text) => { if (text !== '') switchStop(view, text); }) : switchStop(view, `${count}`) },
  { keys: ['/'], help: 'finds a symbol, a part of one, main.rs:19 or an address; nothing: the next one', action: search },
  { keys: ['up', 'k'], counts: true, help: 'the cursor up in the code', action: (view, count = 1) => moveCursor(view, -Math.min(count, 100)) },
  { keys: ['down', 'j'], counts: true, help: 'the cursor down', action: (view, count = 1) => moveCursor(view, Math.min(count, 100)) },
  { keys: ['escape'], help: 'back to where execution is; ends help and messages',
    action: (view) => { view.cursor = undefined; view.help = false; view.message = undefined; } },
  { keys: ['tab', 't'], help: 'the next panel', action: (view) => nextPanel(view, 1) },
  { keys: ['shift-tab', 'T'], help: 'the panel before', action: (view) => nextPanel(view, -1) },
  { keys: ['page-down', 'right'], help: 'scrolls the panel down', action: (view) => scroll(view, 1) },
  { keys: ['page-up', 'left'], help: 'scrolls it up', action: (view) => scroll(view, -1) },
  { keys: ['m'], help: 'memory at an expression, as rsp or u64[rdi+8]; nothing: what the instruction reads or writes',
    action: (view) => ask(view, 'memory at', (text) => { if (text !== '') view.debugger.evaluate(text); view.memory = text; view.scroll.delete('memory'); if (inTabs(view, 'memory')) view.tab = 'memory'; }) },
  { keys: ['p', '='], help: 'the value of an expression', action: evaluate },
  { keys: ['f'], help: 'follows a task (its pid) or a processor (cpu 1): its registers, and steps go on until it runs', action: follow },
  { keys: ['space'], help: 'the next place of the tour; without a tour one instruction', action: nextPlace },
  { keys: ['backspace'], help: 'the place of the tour before', action: previousPlace },
  { keys: ['enter'], help: 'from the lecture of the tour to the panel that it points to, and back', action: lectureOrPanel },
  { keys: ['?', 'h'], help: 'this list', action: (view) => { view.help = !view.help; view.helpScroll = 0; } },
  { keys: ['ctrl-l'], help: 'paints the screen anew', action: (view) => { view.redraw = true; } },
  { keys: ['ctrl-c'], help: 'interrupts a run', action: (view) => say(view, 'nothing is running; q quits') },
  { keys: ['q', 'Q'], help: 'quits', action: (view) => { view.finished = true; } },
];

const byKey: ReadonlyMap<string, Command> = new Map(
  commands.flatMap((command) => command.keys.map((key) => [key, command] as const)),
);

export const commandOf = (key: string): Command | undefined => byKey.get(key);
