/** Every fuzzer by its name. Imported when it is used: each brings a part of the project with it. */
import type { Fuzzer } from './fuzzer.ts';

export const fuzzers: Readonly<Record<string, () => Promise<Fuzzer>>> = {
  'system-calls': async () => (await import('./system-calls.ts')).systemCalls,
  'kernel-mode': async () => (await import('./kernel-mode.ts')).kernelMode,
  assembly: async () => (await import('./assembly.ts')).assembly,
  'saved-boxes': async () => (await import('./saved-boxes.ts')).savedBoxes,
  trouble: async () => (await import('./trouble.ts')).trouble,
  elf: async () => (await import('./elf.ts')).elf,
};

export async function fuzzerOf(name: string): Promise<Fuzzer> {
  const load = Object.hasOwn(fuzzers, name) ? fuzzers[name] : undefined;
  if (load === undefined) throw new Error(`no fuzzer ${name}: there are ${Object.keys(fuzzers).join(', ')}`);
  return load();
}
