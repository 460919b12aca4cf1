/** The keys: one row each. The help is printed from this table. */
import { ask, say, wholeNumber } from './actions/ask.ts';
import { evaluate, follow, moveCursor, nextPanel, scroll, search } from './actions/look.ts';
import { addStop, removeStop, switchStop, toggleStop, until } from './actions/stops.ts';
import { lectureOrPanel, nextPlace, previousPlace } from './actions/tour.ts';
import { inTabs } from './arrange.ts';
import { going, inTurn, long, once, repeated, running, type Step } from './motions.ts';
import type { Motion, View } from './view.ts';

export interface Command {
  readonly keys: readonly string[];
  /** a number typed before it counts */
  readonly counts?: true;
  readonly help: string;
  /** `count`: the number typed before it, undefined for none. DebuggerError, TourError: a message. */
  readonly action: (view: View, count: number | undefined) => Motion | undefined | void;
}

/** Commands that move: the debugger's own words for it. */
const move =
  (name: string, step: Step, forward = true) =>
  (view: View, count = 1): Motion =>
    repeated(view, name, count, step, forward);

// prettier-ignore
export const commands: readonly Command[] = [
  { keys: ['s'], counts: true, help: 'one instruction', action: move('stepping', 'step') },
  { keys: ['n'], counts: true, help: 'one instruction, over calls', action: move('stepping over', 'over') },
  { keys: ['l'], counts: true, help: 'to the next line of source', action: move('to the next line', 'line') },
  { keys: ['o'], counts: true, help: 'out of the function, behind its return', action: move('out', 'out') },
  { keys: ['u'], help: 'until the cursor; without a cursor until a stop that is typed', action: until },
  { keys: ['c'], counts: true, help: 'continue to the next stop',
    action: (view, count = 1) => inTurn(count, () => running(view, 'continuing', (budget) => view.debugger.continue({ budget }))) },
  { keys: ['S', 'b'], counts: true, help: 'one instruction back', action: (view, count = 1) => once('stepping back', () => view.debugger.stepBack(count)) },
  { keys: ['N'], counts: true, help: 'one instruction back, over calls', action: move('stepping back over', 'back-over', false) },
  { keys: ['L'], counts: true, help: 'back to the line of source before', action: move('to the line before', 'back-line', false) },
  { keys: ['C'], counts: true, help: 'back to the latest stop', action: (view, count = 1) => inTurn(count, () => long(view, 'continuing back', 'back-to-stop')) },
  { keys: ['g'], counts: true, help: 'go to an instruction by its number since boot',
    action: (view, count) => {
      if (count !== undefined) return going(view, count);
      return ask(view, 'go to instruction', (text) => text === '' ? undefined : going(view, wholeNumber(text, 'go to instruction')));
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
