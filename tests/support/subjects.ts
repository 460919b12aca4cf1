/** Boxes with something to run in them, for properties of time. */
import * as fc from 'fast-check';
import { readHostFile } from '../../box/host-files.ts';
import { Box, type BoxOptions } from '../../index.ts';
import { bootSample, type SampleBox } from './samples.ts';

export interface Subject {
  readonly name: string;
  readonly boot: (options: BoxOptions) => Promise<SampleBox>;
}

export const programFile = (name: string): Uint8Array =>
  readHostFile(new URL(`../programs/bin/${name}`, import.meta.url));

const sample = (name: string): Subject => ({ name, boot: (options) => bootSample(name, [], options) });

/** A program of tests/programs. */
export const programSubject = (name: string): Subject => ({
  name,
  async boot(options) {
    const box = await Box.boot(options);
    box.files.write('/program', programFile(name));
    return { box, process: box.spawn('/program') };
  },
});

export const subjects: readonly Subject[] = [sample('error_injector'), sample('panic'), programSubject('hello')];

/** A subject and the box that it runs in. */
export const scenarios = fc
  .record({
    subject: fc.constantFrom(...subjects),
    engine: fc.constantFrom('interpreter' as const, 'translator' as const),
    cpus: fc.integer({ min: 1, max: 3 }),
    schedule: fc.option(fc.nat(1000), { nil: undefined }),
  })
  .map(({ subject, engine, cpus, schedule }) => ({
    subject,
    options: {
      memory: 16 << 20,
      engine,
      cpus,
      translator: { threshold: 100 },
      ...(schedule === undefined ? {} : { schedule }),
    } satisfies BoxOptions,
    toString: () => `${subject.name}, ${engine}, ${cpus} CPUs, schedule ${schedule}`,
  }));
