/** What the guest printed, byte for byte; with `observe`, what it did on standard error between its lines; there too what was measured. */
import { describeEvent } from './describe-event.ts';
import { describeInstruction } from './describe-instruction.ts';
import { measureTables } from './measures.ts';
import type { CommandOutput } from './output.ts';
import { printable } from '../lib/printable.ts';
import type { View } from './view.ts';

export function createPlain(output: CommandOutput, observe: boolean): View {
  const { style } = output;
  return {
    wantsSyscalls: observe,
    event(event) {
      if (event.type === 'write') {
        if (event.stream === 'stdout') output.out(event.bytes);
        else output.error(event.bytes);
      }
      const text = observe ? describeEvent(event, style) : undefined;
      if (text === undefined || event.type === 'log') return;
      const who = 'pid' in event ? `${event.pid}` : '-';
      output.error(`[${who}${'comm' in event ? ` ${printable(event.comm)}` : ''}] ${text}\n`);
    },
    instruction(instruction) {
      const who = `[${instruction.pid} ${printable(instruction.comm)}]`;
      output.error(`${who} ${describeInstruction(instruction, style)}\n`);
    },
    finish(_summary, measures) {
      const tables = measureTables(measures);
      if (tables !== '') output.error(tables);
      output.flush();
    },
  };
}
