/** What closing the last descriptor of a bpf object does. */
import type { FileKind, FileOperations } from '../fs/types.ts';
import { putLink } from './links.ts';
import { putMap } from './maps.ts';
import { putProgram } from './programs.ts';

export const bpfFileKinds: Readonly<Partial<Record<FileKind, FileOperations>>> = {
  'bpf-map': { release: (kernel, file) => putMap(kernel, file.object) },
  'bpf-prog': { release: (kernel, file) => putProgram(kernel, file.object) },
  bpf_link: { release: (kernel, file) => putLink(kernel, file.object) },
};
