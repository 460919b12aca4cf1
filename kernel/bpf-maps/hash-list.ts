/** The elements of a hash by key, and in a list by age. */
import type { MapData } from './types.ts';

type HashData = Extract<MapData, { kind: 'hash' }>;

/** bytes that are arguments of one call; a host's stack has room for many more */
const PIECE = 4096;
const characters = (bytes: Uint8Array): string =>
  // not spread, which takes four times as long for short keys
  String.fromCharCode.apply(null, bytes as unknown as number[]);

export function keyString(key: Uint8Array): string {
  if (key.length <= PIECE) return characters(key);
  let text = '';
  for (let at = 0; at < key.length; at += PIECE) text += characters(key.subarray(at, at + PIECE));
  return text;
}

export const keyBytes = (key: string): Uint8Array => Uint8Array.from(key, (character) => character.charCodeAt(0));

/** The newest element from now on. */
export function append(data: HashData, key: string, address: bigint): void {
  const { newest } = data;
  data.elements.set(key, { address, serial: data.nextSerial++, referenced: false, older: newest, newer: undefined });
  if (newest === undefined) data.oldest = key;
  else data.elements.get(newest)!.newer = key;
  data.newest = key;
}

export function unlink(data: HashData, key: string): void {
  const { older, newer } = data.elements.get(key)!;
  if (older === undefined) data.oldest = newer;
  else data.elements.get(older)!.newer = newer;
  if (newer === undefined) data.newest = older;
  else data.elements.get(newer)!.older = older;
  data.elements.delete(key);
}

/** The oldest element that nothing has used since it was last passed over; one that was used becomes the newest. */
export function oldestUnused(data: HashData): string | undefined {
  for (let key = data.oldest; key !== undefined; key = data.oldest) {
    const { address, referenced } = data.elements.get(key)!;
    if (!referenced) return key;
    unlink(data, key);
    append(data, key, address);
  }
  return undefined;
}
