/** Random system calls of several tasks: see tests/fuzz/README.md. */
import { test } from 'uvu';
import { fuzzTest } from './campaign.ts';

fuzzTest('system-calls', { quick: 100, outcomes: ['idle', 'budget'] });

test.run();
