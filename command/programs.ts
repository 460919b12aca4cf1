/** The programs in the samples' images: what the images and their manifests say, without running them. */
import { HostFileError, Largest, readHostFile } from '../box/host-file.ts';
import { sampleFile, sampleNames } from '../box/host-files.ts';
import { constants } from '../kernel/layout/constants.ts';
import { readRexObject, RexObjectError, type RexObject } from '../kernel/rex-dispatcher/rex-object.ts';
import { ElfError } from '../toolchain/elf/index.ts';
import { cannotLoad, readSampleFile } from './samples.ts';

/** `kprobe` for 2: the names of the constants without their prefix. */
export const programTypeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(constants)
    .filter(([name]) => name.startsWith('BPF_PROG_TYPE_'))
    .map(([name, number]) => [Number(number), name.slice('BPF_PROG_TYPE_'.length).toLowerCase()]),
);

export interface SampleProgram {
  readonly sample: string;
  readonly program: string;
  /** as `kprobe/__x64_sys_dup` */
  readonly section: string;
  readonly type: string;
  /** `static 224 bytes`, or `run-time checks: ` and why */
  readonly stack: string;
}

/** Of a manifest, what is read here. */
interface Manifest {
  readonly rust?: {
    readonly outputs: Readonly<Record<string, string>>;
    readonly stack?: Readonly<Record<string, string>>;
  };
}

function manifestOf(sample: string): Manifest {
  try {
    const bytes = readHostFile(sampleFile(sample, 'manifest.json'), Largest.text);
    return JSON.parse(new TextDecoder().decode(bytes)) as Manifest;
  } catch (error) {
    // a sample that runs another one's image
    if (error instanceof HostFileError && error.fault === 'missing') return {};
    throw error instanceof SyntaxError ? cannotLoad(sample, `manifest.json: ${error.message}`) : error;
  }
}

function readObject(sample: string, file: string): RexObject {
  try {
    return readRexObject(readSampleFile(sample, file));
  } catch (error) {
    if (!(error instanceof ElfError) && !(error instanceof RexObjectError)) throw error;
    throw cannotLoad(sample, `${file}: not a Rex object: ${error.message}`);
  }
}

function programsOf(sample: string): SampleProgram[] {
  const { rust } = manifestOf(sample);
  return Object.keys(rust?.outputs ?? {}).flatMap((path) => {
    const { programs, functions } = readObject(sample, path.replace(`samples/${sample}/`, ''));
    // the kernel's names of programs are cut; those of functions are whole
    const names = new Map(functions.map(({ offset, name }) => [offset, name]));
    return programs.map(({ name: cut, offset, section, type }) => {
      const name = names.get(offset) ?? cut;
      return {
        sample,
        program: name,
        section,
        type: programTypeNames.get(type) ?? `${type}`,
        stack: rust?.stack?.[name]?.replace(/^static bound /, 'static ') ?? 'unknown: not in the manifest',
      };
    });
  });
}

/** Every program of every sample, by the samples' names and the images' order. */
export const samplePrograms = (): SampleProgram[] => sampleNames().flatMap(programsOf);
