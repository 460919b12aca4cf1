/** The tours of samples as a terminal shows them: golden data, and what is held against it. */
import { readHostFile, samplesDirectory } from '../../box/host-files.ts';
import { ENTER, paint } from '../../debugger/screen/painter.ts';
import type { Screen } from '../../debugger/screen/screen.ts';
import { parseTour, type Tour } from '../../debugger/screen/tour/parse.ts';
import { createHeadlessTerminal } from './headless-terminal.ts';
import { press, sampleScreen } from './screens.ts';

export const tourSamples = ['error_injector', 'panic'] as const;
export const tourSizes = [
  [80, 24],
  [200, 60],
] as const;
export type TourSize = (typeof tourSizes)[number];

export const goldenFile = (name: string, [columns, rows]: TourSize): URL =>
  new URL(`../golden/screens/${name}-${columns}x${rows}.txt`, import.meta.url);

export function sampleTour(name: string): Tour {
  return parseTour(
    `${name}/tour.md`,
    new TextDecoder().decode(readHostFile(new URL(`${name}/tour.md`, samplesDirectory))),
  );
}

/** By a terminal emulator, without spaces at the ends of lines. */
async function terminalText(screen: Screen, [columns, rows]: TourSize): Promise<string> {
  const terminal = createHeadlessTerminal(columns, rows);
  screen.resize(columns, rows);
  await terminal.write(ENTER + paint(undefined, screen.draw(), { look: 'colour' }));
  const text = terminal.text().join('\n');
  terminal.terminal.dispose();
  return text;
}

/** Every place of a sample's tour in every size: in the small one the lecture, then the panel that it points to. */
export async function tourScreens(name: string): Promise<ReadonlyMap<TourSize, string>> {
  const { screen } = await sampleScreen(name, { tour: sampleTour(name), colours: false });
  const texts = new Map(tourSizes.map((size) => [size, '']));
  const add = async (size: TourSize, title: string): Promise<void> => {
    const text = await terminalText(screen, size);
    texts.set(size, `${texts.get(size)}=== ${title}\n${text}\n`);
  };
  for (let place = 0; place <= sampleTour(name).places.length; place++) {
    screen.resize(80, 24);
    if (place > 0) press(screen, 'space');
    const [small, large] = tourSizes;
    /* oxlint-disable no-await-in-loop */
    await add(small, `place ${place}`);
    await add(large, `place ${place}`);
    screen.resize(80, 24);
    press(screen, 'enter');
    await add(small, `place ${place}: ${screen.view.tab}`);
    /* oxlint-enable no-await-in-loop */
  }
  return texts;
}
