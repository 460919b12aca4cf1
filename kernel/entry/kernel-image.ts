/** The kernel's image for some `.S` files, remembered: assembling it is most of the time that a boot takes. */
import { nativeIds, stubNames } from '../natives.ts';
import { syscallTable } from '../syscalls/index.ts';
import { assembleKernel, type KernelImage, type SourceFile } from './text.ts';

/** images that are kept, the latest last: one kernel's, and those of a few variants of it */
const KEPT = 4;
const images = new Map<string, KernelImage>();

/** Depends on `sources` alone; nobody changes what it returns. Errors: AssemblerError. */
export function kernelImage(sources: readonly SourceFile[]): KernelImage {
  const key = JSON.stringify(sources);
  const image = images.get(key) ?? assembleKernel(sources, syscallTable, stubNames, nativeIds);
  images.delete(key);
  images.set(key, image);
  if (images.size > KEPT) images.delete(images.keys().next().value!);
  return image;
}
