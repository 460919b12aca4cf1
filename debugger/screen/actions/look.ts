/** Keys that change what is seen, and nothing else: the cursor, panels, expressions, whom the screen follows. */
import { frontTab, layoutOf, shownPanels } from '../arrange.ts';
import { DebuggerError } from '../../error.ts';
import { codeRound, placeShown } from '../panels/code.ts';
import { findPlace } from '../search.ts';
import type { View } from '../view.ts';
import { ask, say, wholeNumber } from './ask.ts';

export function search(view: View): void {
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

export function evaluate(view: View): void {
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

export function follow(view: View): void {
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
export function moveCursor(view: View, by: number): void {
  const address = placeShown(view);
  const rows = 2 * Math.abs(by) + 8;
  const code = codeRound(view, address, rows);
  const at = code.findIndex((candidate) => candidate.address === address);
  const to = code[Math.max(0, Math.min(code.length - 1, at + by))];
  view.cursor = to === undefined || to.address === view.debugger.rest.rip ? undefined : to.address;
}

export function nextPanel(view: View, by: number): void {
  const layout = layoutOf(view);
  const present = layout === undefined ? undefined : (frontTab(view, layout) ?? view.tab);
  const tabs = layout?.tabs?.panels ?? shownPanels(view);
  const at = tabs.indexOf(present ?? view.tab);
  view.tab = tabs[(at + by + tabs.length) % tabs.length] ?? view.tab;
}

export function scroll(view: View, by: number): void {
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
