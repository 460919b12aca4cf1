/** Every panel by name. */
import type { PanelName } from '../layout.ts';
import { codePanel } from './code.ts';
import { logPanel } from './log.ts';
import { mapsPanel } from './maps.ts';
import { memoryPanel } from './memory.ts';
import { outputPanel } from './output.ts';
import type { Panel } from './panel.ts';
import { registersPanel } from './registers.ts';
import { sourcePanel } from './source.ts';
import { stackPanel } from './stack.ts';
import { stopsPanel } from './stops.ts';
import { storyPanel } from './story.ts';
import { tasksPanel } from './tasks.ts';
import { tourPanel } from './tour.ts';

export const panels: Readonly<Record<PanelName, Panel>> = {
  code: codePanel,
  source: sourcePanel,
  registers: registersPanel,
  stack: stackPanel,
  memory: memoryPanel,
  story: storyPanel,
  maps: mapsPanel,
  stops: stopsPanel,
  log: logPanel,
  output: outputPanel,
  tasks: tasksPanel,
  tour: tourPanel,
};
