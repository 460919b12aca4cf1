/** Random and mutated `.S` sources: see tests/fuzz/README.md. */
import { test } from 'uvu';
import { fuzzTest } from './campaign.ts';

fuzzTest('assembly', { quick: 300, outcomes: ['assembled', 'refused', 'boots, idle', 'boots, dead'] });

test.run();
