/** Where execution is to come to rest. */
import { line, span, type Line } from '../style.ts';
import { printable } from '../../../lib/printable.ts';
import { count, type Panel } from './panel.ts';

export const stopsPanel: Panel = {
  name: 'stops',
  title: ({ debugger: session }) => (session.stops.length === 0 ? '' : count(session.stops.length, 'stop')),
  lines({ debugger: session }) {
    if (session.stops.length === 0) return [line('none: . sets one here, : asks for one', 'dim')];
    const hit = session.rest.stop?.id;
    return session.stops.map((stop): Line => {
      const isAddress = ['address', 'symbol', 'line'].includes(stop.target.kind);
      const state = stop.enabled ? (isAddress && stop.addresses.length === 0 ? ' (not loaded yet)' : '') : ' (off)';
      const hits = stop.hits === 0 ? '' : `  ${count(stop.hits, 'hit')}`;
      return [
        span(stop.id === hit ? '>' : ' ', 'current'),
        span(`${stop.id} `, 'stop'),
        span(printable(stop.text)),
        span(`${state}${hits}`, 'dim'),
      ];
    });
  },
};
