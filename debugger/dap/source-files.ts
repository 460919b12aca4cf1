/**
 * Sources as the client has them: files on its disk where their text is what was compiled; else the debugger's text under
 * a number, as of what the kernel prints from tables.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Debugger } from '../types.ts';
import type { HostSources } from './session.ts';

/** files that are remembered: more than debug information of any program has */
const MOST = 100_000;

export interface SourceFiles {
  /** `file` is what debug information calls it. */
  describe(file: string): DebugProtocol.Source;
  /** What debug information calls it: `main.rs` or the end of its path. Undefined for a source that is none. */
  nameOf(source: { readonly path: string | undefined; readonly reference: number }): string | undefined;
  /** Undefined where there is none. */
  textOf(reference: number): string | undefined;
}

const lastPart = (file: string): string => file.slice(file.lastIndexOf('/') + 1);

export function createSourceFiles(host: Debugger, disk: HostSources): SourceFiles {
  const described = new Map<string, DebugProtocol.Source>();
  /** by reference - 1 */
  const referenced: string[] = [];

  const describeNew = (file: string): DebugProtocol.Source => {
    const name = lastPart(file);
    const text = host.sourceText(file);
    const path = disk.pathOf(file, text);
    if (path !== undefined) return { name, path };
    if (text === undefined) return { name, origin: `${file} is not at hand`, presentationHint: 'deemphasize' };
    referenced.push(file);
    return { name, sourceReference: referenced.length, origin: file };
  };
  return {
    describe(file) {
      const known = described.get(file);
      if (known !== undefined) return known;
      const source = describeNew(file);
      if (described.size < MOST) described.set(file, source);
      return source;
    },
    nameOf: ({ path, reference }) =>
      reference > 0 ? referenced[reference - 1] : path === undefined || path === '' ? undefined : disk.nameOf(path),
    textOf(reference) {
      const file = referenced[reference - 1];
      return file === undefined ? undefined : host.sourceText(file);
    },
  };
}
