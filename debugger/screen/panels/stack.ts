/** The stack telescope: the words of each stack on the way back to the program, with what they mean. */
import type { StoryFrame } from '../../types.ts';
import { line, span, type Line } from '../style.ts';
import { scrollOf, type View } from '../view.ts';
import { hex, type Panel } from './panel.ts';
import { meaningOf } from './values.ts';

const WORD = 8;
/** words of one stack beyond its frames that are known */
const MOST_WORDS = 64;
/** of a stack round its pointer, bytes that are taken for its own */
const BELOW = 0x400n;
const ABOVE = 0x2000n;

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
  return stacks.length === 0 ? [{ name: 'latest', pointer }] : stacks;
}

/** How many lines each of the stacks has: what it needs where there is room, else a fair share; the rest goes to the innermost. */
function shares(needs: readonly number[], rows: number): number[] {
  const given = needs.map(() => 0);
  let left = rows;
  for (let round = 0; round < 2; round++) {
    needs.forEach((need, n) => {
      const most = round === 0 ? Math.max(3, Math.floor(rows / needs.length)) : left;
      const more = Math.max(0, Math.min(need - given[n]!, most, left));
      given[n]! += more;
      left -= more;
    });
  }
  return given;
}

/** The stack that an address lies on, if it is one of those that are shown. */
function pointedStack(stacks: readonly Stack[], value: bigint): Line {
  const found = stacks.find(({ pointer }) => value >= pointer - BELOW && value < pointer + ABOVE);
  return found === undefined ? [] : [span(`(${found.name} stack)`, 'dim')];
}

function wordLines(view: View, stacks: readonly Stack[], at: number, frames: ReadonlySet<bigint>): Line[] {
  const { debugger: session } = view;
  const { name, pointer } = stacks[at]!;
  const lines: Line[] = [line(`${name} stack at ${hex(pointer)}`, 'name')];
  for (let n = 0; n < MOST_WORDS; n++) {
    const address = pointer + BigInt(n * WORD);
    const bytes = session.readMemory(address, WORD);
    if (bytes === undefined) {
      if (n === 0) lines.push(line('  nothing is mapped there', 'dim'));
      break;
    }
    const value = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    const meaning = meaningOf(session, value);
    lines.push([
      span(frames.has(address) ? '>' : ' ', 'strong'),
      span(`+${(n * WORD).toString(16).padStart(3, '0')} `, 'dim'),
      span(`${hex(value, 16)} `),
      ...(meaning.length > 0 ? meaning : pointedStack(stacks, value)),
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
    const frames = new Set(story.map(({ stackPointer }) => stackPointer));
    const lines = stacks.map((_, n) => wordLines(view, stacks, n, frames));
    const all = shares(
      lines.map(({ length }) => length),
      rows + scrollOf(view, 'stack'),
    );
    return lines.flatMap((part, n) => part.slice(0, all[n]));
  },
};
