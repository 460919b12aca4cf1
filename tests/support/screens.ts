/** Screens of the debugger over samples, without a terminal. */
import { openDebugger } from '../../debugger/debugger.ts';
import { packageSources } from '../../debugger/host/source-files.ts';
import { gridText } from '../../debugger/screen/grid.ts';
import { createScreen, type Screen, type ScreenOptions } from '../../debugger/screen/screen.ts';
import { pressAndWait } from '../../debugger/screen/script.ts';
import type { Debugger } from '../../debugger/types.ts';
import { Box, type BoxOptions } from '../../index.ts';
import { bootSample } from './samples.ts';

/** smallest machine */
const SMALL = 16 << 20;

export interface ScreenBox {
  readonly box: Box;
  readonly session: Debugger;
  readonly screen: Screen;
}

export async function screenOver(box: Box, title: string, options: Partial<ScreenOptions> = {}): Promise<ScreenBox> {
  const session = await openDebugger(box, packageSources);
  return { box, session, screen: createScreen(session, { title, ...options }) };
}

/** A sample at its first instruction. */
export async function sampleScreen(
  name: string,
  options: Partial<ScreenOptions> = {},
  boxOptions: BoxOptions = {},
): Promise<ScreenBox> {
  const { box } = await bootSample(name, [], { memory: SMALL, history: true, ...boxOptions });
  return screenOver(box, name, options);
}

/** A program of tests/programs or of the test's own at its first instruction. */
export async function programScreen(program: Uint8Array, options: Partial<ScreenOptions> = {}): Promise<ScreenBox> {
  const box = await Box.boot({ memory: SMALL, history: true });
  box.files.write('/bin/program', program);
  box.spawn('/bin/program');
  return screenOver(box, 'program', options);
}

/** Presses keys by name, each until what it has begun is over. */
export function press(screen: Screen, ...keys: readonly string[]): void {
  for (const key of keys) pressAndWait(screen, key);
}

/** Types a text into a prompt and ends it. */
export function type(screen: Screen, text: string): void {
  for (const character of text) pressAndWait(screen, character === ' ' ? 'space' : character);
  pressAndWait(screen, 'enter');
}

/** What is to be seen, a line each. */
export const shown = (screen: Screen): string[] => gridText(screen.draw());

/** The lowest line: messages and prompts. */
export const lowest = (screen: Screen): string => shown(screen).at(-1)!;
