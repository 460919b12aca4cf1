/** The grade of a job whose sample asks for one. */
import { readDispatcher, withDispatcher } from './dispatcher-source.ts';
import type { Job } from './job.ts';
import type { Options } from './options.ts';

export interface Grade {
  readonly lines: readonly string[];
  readonly passed: boolean;
}

/** Undefined when nothing is graded. @throws {CommandError} */
export async function gradeJob({ sample }: Job, { dispatcher }: Options): Promise<Grade | undefined> {
  if (sample?.grade === undefined) return undefined;
  const { describeGrade, gradeDispatcher } = await import('./grade-dispatcher.ts');
  const graded = await withDispatcher(dispatcher, () => gradeDispatcher(readDispatcher(dispatcher)));
  return {
    lines: describeGrade(dispatcher ?? 'rex_64.S', graded),
    passed: graded.every(({ violations }) => violations.length === 0),
  };
}
