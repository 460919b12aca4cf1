/** The screen as cells: from what the view holds and the debugger says, for any size. */
import { createGrid, putLine, putText, type Grid, type Rectangle } from './grid.ts';
import { helpLines } from './help.ts';
import { frontTab, layoutOf } from './arrange.ts';
import { SMALLEST, type PanelName } from './layout.ts';
import { panels } from './panels/index.ts';
import { withoutTag } from './panels/panel.ts';
import { sentenceLines } from './sentence.ts';
import { span, type Line } from './style.ts';
import { printable } from '../../lib/printable.ts';
import { columnsOf } from './text/width.ts';
import { scrollOf, type View } from './view.ts';

/** `─ registers ─────` */
function titleLine(view: View, name: PanelName, columns: number, focused: boolean): Line {
  const title = panels[name].title(view);
  const words = title === '' ? '' : `${title} `;
  const rule = '─'.repeat(Math.max(0, columns - columnsOf(words) - name.length - 3));
  return [span('─ ', 'dim'), span(name, focused ? 'tab' : 'title'), span(' '), span(words, 'plain'), span(rule, 'dim')];
}

/** `code source [stack] memory`, as many as fit, the front one among them. */
function tabsLine(view: View, tabs: readonly PanelName[], front: PanelName, columns: number): Line {
  const title = panels[front].title(view);
  const widthOf = (names: readonly PanelName[]): number => names.reduce((sum, name) => sum + name.length + 1, 1);
  let first = 0;
  while (first < tabs.indexOf(front) && widthOf(tabs.slice(first, tabs.indexOf(front) + 1)) > columns) first++;
  const names = tabs.slice(first).flatMap((name) => [span(name, name === front ? 'tab' : 'title'), span(' ')]);
  const used = widthOf(tabs.slice(first));
  return [span('─', 'dim'), ...names, span(title), span(` ${'─'.repeat(columns)}`, used < columns ? 'dim' : 'plain')];
}

function drawContent(grid: Grid, lines: readonly Line[], place: Rectangle, scrolled: number, fromEnd: boolean): void {
  const { x, y, columns, rows } = place;
  const most = Math.max(0, lines.length - rows);
  const first = fromEnd ? most - Math.min(most, scrolled) : Math.min(most, scrolled);
  for (let n = 0; n < rows; n++) {
    const shown = lines[first + n];
    if (shown !== undefined) putLine(grid, x, y + n, shown, columns);
  }
  // what is out of sight is said where the content ends
  if (lines.length - first > rows && rows > 1 && columns > 4) {
    putText(grid, x + columns - 2, y + rows - 1, ' …', 'dim', 2);
  }
}

function drawPanel(grid: Grid, view: View, name: PanelName, place: Rectangle, title: Line): void {
  putLine(grid, place.x, place.y, title, place.columns);
  if (place.rows < 2) return;
  const content = { ...place, y: place.y + 1, rows: place.rows - 1 };
  const panel = panels[name];
  const lines = panel.lines(view, content.columns, content.rows);
  drawContent(grid, lines, content, scrollOf(view, name), panel.fromEnd ?? false);
}

function statusLine(view: View): string {
  const { debugger: session, title, motion, follow } = view;
  const { rest, reach, box } = session;
  const number = (value: number): string => value.toLocaleString('en-US');
  const task = box.kernel.tasks.get(rest.pid);
  const { symbol, space } = session.describe(rest.rip);
  const ahead = reach.last > rest.instruction ? ` of ${number(reach.last)}` : '';
  const parts = [
    title,
    motion === undefined ? `instruction ${number(rest.instruction)}${ahead}` : `${motion.name} … ^C interrupts`,
    ...(box.kernel.cpus.length > 1 ? [`CPU ${rest.cpu}`] : []),
    rest.pid === 0 ? 'idle' : `${rest.pid} ${task?.comm ?? ''}`,
    ...(follow === undefined ? [] : ['pid' in follow ? `follows pid ${follow.pid}` : `follows CPU ${follow.cpu}`]),
    `${space} ${withoutTag(symbol)}`,
  ];
  return ` ${printable(parts.join(' | '))}`;
}

/** The lowest line: what is typed, what has happened, or which keys there are. */
function lowestLine({ prompt, message, count, tour, columns }: View): Line {
  if (prompt !== undefined) {
    const { label, text, caret } = prompt;
    // a text that is longer than the line: the part round the caret
    const room = Math.max(8, columns - label.length - 4);
    const start = Math.max(0, caret - room);
    const at = String.fromCodePoint(text.codePointAt(caret) ?? 0x20);
    return [
      span(`${label}: `, 'strong'),
      span(printable(text.slice(start, caret))),
      span(printable(at), 'caret'),
      span(printable(text.slice(caret + at.length))),
    ];
  }
  if (count !== '') return [span(count, 'strong')];
  if (message !== undefined) {
    return [span(printable(withoutTag(message.text)), message.error ? 'error' : 'plain')];
  }
  const keys = 's step n over o out c continue S N C back : stop / find tab panel ? help q quit';
  const ofTour = 'space next place, backspace the one before, enter panel, s step, ? help, q quit';
  return [span(tour === undefined ? keys : ofTour, 'dim')];
}

function tooSmall(grid: Grid, view: View): Grid {
  const words = `${view.columns}x${view.rows} is too small: ${SMALLEST.columns}x${SMALLEST.rows} will do`;
  for (let row = 0, at = 0; row < view.rows && at < words.length; row++, at += view.columns) {
    putText(grid, 0, row, words.slice(at, at + view.columns), 'plain');
  }
  return grid;
}

export function draw(view: View): Grid {
  const grid = createGrid(view.columns, view.rows);
  const layout = layoutOf(view);
  if (layout === undefined) return tooSmall(grid, view);
  const { columns } = view;
  putText(grid, 0, 0, statusLine(view).padEnd(columns), 'status');
  if (view.help) {
    const rows = layout.sentence.y - 1;
    drawContent(grid, helpLines(columns), { x: 0, y: 1, columns, rows }, view.helpScroll, false);
  } else {
    for (const { x, y, rows } of layout.lines) {
      for (let n = 0; n < rows; n++) putText(grid, x, y + n, '│', 'dim');
    }
    for (const { panel, place } of layout.panels) {
      drawPanel(grid, view, panel, place, titleLine(view, panel, place.columns, panel === view.tab));
    }
    const front = frontTab(view, layout);
    if (layout.tabs !== undefined && front !== undefined) {
      const { place, panels: names } = layout.tabs;
      drawPanel(grid, view, front, place, tabsLine(view, names, front, place.columns));
    }
  }
  const { sentence } = layout;
  sentenceLines(view, sentence.columns, sentence.rows).forEach((words, n) => {
    putLine(grid, 0, sentence.y + n, words, columns);
  });
  putLine(grid, 0, view.rows - 1, lowestLine(view), columns);
  return grid;
}
