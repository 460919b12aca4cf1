/** npx tsx tests/golden/screens/screens.generate.ts: writes the screens of the tours anew. To be read before it is committed. */
import { writeFileSync } from 'node:fs';
import { goldenFile, tourSamples, tourScreens } from '../../support/tour-screens.ts';

for (const name of tourSamples) {
  // oxlint-disable-next-line no-await-in-loop
  for (const [size, text] of await tourScreens(name)) writeFileSync(goldenFile(name, size), text);
}
