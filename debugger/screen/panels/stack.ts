/** The stack telescope: the words of each stack on the way back to the program, with what they mean. */
import type { StoryFrame } from '../../types.ts';
import { line, span, type Line } from '../style.ts';
import type { View } from '../view.ts';
import { hex, type Panel } from './panel.ts';
import { meaningOf } from './values.ts';

const WORD = 8;
/** words of one stack beyond its frames that are known */
const MOST_WORDS = 64;

interface Stack {
  readonly name: string;
  readonly pointer: bigint;
}

/** Each stack once, innermost first, from its lowest known frame. */
function stacksOf(story: readonly StoryFrame[], pointer: bigint): readonly Stack[] {
  const stacks: Stack[] = [];
  for (const frame of story) {
    if (stacks.at(-1)?.name === frame.stack) continue;
    stacks.push({ name: frame.stack, pointer: stacks.length === 0 ? pointer : frame.stackPointer });
  }
  return stacks.length === 0 ? [{ name: 'stack', pointer }] : stacks;
}

/** Shares of `rows` for the stacks: the innermost has what the others leave. */
function shares(stacks: readonly Stack[], rows: number): number[] {
  const outer = stacks.length === 1 ? 0 : Math.min(8, Math.max(2, Math.floor(rows / (2 * stacks.length))));
  return stacks.map((_, n) => (n === 0 ? Math.max(2, rows - outer * (stacks.length - 1)) : outer));
}

function wordLines(view: View, { pointer }: Stack, words: number, frames: ReadonlyMap<bigint, StoryFrame>): Line[] {
  const { debugger: session } = view;
  const lines: Line[] = [];
  for (let n = 0; n < Math.min(words, MOST_WORDS); n++) {
    const address = pointer + BigInt(n * WORD);
    const bytes = session.readMemory(address, WORD);
    if (bytes === undefined) {
      if (n === 0) lines.push(line(`  nothing is mapped at 0x${hex(address)}`, 'dim'));
      break;
    }
    const value = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    lines.push([
      span(frames.has(address) ? '>' : ' ', 'strong'),
      span(`+${(n * WORD).toString(16).padStart(3, '0')} `, 'dim'),
      span(hex(value, 16)),
      span(' '),
      ...meaningOf(session, value),
    ]);
  }
  return lines;
}

export const stackPanel: Panel = {
  name: 'stack',
  title: ({ debugger: session }) => session.story()[0]?.stack ?? '',
  lines(view, _columns, rows) {
    const { debugger: session } = view;
    const pointer = session.registers().find(({ name }) => name === 'rsp')?.value ?? 0n;
    const story = session.story();
    const stacks = stacksOf(story, pointer);
    const frames = new Map(story.map((frame) => [frame.stackPointer, frame]));
    const parts = shares(stacks, rows);
    return stacks.flatMap((stack, n) => [
      line(`${stack.name} stack at ${hex(stack.pointer)}`, 'name'),
      ...wordLines(view, stack, parts[n]! - 1, frames),
    ]);
  },
};
