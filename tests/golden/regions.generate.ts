/** Writes regions.wat: `npx tsx tests/golden/regions.generate.ts`. */
import { writeFileSync } from 'node:fs';
import { goldenRegions } from '../support/region-text.ts';

writeFileSync(new URL('regions.wat', import.meta.url), goldenRegions());
