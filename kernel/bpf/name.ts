import { fail } from '../errno.ts';
import { latin1Text } from '../fs/bytes.ts';

/** bpf_obj_name_cpy: up to 15 of [A-Za-z0-9_.] before a NUL, and nothing after it; EINVAL. */
export function objectName(field: Uint8Array): string {
  const end = field.indexOf(0);
  const text = latin1Text(field.subarray(0, Math.max(end, 0)));
  if (end < 0 || !/^[A-Za-z0-9_.]*$/.test(text) || field.subarray(end).some((byte) => byte !== 0)) fail('EINVAL');
  return text;
}

export const nameBytes = (name: string): Uint8Array => Uint8Array.from(name, (character) => character.charCodeAt(0));
