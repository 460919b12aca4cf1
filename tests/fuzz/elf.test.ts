/** Damaged ELF files: see tests/fuzz/README.md. */
import { test } from 'uvu';
import { fuzzTest } from './campaign.ts';

fuzzTest('elf', { quick: 100, outcomes: ['refused', 'runs, budget', 'runs, exited', 'made safe'] });

test.run();
