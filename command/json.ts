/** Events as NDJSON. What is printed depends on the box alone, not on the host's clock. */
import { printableJson } from '../lib/printable.ts';
import type { CommandOutput } from './output.ts';
import type { View } from './view.ts';

/** Goes up when a reader of an older one would be misled. */
export const JSON_SCHEMA = 1;

/** The host's time is left out. Numbers of 64 bits and more are strings: results in decimal, the rest in hexadecimal. */
function encode(key: string, value: unknown): unknown {
  if (key === 'milliseconds' || key === 'compileTime') return undefined;
  if (typeof value === 'bigint') return key === 'result' ? `${value}` : `0x${value.toString(16)}`;
  if (value instanceof Set) return [...value];
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return value;
}

export function createJson(output: CommandOutput): View {
  const line = (record: object): void =>
    output.out(`${printableJson(JSON.stringify({ schema: JSON_SCHEMA, ...record }, encode))}\n`);
  return {
    wantsSyscalls: true,
    event: (event) => line(event.type === 'write' ? { ...event, text: new TextDecoder().decode(event.bytes) } : event),
    instruction: (instruction) => line({ type: 'instruction', ...instruction }),
    finish(summary, { stats, profile }) {
      if (stats !== undefined) line({ type: 'stats', ...stats });
      if (profile !== undefined) line({ type: 'profile', ...profile });
      line({ type: 'summary', ...summary });
      output.flush();
    },
  };
}
