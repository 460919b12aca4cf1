/** Damaged files of saved boxes: see tests/fuzz/README.md. */
import { test } from 'uvu';
import { fuzzTest } from './campaign.ts';

fuzzTest('saved-boxes', { quick: 100, outcomes: ['malformed', 'runs, budget'] });

test.run();
