/** Where two snapshots differ, in what would be saved of them. */
import type { Frozen } from '../../box/frozen.ts';
import { forEachDifference, pageOf } from '../../box/pages.ts';
import type { Snapshot } from '../../box/snapshot.ts';
import { PAGE_SIZE } from '../../cpu/memory.ts';
import { slotName } from '../../cpu/translator/both.ts';

const MOST = 8;

const show = (value: unknown): string =>
  typeof value === 'object' && value !== null ? (value as { kind: string }).kind : String(value);

function compare(path: string, left: unknown, right: unknown, lines: string[]): void {
  if (Object.is(left, right) || lines.length >= MOST) return;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) {
    lines.push(`${path}: ${show(left)}, got ${show(right)}`);
    return;
  }
  if (ArrayBuffer.isView(left) && ArrayBuffer.isView(right) && Buffer.compare(left as Buffer, right as Buffer) === 0)
    return;
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  // a record's values by their keys
  const keys = (left as { kind?: string }).kind === 'record' ? (left as { keys: string[] }).keys : undefined;
  for (const name of names) {
    const [one, other] = [left, right].map((each) => (each as Record<string, Frozen>)[name]);
    if (keys !== undefined && name === 'values') {
      keys.forEach((key, n) => {
        compare(`${path}.${key}`, (one as unknown as Frozen[])[n], (other as unknown as Frozen[])[n], lines);
      });
    } else compare(name === 'values' ? path : `${path}.${name}`, one, other, lines);
  }
}

/** A line each. */
export function snapshotDifferences(left: Snapshot, right: Snapshot, start: number): string[] {
  const lines: string[] = [];
  compare('cpus', left.cpus, right.cpus, lines);
  compare('kernel', left.kernel, right.kernel, lines);
  forEachDifference(left.memory, right.memory, (page) => {
    if (lines.length >= MOST) return;
    const [one, other] = [left, right].map(({ memory }) => pageOf(memory, page));
    const at = one!.findIndex((byte, n) => byte !== other![n]);
    if (at < 0) return;
    const address = page * PAGE_SIZE + at;
    const name = address < start ? `CPU ${page} ${slotName(at >> 3)}` : `physical 0x${(address - start).toString(16)}`;
    lines.push(`${name}: ${one![at]!.toString(16)}, got ${other![at]!.toString(16)}`);
  });
  return lines;
}
