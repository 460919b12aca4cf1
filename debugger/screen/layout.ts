/**
 * Where panels stand on a screen of some size: one table of arrangements, of which the first that fits is taken. What an
 * arrangement has no place for stands in its tabs, one at a time.
 */
import type { Rectangle } from './grid.ts';

// prettier-ignore
export const panelNames = [
  'code', 'source', 'registers', 'stack', 'memory', 'story', 'maps', 'stops', 'log', 'output', 'tasks', 'tour',
] as const;
export type PanelName = (typeof panelNames)[number];

/** the smallest screen that anything can be shown on */
export const SMALLEST = { columns: 20, rows: 5 } as const;

type Slot = PanelName | 'tabs';

/** Parts of a box beside or above each other: with a fixed size, or a share of what the others leave. */
interface Part {
  readonly slot?: Slot;
  readonly size?: number;
  readonly share?: number;
  readonly columns?: readonly Part[];
  readonly rows?: readonly Part[];
}

interface Arrangement {
  readonly columns: number;
  readonly rows: number;
  /** lines of what the next instruction does */
  readonly sentence: number;
  readonly parts: Part;
}

const of = (slot: Slot, share: number, size?: number): Part => ({
  slot,
  share,
  ...(size === undefined ? {} : { size }),
});

/** of two columns `*rax 0123456789abcdef` */
export const REGISTERS_WIDE = 43;

// prettier-ignore
const arrangements: readonly Arrangement[] = [
  { columns: 180, rows: 50, sentence: 3, parts: { columns: [
    { share: 36, rows: [of('code', 5), of('source', 7)] },
    { share: 34, rows: [of('registers', 0, 22), of('stack', 5), of('memory', 3)] },
    { share: 30, rows: [of('tour', 6), of('story', 5), of('maps', 4), of('stops', 3), of('tasks', 3), of('log', 5), of('output', 3)] },
  ] } },
  { columns: 140, rows: 34, sentence: 2, parts: { columns: [
    { share: 6, rows: [of('code', 1), of('source', 1)] },
    { share: 5, rows: [of('registers', 0, 11), of('stack', 3), of('tabs', 4)] },
  ] } },
  { columns: 110, rows: 20, sentence: 2, parts: { columns: [
    { share: 6, rows: [of('code', 4), of('source', 5)] },
    { share: 5, rows: [of('registers', 0, 11), of('tabs', 1)] },
  ] } },
  { columns: 76, rows: 34, sentence: 2, parts: { rows: [
    { share: 1, columns: [of('code', 1), of('registers', 0, REGISTERS_WIDE)] },
    of('source', 1),
    of('tabs', 1),
  ] } },
  { columns: 76, rows: 18, sentence: 2, parts: { rows: [
    { size: 11, columns: [of('code', 1), of('registers', 0, REGISTERS_WIDE)] },
    of('tabs', 1),
  ] } },
  { columns: 40, rows: 14, sentence: 2, parts: { rows: [of('code', 1), of('tabs', 1)] } },
  { columns: SMALLEST.columns, rows: SMALLEST.rows, sentence: 1, parts: of('tabs', 1) },
];

export interface PlacedPanel {
  readonly panel: PanelName;
  readonly place: Rectangle;
}

export interface Layout {
  readonly panels: readonly PlacedPanel[];
  /** where one of `tabs` stands; undefined: everything has its place */
  readonly tabs: { readonly panels: readonly PanelName[]; readonly place: Rectangle } | undefined;
  readonly sentence: Rectangle;
  /** vertical lines between columns */
  readonly lines: readonly Rectangle[];
}

/** Sizes of parts that fill `total` with `gap` between two; shares are rounded down, and the last with a share takes the rest. */
function divide(parts: readonly Part[], total: number, gap: number): number[] {
  const fixed = parts.reduce((sum, { size = 0 }) => sum + size, 0);
  const free = Math.max(0, total - fixed - gap * (parts.length - 1));
  const shares = parts.reduce((sum, { size, share = 0 }) => sum + (size === undefined ? share : 0), 0);
  const sizes = parts.map(({ size, share = 0 }) => size ?? Math.floor((free * share) / shares));
  const last = parts.findLastIndex(({ size }) => size === undefined);
  if (last >= 0) sizes[last]! += total - gap * (parts.length - 1) - sizes.reduce((sum, size) => sum + size, 0);
  return sizes;
}

/** Parts without those whose panel is not shown; empty boxes go too. */
function keep(part: Part, shown: ReadonlySet<PanelName>): Part | undefined {
  if (part.slot !== undefined) return part.slot === 'tabs' || shown.has(part.slot) ? part : undefined;
  const inner = (parts: readonly Part[] | undefined): readonly Part[] =>
    (parts ?? []).flatMap((child) => keep(child, shown) ?? []);
  const columns = inner(part.columns);
  const rows = inner(part.rows);
  if (columns.length + rows.length === 0) return undefined;
  return { ...part, ...(part.columns === undefined ? { rows } : { columns }) };
}

interface Placed {
  readonly slots: { readonly slot: Slot; readonly place: Rectangle }[];
  readonly lines: Rectangle[];
}

function place(part: Part, area: Rectangle, into: Placed): void {
  if (part.slot !== undefined) into.slots.push({ slot: part.slot, place: area });
  if (part.columns !== undefined) {
    let { x } = area;
    divide(part.columns, area.columns, 1).forEach((columns, n) => {
      if (n > 0) into.lines.push({ ...area, x: x - 1, columns: 1 });
      place(part.columns![n]!, { ...area, x, columns }, into);
      x += columns + 1;
    });
  }
  if (part.rows !== undefined) {
    let { y } = area;
    divide(part.rows, area.rows, 0).forEach((rows, n) => {
      place(part.rows![n]!, { ...area, y, rows }, into);
      y += rows;
    });
  }
}

/**
 * The arrangement for a screen: one row of status above, below it the sentence and one row of messages. Undefined when it is
 * smaller than SMALLEST.
 */
export function layoutFor(columns: number, rows: number, shown: readonly PanelName[]): Layout | undefined {
  const arrangement = arrangements.find((candidate) => columns >= candidate.columns && rows >= candidate.rows);
  if (arrangement === undefined) return undefined;
  const visible = new Set(shown);
  const { sentence } = arrangement;
  const middle: Rectangle = { x: 0, y: 1, columns, rows: rows - 2 - sentence };
  const placed: Placed = { slots: [], lines: [] };
  place(keep(arrangement.parts, visible) ?? of('tabs', 1), middle, placed);
  const panels = placed.slots.flatMap(({ slot, place: area }) =>
    slot === 'tabs' ? [] : [{ panel: slot, place: area }],
  );
  const tabs = placed.slots.find(({ slot }) => slot === 'tabs');
  const rest = shown.filter((name) => !panels.some(({ panel }) => panel === name));
  return {
    panels,
    tabs: tabs === undefined ? undefined : { panels: rest, place: tabs.place },
    sentence: { x: 0, y: rows - 1 - sentence, columns, rows: sentence },
    lines: placed.lines,
  };
}
