/** Scripts and tours as files: what is read, and what is said of what is wrong. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readHostFile, sampleNames, samplesDirectory } from '../box/host-files.ts';
import { parseScript, ScriptError } from '../debugger/screen/script.ts';
import { parseTour, plainMarkdown, TourError } from '../debugger/screen/tour/parse.ts';

const says =
  (kind: new (message: string) => Error, ...words: readonly string[]) =>
  (error: unknown): boolean =>
    error instanceof kind && words.every((word) => error.message.includes(word));

test('a script is a step a line', () => {
  const script = '# a comment\n\nsize 100 30\nkeys s 3*n enter\n  type rax == -22 \nscreen first\nexpect two words\n';
  assert.equal(parseScript('x', script), [
    { kind: 'size', columns: 100, rows: 30, line: 3 },
    { kind: 'keys', keys: ['s', 'n', 'n', 'n', 'enter'], line: 4 },
    { kind: 'type', text: 'rax == -22', line: 5 },
    { kind: 'screen', name: 'first', line: 6 },
    { kind: 'expect', text: 'two words', line: 7 },
  ]);
});

test('what is wrong with a script is said with its line', () => {
  const wrong: readonly (readonly [script: string, ...words: string[]])[] = [
    ['keys s\nsceen a', 'x:2', '"sceen"', 'screen'],
    ['size 80', 'x:1', 'expected as 80 24'],
    ['size 0 24', 'x:1', 'expected 1 to'],
    ['size 80 99999', 'x:1', 'expected 1 to'],
    ['keys', 'x:1', 'expected names of keys'],
    ['keys enterr', 'x:1', '"enterr"', 'enter'],
    ['keys 999999999*s', 'x:1', 'at most'],
    ['screen', 'x:1', 'expected a name'],
    ['\n\nexpect', 'x:3', 'expected a text'],
    ['constructor a', 'x:1', 'unknown word'],
  ];
  for (const [script, ...words] of wrong) assert.throws(() => parseScript('x', script), says(ScriptError, ...words));
});

const lecture = `# Title of *it*

Introduction in
two lines.

Another paragraph.

## First \`place\`

stop: syscall dup
keys: S 2 n
show: story

Text with **strong** words
and [a link](https://example.com).

## Second

- stop: \`program err_injector if pid == 2\`

\`\`\`
code  as it is
stop: not a field
\`\`\`
`;

test('a tour is a title, and places with a stop and paragraphs', () => {
  assert.equal(parseTour('tour.md', lecture), {
    file: 'tour.md',
    title: 'Title of it',
    introduction: ['Introduction in two lines.', 'Another paragraph.'],
    places: [
      {
        heading: 'First place',
        stop: 'syscall dup',
        keys: ['S', '2', 'n'],
        show: 'story',
        paragraphs: ['Text with strong words and a link.'],
        line: 10,
      },
      {
        heading: 'Second',
        stop: 'program err_injector if pid == 2',
        keys: [],
        show: undefined,
        paragraphs: ['code  as it is', 'stop: not a field'],
        line: 19,
      },
    ],
  });
  assert.equal(parseTour('t', lecture.replaceAll('\n', '\r\n')).places.length, 2);
});

test('names with underscores are no emphasis', () => {
  assert.is(plainMarkdown('pid_to_errno and _this_ and do_syscall_64'), 'pid_to_errno and this and do_syscall_64');
  assert.is(plainMarkdown('a * b * c'), 'a * b * c');
});

test('what is wrong with a tour is said with its line', () => {
  const wrong: readonly (readonly [tour: string, ...words: string[]])[] = [
    ['', 't:1', 'expected a heading'],
    ['text first', 't:1', 'expected a heading first'],
    ['# only a title', 't', 'a section for each place'],
    ['# t\nstop: panic\n## p\nstop: panic', 't:1', 'no place'],
    ['# t\n\n## p\n\nno stop', 't:3', '"p"', 'stop:'],
    ['# t\n## p\nstop: a\nstop: b', 't:4', 'second stop'],
    ['# t\n## p\nstop:', 't:3', 'got nothing'],
    ['# t\n## p\nstop: a\nkeys: entre', 't:4', '"entre"'],
    ['# t\n## p\nstop: a\nshow: strory', 't:4', '"strory"', 'story'],
  ];
  for (const [tour, ...words] of wrong) assert.throws(() => parseTour('t', tour), says(TourError, ...words));
});

test('any text is a tour, a script, or a typed error', () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom('# t', '## p', 'stop: a', 'keys: s', 'show: maps', '```', 'size 80 24', 'keys s', 'screen a', ''),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      for (const [parse, kind] of [
        [parseTour, TourError],
        [parseScript, ScriptError],
      ] as const) {
        try {
          parse('x', lines.join('\n'));
        } catch (error) {
          assert.instance(error, kind);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('the tours of the samples are read', () => {
  const toured = sampleNames().flatMap((name) => {
    try {
      return [[name, new TextDecoder().decode(readHostFile(new URL(`${name}/tour.md`, samplesDirectory)))] as const];
    } catch {
      return [];
    }
  });
  assert.equal(
    toured.map(([name]) => name),
    ['error_injector', 'panic'],
  );
  for (const [name, text] of toured) assert.is(parseTour(name, text).places.length, 10, name);
});

test.run();
