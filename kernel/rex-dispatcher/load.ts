/** BPF_PROG_LOAD_REX_BASE and BPF_PROG_LOAD_REX: from a file to programs that can be attached. */
import type { Cpu } from '../../cpu/cpu.ts';
import { addImageSymbols, holdProgram, createProgram, forgetImageSymbols, putProgram } from '../bpf/programs.ts';
import { putMap } from '../bpf/maps.ts';
import type { BpfProgram } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import { now, type Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { lookupName } from '../symbols.ts';
import { freeImage, insideImage, placeImage, planImage, type RexImage } from './image.ts';
import { dropFile, keepFile } from './kept-file.ts';
import { relocate, resolveImports, resolveMaps } from './relocate.ts';
import type { RexBaseRequest, RexProgramRequest, Rows } from './request.ts';
import { imageTag, textSymbols } from './text-symbols.ts';

/** What a base runs: `base-program.S`. */
const BASE_FUNCTION = 'rex_base_func';

/** Program types that a Rex object may hold. */
const programTypes: ReadonlySet<number> = new Set([
  constants.BPF_PROG_TYPE_KPROBE,
  constants.BPF_PROG_TYPE_SCHED_CLS,
  constants.BPF_PROG_TYPE_TRACEPOINT,
  constants.BPF_PROG_TYPE_XDP,
  constants.BPF_PROG_TYPE_PERF_EVENT,
]);

/** One row a slot of the image at most; E2BIG. */
function readRows<Row>(image: RexImage, rows: Rows<Row>): Iterable<Row> {
  return rows.count > BigInt(image.size / 8) ? fail('E2BIG') : rows.read();
}

const timeOf = (kernel: Kernel, cpu: Cpu | undefined): bigint =>
  cpu === undefined ? kernel.roundStart : now(kernel, cpu);

function finishBase(
  kernel: Kernel,
  cpu: Cpu | undefined,
  request: RexBaseRequest,
  { file, image }: { readonly file: Uint8Array; readonly image: RexImage },
  maps: number[],
): BpfProgram {
  const tag = imageTag(image.address);
  if (request.maps.count >= BigInt(constants.MAX_USED_MAPS)) fail('EINVAL');
  resolveMaps(kernel, image, request, maps);
  relocate(kernel, image, readRows(image, request.relocations));
  resolveImports(kernel, cpu, image, readRows(image, request.imports));
  addImageSymbols(kernel, textSymbols(image, tag, readRows(image, request.functions)));
  const kept = keepFile(kernel, file);
  try {
    return createProgram(kernel, {
      type: constants.BPF_PROG_TYPE_REX_BASE,
      name: request.name,
      gplCompatible: request.gplCompatible,
      loadedAt: timeOf(kernel, cpu),
      function: lookupName(kernel.symbols, BASE_FUNCTION),
      base: undefined,
      image: { ...image, file: kept },
      tag,
      maps,
      loaderPid: request.loaderPid,
      timeoutHandler: 0n,
    });
  } catch (error) {
    dropFile(kernel, kept);
    throw error;
  }
}

/**
 * Loads an image: a program of type REX_BASE with the caller's reference. On failure nothing of it is left.
 * Errors, in the order of the checks: EINVAL without functions; the file's, EIO, EINVAL, ENOMEM; EINVAL for 64 maps,
 * EFAULT, EBADF; EINVAL for a relocation other than RELATIVE, an unknown symbol or an offset outside the image;
 * E2BIG for a name of 512 bytes or a list longer than the image has slots.
 */
export function loadRexBase(kernel: Kernel, cpu: Cpu | undefined, request: RexBaseRequest): BpfProgram {
  if (request.functions.count === 0n) fail('EINVAL');
  const file = request.file();
  const image = placeImage(kernel, planImage(file));
  const maps: number[] = [];
  try {
    return finishBase(kernel, cpu, request, { file, image }, maps);
  } catch (error) {
    forgetImageSymbols(kernel, image);
    for (const map of maps) putMap(kernel, map);
    freeImage(kernel, image);
    throw error;
  }
}

/** EINVAL for a type that Rex has no programs of. */
export function checkRexProgramType(type: number): void {
  if (!programTypes.has(type)) fail('EINVAL');
}

/**
 * Makes a program of an entry in a base's image, with the caller's reference; it holds the base.
 * Errors: EINVAL for another type, a base that is none, or an offset outside its image; ENOMEM.
 */
export function loadRexProgram(
  kernel: Kernel,
  cpu: Cpu | undefined,
  base: BpfProgram,
  request: RexProgramRequest,
): BpfProgram {
  checkRexProgramType(request.type);
  const { image } = base;
  if (base.type !== constants.BPF_PROG_TYPE_REX_BASE || image === undefined) return fail('EINVAL');
  if (!insideImage(image, request.offset, 1) || !insideImage(image, request.timeoutOffset, 1)) fail('EINVAL');
  holdProgram(base);
  try {
    return createProgram(kernel, {
      type: request.type,
      name: request.name,
      gplCompatible: request.gplCompatible,
      loadedAt: timeOf(kernel, cpu),
      function: image.address + request.offset,
      base: base.id,
      image: undefined,
      tag: base.tag,
      maps: [],
      loaderPid: request.loaderPid,
      timeoutHandler: image.address + request.timeoutOffset,
    });
  } catch (error) {
    putProgram(kernel, base.id);
    throw error;
  }
}
