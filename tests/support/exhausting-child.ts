/**
 * A process of its own: runs tests/programs/exhaust in a box of MEBIBYTES and prints, as JSON, what it said and how much memory
 * the host needed for all of it: `exhausting-child.ts MEBIBYTES MODE COUNT`.
 */
import { Box } from '../../index.ts';
import { readRepositoryFile } from './user-machine.ts';

const [mebibytes, ...args] = process.argv.slice(2);
const box = await Box.boot({ memory: Number(mebibytes) << 20 });
box.files.write('/exhaust', readRepositoryFile('tests/programs/bin/exhaust'));
const { reason, exitCode, stdout, stderr } = box.run({ until: box.spawn('/exhaust', args), budget: 400_000_000 });
const { maxRSS } = process.resourceUsage();
console.log(
  JSON.stringify({ reason, exitCode, stdout: stdout.text, stderr: stderr.text, peak: Math.ceil(maxRSS / 1024) }),
);
