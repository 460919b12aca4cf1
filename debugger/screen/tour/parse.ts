/**
 * A tour is a lecture in Markdown: a title with an introduction, and a section for each place with a heading, a line
 * `stop: …` in the grammar of stops, and paragraphs. See ../README.md.
 */
import { didYouMean } from '../../../toolchain/assembler/did-you-mean.ts';
import { keyNames } from '../keys.ts';
import { panelNames, type PanelName } from '../layout.ts';

export class TourError extends Error {
  override readonly name = 'TourError';
}

export interface TourPlace {
  readonly heading: string;
  /** where it is, in the grammar of stops */
  readonly stop: string;
  /** pressed when it has been reached */
  readonly keys: readonly string[];
  /** the panel beside the lecture */
  readonly show: PanelName | undefined;
  readonly paragraphs: readonly string[];
  /** of its stop, for messages */
  readonly line: number;
}

export interface Tour {
  /** of the file, for messages */
  readonly file: string;
  readonly title: string;
  readonly introduction: readonly string[];
  readonly places: readonly TourPlace[];
}

/** bytes of a lecture: more is none */
const LARGEST = 1 << 20;

const headingLine = /^(#{1,6})\s+(.*?)\s*#*$/;
/** `stop: syscall dup`, as a line of its own or an item of a list, its value in backquotes or not */
const fieldLine = /^(?:[-*]\s+)?(stop|keys|show):\s*(.*)$/;
const fence = /^(```|~~~)/;

interface Section {
  readonly heading: string;
  readonly level: number;
  readonly line: number;
  readonly fields: Map<string, { readonly value: string; readonly line: number }>;
  readonly paragraphs: string[];
}

/** Markdown's signs that a terminal does not need: `code`, **strong**, [text](link). */
export function plainMarkdown(text: string): string {
  return text
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/\*\*([^*]+)\*\*/g, '$1')
    .replaceAll(/(^|[\s(])[*_]([^*_\s](?:[^*_]*[^*_\s])?)[*_](?=[\s).,;:!?]|$)/g, '$1$2')
    .replaceAll('`', '');
}

const unquoted = (value: string): string => /^`([^`]*)`$/.exec(value.trim())?.[1] ?? value.trim();

function sectionsOf(file: string, text: string): Section[] {
  const sections: Section[] = [];
  let fresh = true;
  let fenced = false;
  for (const [n, raw] of text.split('\n').entries()) {
    const line = raw.trimEnd();
    const fail = (message: string): never => {
      throw new TourError(`${file}:${n + 1}: ${message}`);
    };
    const current = sections.at(-1);
    if (fence.test(line)) {
      fenced = !fenced;
      fresh = true;
      continue;
    }
    const heading = fenced ? null : headingLine.exec(line);
    if (heading !== null) {
      const [, signs, words] = heading as unknown as [string, string, string];
      sections.push({
        heading: plainMarkdown(words),
        level: signs.length,
        line: n + 1,
        fields: new Map(),
        paragraphs: [],
      });
      fresh = true;
    } else if (line === '') fresh = true;
    else if (current === undefined) fail('expected a heading first, as `# One injected error`');
    else {
      const field = fenced ? null : fieldLine.exec(line);
      if (field !== null) {
        const [, name, value] = field as unknown as [string, string, string];
        if (current.fields.has(name)) fail(`a second ${name}: in the section of line ${current.line}`);
        if (unquoted(value) === '') fail(`${name}: got nothing, expected a value`);
        current.fields.set(name, { value: unquoted(value), line: n + 1 });
        fresh = true;
      } else if (fenced || fresh) current.paragraphs.push(fenced ? line : plainMarkdown(line.trim()));
      else current.paragraphs.push(`${current.paragraphs.pop()!} ${plainMarkdown(line.trim())}`);
      if (field === null) fresh = fenced;
    }
  }
  return sections;
}

function placeOf(file: string, section: Section): TourPlace {
  const { heading, fields, paragraphs } = section;
  const stop = fields.get('stop');
  if (stop === undefined) {
    throw new TourError(
      `${file}:${section.line}: the place ${JSON.stringify(heading)} has no line stop: …, as \`stop: syscall dup\``,
    );
  }
  const keys = fields.get('keys')?.value.split(/\s+/) ?? [];
  for (const key of keys) {
    if ([...key].length === 1 || keyNames.has(key)) continue;
    const hint = didYouMean(key, keyNames);
    throw new TourError(`${file}:${fields.get('keys')!.line}: there is no key ${JSON.stringify(key)}${hint}`);
  }
  const show = fields.get('show');
  if (show !== undefined && !(panelNames as readonly string[]).includes(show.value)) {
    const hint = didYouMean(show.value, panelNames);
    throw new TourError(
      `${file}:${show.line}: there is no panel ${JSON.stringify(show.value)}${hint}: expected one of ${panelNames.join(', ')}`,
    );
  }
  return {
    heading,
    stop: stop.value,
    keys,
    show: show?.value as PanelName | undefined,
    paragraphs,
    line: stop.line,
  };
}

/** @throws {TourError} with the file and the line */
export function parseTour(file: string, text: string): Tour {
  if (text.length > LARGEST) throw new TourError(`${file}: got ${text.length} characters, expected at most ${LARGEST}`);
  const [first, ...rest] = sectionsOf(file, text.replaceAll('\r\n', '\n'));
  if (first === undefined) throw new TourError(`${file}:1: expected a heading, as \`# One injected error\``);
  if (first.fields.size > 0) {
    throw new TourError(`${file}:${first.line}: the title is no place: expected no stop:, keys: or show: here`);
  }
  if (rest.length === 0) throw new TourError(`${file}: expected a section for each place, as \`## The program asks\``);
  return {
    file,
    title: first.heading,
    introduction: first.paragraphs,
    places: rest.map((section) => placeOf(file, section)),
  };
}
