/**
 * What is known of a box's past, so that it can be gone back to: marks, and the rule that between two of them everything
 * follows from the first. Whatever the host does between two instructions is a border: a mark that is taken behind it, before
 * the next instruction is executed, and that execution in the past goes on from. See README.md.
 */
import { retired } from '../../kernel/run.ts';
import { BoxError, checkInteger } from '../errors.ts';
import { createEventLog, forgetFuture } from '../event-log.ts';
import { drain } from '../drain.ts';
import type { Machine } from '../machine.ts';
import { restoreSnapshot, takeSnapshot } from '../snapshot.ts';
import { addMark, createMarks, isBorder, markAt, nextBorder, removeBehind, type Mark, type Marks } from './marks.ts';

export interface HistoryOptions {
  /** most marks; default 256 */
  readonly marks?: number;
  /** most bytes in marks, roughly; default 512 MiB. One mark is there however large it is */
  readonly bytes?: number;
}

export interface History {
  readonly marks: Marks;
  /** the host has done something since the last instruction was executed */
  pending: boolean;
  /** the latest point that has ever been reached, but for what was cut off */
  last: number;
  /** where the next mark is due, at the earliest */
  next: number;
  /** what is executed has been executed before */
  replaying: boolean;
}

/** What can be gone to without executing anything new, and what it takes. */
export interface HistoryReach {
  readonly first: number;
  readonly last: number;
  readonly marks: number;
  /** roughly */
  readonly bytes: number;
}

const MARKS = 256;
const BYTES = 512 << 20;
/** shortest distance of marks, instructions; then they are a part of what there has been apart */
const SHORTEST = 20_000;
const PART = 32;

/** From now on. BoxError for bounds that are none. */
export function createHistory(machine: Machine, { marks = MARKS, bytes = BYTES }: HistoryOptions): History {
  checkInteger('history: marks', marks, 2, 1 << 20);
  checkInteger('history: bytes', bytes, 0, Number.MAX_SAFE_INTEGER);
  const now = retired(machine.kernel);
  return { marks: createMarks(marks, bytes), pending: true, last: now, next: now, replaying: false };
}

/** BoxError while there is none. */
export function historyOf({ history }: Machine, what: string): History {
  if (history === undefined) throw new BoxError(`${what}: the box has no history: see startHistory`);
  return history;
}

export function readReach({ history, kernel }: Machine): HistoryReach | undefined {
  if (history === undefined) return undefined;
  const { list, bytes } = history.marks;
  const now = retired(kernel);
  const first = list[0]?.instruction ?? now;
  return { first, last: Math.max(history.last, now), marks: list.length, bytes };
}

/** Keeps the present as a mark. */
export function keepMark(machine: Machine, history: History, kind: Pick<Mark, 'pinned' | 'tip'>): void {
  drain(machine);
  const now = retired(machine.kernel);
  const snapshot = takeSnapshot(machine.kernel);
  addMark(history.marks, { instruction: now, snapshot, position: machine.log.position, ...kind }, now);
}

const dueAfter = (now: number, first: number): number => now + Math.max(SHORTEST, Math.floor((now - first) / PART));

/** The host is about to do something to the box: what lay ahead is not known any more. */
export function noteChange({ history, kernel, log }: Machine): void {
  if (history === undefined) return;
  const now = retired(kernel);
  if (now < history.last) {
    removeBehind(history.marks, now);
    forgetFuture(log);
    history.last = now;
    history.next = dueAfter(now, history.marks.list[0]?.instruction ?? now);
  }
  history.pending = true;
}

function keepPending(machine: Machine, history: History): void {
  if (!history.pending) return;
  history.pending = false;
  keepMark(machine, history, { pinned: true, tip: false });
  const now = retired(machine.kernel);
  history.next = dueAfter(now, history.marks.list[0]!.instruction);
}

/** Instructions are about to be executed: the point where they have to stop for history's sake. */
export function depart(machine: Machine): number {
  const { history, kernel } = machine;
  if (history === undefined) return Infinity;
  keepPending(machine, history);
  const now = retired(kernel);
  history.replaying = now < history.last;
  if (history.replaying) return Math.min(history.last, nextBorder(history.marks, now)?.instruction ?? Infinity);
  const tip = markAt(history.marks, now);
  // it is left forwards, where it leads like any other
  if (tip?.tip === true) tip.tip = false;
  return Math.max(history.next, now + 1);
}

/** Instructions have been executed. */
export function arrive(machine: Machine): void {
  const { history, kernel } = machine;
  if (history === undefined) return;
  const now = retired(kernel);
  if (history.replaying) {
    const mark = markAt(history.marks, now);
    if (mark !== undefined && isBorder(mark)) returnTo(machine, mark);
    history.replaying = false;
    return;
  }
  history.last = Math.max(history.last, now);
  if (now < history.last || now < history.next || history.pending || kernel.dead !== undefined) return;
  if (markAt(history.marks, now) === undefined) keepMark(machine, history, { pinned: false, tip: false });
  history.next = dueAfter(now, history.marks.list[0]!.instruction);
}

/** Before the present is left for another point: it has to be found again. */
export function leave(machine: Machine, history: History): void {
  keepPending(machine, history);
  const now = retired(machine.kernel);
  if (now < history.last) return;
  history.last = now;
  keepMark(machine, history, { pinned: markAt(history.marks, now)?.pinned ?? false, tip: true });
}

export function returnTo(machine: Machine, { snapshot, position }: Mark): void {
  const { kernel } = machine;
  const executed = retired(kernel);
  restoreSnapshot(kernel, snapshot);
  machine.takenBack += executed - retired(kernel);
  machine.log.position = position;
}

/** After `restore`, which may lead anywhere: history begins anew, with what the snapshot has of events. */
export function restartHistory(machine: Machine): void {
  const { history, kernel } = machine;
  machine.log = createEventLog();
  if (history === undefined) return;
  const now = retired(kernel);
  removeBehind(history.marks, -1);
  history.last = now;
  history.next = now;
  history.pending = true;
}
