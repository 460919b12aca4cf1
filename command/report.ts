/** What a person reads: the guest's output, and between its lines what the kernel did. */
import type { Box } from '../box/box.ts';
import type { KernelEvent } from '../kernel/events.ts';
import { describeEvent } from './describe-event.ts';
import { describeInstruction } from './describe-instruction.ts';
import { createGuestLines } from './guest-lines.ts';
import { measureTables } from './measures.ts';
import type { CommandOutput } from './output.ts';
import { printableLine } from '../lib/printable.ts';
import { count, type Style } from './style.ts';
import type { Summary, View } from './view.ts';

const who = (pid: number, comm: string): string => `[${pid} ${comm}]`;

function summaryLines({ verdict, instructions, counts, milliseconds, tracePipe }: Summary, style: Style): string {
  const lines =
    tracePipe.length === 0
      ? []
      : ['trace_pipe:', ...tracePipe.map((line) => `  ${printableLine(line.replace(/\n$/, ''))}`)];
  const facts = [
    `${count(instructions, 'instruction')} retired`,
    `${count(counts.probeHits, 'probe hit')} (${counts.injected} injected)`,
    `${count(counts.syscalls, 'system call')} of ${count(counts.processes, 'process').replace(/processs$/, 'processes')}`,
    `${(milliseconds / 1000).toFixed(2)} s`,
  ];
  return [...lines, style('bold', verdict ?? ''), facts.join(', ')].map((line) => `${line}\n`).join('');
}

/** For samples. The guest's standard error goes to ours, all else to standard output. */
export function createReport(box: Box, output: CommandOutput): View {
  const { style } = output;
  const comms = new Map<number, string>();
  const guest = createGuestLines(output);
  const commOf = (pid: number): string => box.kernel.tasks.get(pid)?.comm ?? comms.get(pid) ?? '';
  const line = (event: KernelEvent): string | undefined => {
    if (event.type === 'log') return style('dim', event.text);
    const text = describeEvent(event, style);
    if (text === undefined || !('pid' in event)) return text;
    const comm = 'comm' in event ? event.comm : commOf(event.pid);
    comms.set(event.pid, comm);
    return `${style('cyan', who(event.pid, comm))} ${text}`;
  };
  return {
    wantsSyscalls: true,
    event(event) {
      if (event.type === 'write') guest.write(event.pid, event.stream, event.bytes);
      if (event.type === 'exit') guest.end(event.pid);
      const text = line(event);
      if (text !== undefined) output.out(`${text}\n`);
    },
    instruction(instruction) {
      const name = style('cyan', who(instruction.pid, instruction.comm));
      output.out(`${name} ${describeInstruction(instruction, style)}\n`);
    },
    finish(summary, measures) {
      guest.endAll();
      output.out(`\n${measureTables(measures)}${summaryLines(summary, style)}`);
      output.flush();
    },
  };
}
