/** The tours: their places are reached, forwards, back and from anywhere between; the screens there are the golden ones. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readHostFile } from '../box/host-files.ts';
import { parseTour, TourError } from '../debugger/screen/tour/parse.ts';
import { lowest, press, sampleScreen, shown, type } from './support/screens.ts';
import { goldenFile, sampleTour, tourSamples, tourScreens } from './support/tour-screens.ts';

for (const name of tourSamples) {
  test(`the screens of the tour of ${name}`, async () => {
    for (const [size, text] of await tourScreens(name)) {
      const golden = new TextDecoder().decode(readHostFile(goldenFile(name, size)));
      const made = text.split('\n');
      const difference = golden.split('\n').findIndex((line, n) => line !== made[n]);
      const hint = `${goldenFile(name, size).pathname}:${difference + 1}: npx tsx tests/golden/screens/screens.generate.ts`;
      assert.is(made[difference], golden.split('\n')[difference], hint);
      assert.is(made.length, golden.split('\n').length, hint);
    }
  });
}

test('from place to place and back, wherever one has been between', async () => {
  const tour = sampleTour('error_injector');
  const { screen, session } = await sampleScreen('error_injector', { tour });
  const places: number[] = [];
  for (let n = 0; n < 10; n++) {
    press(screen, 'space');
    assert.is(screen.view.tour!.at, n);
    places.push(session.rest.instruction);
    // on, and not back
    press(screen, ...'3s'.split(''));
  }
  assert.equal(
    [...places].sort((left, right) => left - right),
    places,
  );
  for (let n = 8; n >= 0; n--) {
    press(screen, 'backspace');
    assert.is(session.rest.instruction, places[n]);
  }
  press(screen, 'backspace');
  assert.match(lowest(screen), /no place before this one/);
  press(screen, 'S', 'S', 'space');
  assert.is(session.rest.instruction, places[1]);
  press(screen, ...'40s'.split(''), 'space');
  assert.is(session.rest.instruction, places[2]);
  assert.equal(session.stops, []);
});

test('the end of a tour is said, and the output is what the program says', async () => {
  const { screen } = await sampleScreen('error_injector', { tour: sampleTour('error_injector') });
  for (let n = 0; n < 11; n++) press(screen, 'space');
  assert.match(lowest(screen), /the last place of the tour/);
  press(screen, 'c');
  screen.view.tab = 'output';
  assert.match(shown(screen).join('\n'), /2 dup: Invalid argument\n3 dup: success/);
});

test('a stop of the viewer comes before the place; the next space leads on', async () => {
  const { screen, session } = await sampleScreen('error_injector', { tour: sampleTour('error_injector') });
  press(screen, 'space', ':');
  type(screen, 'do_syscall_64');
  press(screen, 'space', 'space');
  assert.is(session.describe(session.rest.rip).symbol, 'do_syscall_64');
  assert.is(screen.view.tour!.at, 1);
  press(screen, 'space');
  assert.is(screen.view.tour!.at, 2);
});

const small = (stop: string): string => `# t\n\n## somewhere\n\nstop: ${stop}\n`;

test('a place that is never reached, and a stop that is none', async () => {
  const unreached = parseTour('tour.md', small('helper bpf_ktime_get_ns'));
  const { screen } = await sampleScreen('hello', { tour: unreached });
  press(screen, 'space');
  screen.resize(200, 24);
  assert.match(lowest(screen), /tour\.md:5: somewhere: not reached: helper bpf_ktime_get_ns: nothing can run any more/);
  for (const stop of ['syscall dpu', 'main.rs:19 if (', 'write', 'register raxx']) {
    // oxlint-disable-next-line no-await-in-loop
    const outcome = await sampleScreen('hello', { tour: parseTour('tour.md', small(stop)) }).then(
      (made) => {
        press(made.screen, 'space');
        return made.screen.view.message?.text ?? '';
      },
      (error: unknown) => {
        assert.instance(error, TourError);
        return (error as Error).message;
      },
    );
    assert.match(outcome, /tour\.md:5: somewhere: stop: /, stop);
  }
});

test.run();
