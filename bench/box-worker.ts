/** A process with one box in it, driven by box-process.ts. */
import { readFileSync } from 'node:fs';
import { Box, type Process } from '../index.ts';
import type { BoxReplies, BoxReply, BoxRequest } from './box-process.ts';
import { boxOptions } from './engine.ts';
import { profileSlices } from './profiled-slice.ts';

const FILE = '/program';
let box: Box;
let running: Process;

function run(budget: number): BoxReply {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const { reason, instructions, stdout } = box.run({ until: running, budget });
  const milliseconds = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { reason, instructions, output: stdout.text, milliseconds, cpuMilliseconds: (user + system) / 1000 };
}

async function answer(request: BoxRequest): Promise<BoxReplies[BoxRequest['type']]> {
  switch (request.type) {
    case 'boot':
      box = await Box.boot(boxOptions(request.engine));
      box.files.write(FILE, readFileSync(request.file));
      return null;
    case 'spawn':
      running = box.spawn(FILE, [String(request.units)]);
      return null;
    case 'run':
      return run(request.budget);
    case 'profile':
      return profileSlices(box, running, request.instructions);
  }
}

process.on('message', async (request: BoxRequest) => process.send!(await answer(request)));
