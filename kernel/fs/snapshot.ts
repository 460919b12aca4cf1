/** Texts that open files keep: a generated file's as of open, the rest of a line of trace_pipe. */
import type { Kernel } from '../kernel.ts';
import { charge, uncharge } from '../mm/charge.ts';
import type { OpenFile } from './types.ts';

/** `file` keeps `text` in the place of what it kept. ENOMEM. */
export function setSnapshot(kernel: Kernel, file: OpenFile, text: Uint8Array | undefined): void {
  const more = (text?.length ?? 0) - (file.snapshot?.length ?? 0);
  if (more > 0) charge(kernel, more);
  else uncharge(kernel, -more);
  file.snapshot = text;
}
