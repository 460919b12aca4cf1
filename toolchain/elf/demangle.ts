import { demangleLegacy } from './demangle-legacy.ts';
import { demangleV0 } from './demangle-v0.ts';

/**
 * A readable path for a Rust symbol, v0 (`_R…`, RFC 2603) or legacy (`_ZN…17h<hash>E`), without crate hashes; any other
 * name, and one that does not parse, comes back unchanged. Time and output are bounded.
 */
export function demangle(name: string): string {
  if (name.startsWith('_R')) return demangleV0(name) ?? name;
  if (name.startsWith('_ZN')) return demangleLegacy(name) ?? name;
  return name;
}
