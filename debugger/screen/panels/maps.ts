/** Maps of extensions and their elements, as a system call would read them: looking changes nothing. */
import { operationsOf } from '../../../kernel/bpf-maps/index.ts';
import { readElement } from '../../../kernel/bpf/map-access.ts';
import type { BpfMap } from '../../../kernel/bpf/types.ts';
import { Errno } from '../../../kernel/errno.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import { line, span, type Line } from '../style.ts';
import { printable } from '../../../lib/printable.ts';
import { count, hex, type Panel } from './panel.ts';

/** of one map */
const MOST_ELEMENTS = 64;
/** bytes of a key or value */
const MOST_BYTES = 32;
/** bytes of what is shown as one number */
const NUMBER_SIZES: readonly number[] = [1, 2, 4, 8];

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** A number of a usual size in decimal (signed where that is shorter), other bytes in hexadecimal. */
export function cellText(bytes: Uint8Array): string {
  if (!NUMBER_SIZES.includes(bytes.length)) {
    const shown = [...bytes.subarray(0, MOST_BYTES)].map((byte) => hex(BigInt(byte), 2)).join(' ');
    return bytes.length > MOST_BYTES ? `${shown} … (${bytes.length} bytes)` : shown;
  }
  const unsigned = numberOf(bytes);
  const signed = BigInt.asIntN(bytes.length * 8, unsigned);
  return signed < 0n && signed > -65536n ? `${signed}` : unsigned > 0xffffffn ? `0x${hex(unsigned)}` : `${unsigned}`;
}

/** What the kernel answers; undefined for an errno. */
export function answer<Result>(question: () => Result): Result | undefined {
  try {
    return question();
  } catch (error) {
    if (error instanceof Errno) return undefined;
    throw error;
  }
}

function elementLines(kernel: Kernel, map: BpfMap): Line[] {
  const lines: Line[] = [];
  const operations = operationsOf(map);
  if (map.keySize === 0) {
    const value = answer(() => readElement(kernel, map, new Uint8Array(0)));
    return value === undefined ? [] : [[span('   next '), span(cellText(value), 'string')]];
  }
  let key: Uint8Array | undefined;
  let zeros = 0;
  for (let n = 0; n < Math.min(map.maxEntries, MOST_ELEMENTS); n++) {
    const before: Uint8Array | undefined = key;
    key = answer(() => operations.nextKey(kernel, map, before));
    if (key === undefined) break;
    const at = key;
    const value = answer(() => readElement(kernel, map, at));
    // of an array, what nobody has written is not worth a line
    if (value === undefined || (map.data.kind !== 'hash' && value.every((byte) => byte === 0))) zeros++;
    else lines.push([span(`   [${cellText(at)}] = `), span(cellText(value), 'string')]);
  }
  if (zeros > 0 && lines.length === 0) lines.push(line('   all zero', 'dim'));
  return lines;
}

const typeName = (map: BpfMap): string => operationsOf(map).name;

/** Every map: a line of its own, then its elements. */
export function mapLines(kernel: Kernel): Line[] {
  const maps = [...kernel.bpf.maps.values()];
  if (maps.length === 0) return [line('there is no map', 'dim')];
  return maps.flatMap((map): Line[] => [
    [
      span(`${map.id} ${printable(map.name)} `, 'strong'),
      span(`${typeName(map)}, key ${map.keySize}, value ${map.valueSize}, at most ${map.maxEntries}`, 'dim'),
    ],
    ...elementLines(kernel, map),
  ]);
}

export const mapsPanel: Panel = {
  name: 'maps',
  title: ({ debugger: session }) => count(session.box.kernel.bpf.maps.size, 'map'),
  lines: ({ debugger: session }) => mapLines(session.box.kernel),
};
