/** Random machine code in kernel mode: see tests/fuzz/README.md. */
import { test } from 'uvu';
import { fuzzTest } from './campaign.ts';

fuzzTest('kernel-mode', { quick: 100, outcomes: ['budget', 'dead'] });

test.run();
