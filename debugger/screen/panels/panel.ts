/** What a panel is: a title, and lines for a place of some size. */
import type { PanelName } from '../layout.ts';
import type { Line } from '../style.ts';
import type { View } from '../view.ts';

export interface Panel {
  readonly name: PanelName;
  /** behind its name */
  title(view: View): string;
  /** All it has to show, or as much as is worth while; what is beyond `rows` is scrolled to. */
  lines(view: View, columns: number, rows: number): readonly Line[];
  /** its end is shown, and scrolling goes back from there */
  readonly fromEnd?: true;
}

export const hex = (value: bigint, digits = 0): string => value.toString(16).padStart(digits, '0');

/** An image's tag says nothing to people: the line says already that it is an extension's. */
export const withoutTag = (symbol: string): string => symbol.replaceAll(/\brex_prog_[0-9a-f]{16}::/g, '');

export const count = (number: number, what: string): string =>
  `${number.toLocaleString('en-US')} ${what}${number === 1 ? '' : 's'}`;
