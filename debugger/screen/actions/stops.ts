/** Keys about stops: added, removed, switched, run to. */
import { DebuggerError } from '../../error.ts';
import { running } from '../motions.ts';
import { placeShown } from '../panels/code.ts';
import type { Motion, View } from '../view.ts';
import { ask, say, wholeNumber } from './ask.ts';

/** A stop at the cursor: removed where there is one, added where there is none. */
export function toggleStop(view: View): void {
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

export function addStop(view: View, text: string): void {
  if (text === '') return;
  const { target, options } = view.debugger.parseStop(text);
  const { id, text: words, addresses } = view.debugger.addStop(target, options);
  const named = target.kind === 'symbol' || target.kind === 'line';
  say(view, `added ${id}: ${words}${named && addresses.length === 0 ? ' (nothing of that name is loaded yet)' : ''}`);
}

export function removeStop(view: View, text: string): void {
  const { debugger: session } = view;
  const ids = text === '*' ? session.stops.map(({ id }) => id) : [wholeNumber(text, 'number of a stop, or *')];
  for (const id of ids) session.removeStop(id);
  say(view, ids.length === 1 ? `removed ${ids[0]}` : `removed ${ids.length} stops`);
}

export function switchStop(view: View, text: string): void {
  const id = wholeNumber(text, 'number of a stop');
  const present = view.debugger.stops.find((stop) => stop.id === id);
  if (present === undefined) throw new DebuggerError('not-there', `there is no stop ${id}`);
  const { enabled } = view.debugger.changeStop(id, { enabled: !present.enabled });
  say(view, `${id} is ${enabled ? 'on' : 'off'}`);
}

export function until(view: View): Motion | undefined {
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
