/** What a sample's run is held against: how its first process ended, and the texts it was to bring forth. */
import type { Exit } from '../box/spawn.ts';
import type { Expectation, ExpectedText, TextSource } from './samples.ts';

/** All text of a run, by where it came from. */
export type Texts = Readonly<Record<TextSource, string>>;

export const howItShouldEnd = ({ exitCode, signal }: Expectation): string =>
  signal === undefined ? `exited with ${exitCode}` : `been killed by ${signal}`;

/** Whether the process ended as it should. */
export const endedAsExpected = ({ exitCode, signal }: Expectation, exit: Exit | undefined): boolean =>
  exit !== undefined && (signal === undefined ? exit.exitCode === exitCode : exit.signal === signal);

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);

function disagreement({ in: source, pattern, count }: ExpectedText, texts: Texts): string[] {
  const found = [...texts[source].matchAll(new RegExp(pattern, 'gm'))].length;
  if (count === undefined ? found > 0 : found === count) return [];
  return [
    `${source}: got /${pattern}/ ${times(found)}, expected it ${count === undefined ? 'at least once' : times(count)}`,
  ];
}

/** One line for each text that is not there as often as it should be. */
export const disagreements = ({ texts: expected = [] }: Expectation, texts: Texts): string[] =>
  expected.flatMap((text) => disagreement(text, texts));
