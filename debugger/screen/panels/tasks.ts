/** Tasks and what they do; processors and who is on them. */
import type { Task } from '../../../kernel/task.ts';
import { span, type Line } from '../style.ts';
import { printable } from '../../../lib/printable.ts';
import type { View } from '../view.ts';
import { count, type Panel } from './panel.ts';

function isFollowed({ follow }: View, kind: 'pid' | 'cpu', number: number): boolean {
  return follow !== undefined && (follow as Record<string, number>)[kind] === number;
}

function taskLine(view: View, task: Task): Line {
  const here = view.debugger.rest.pid === task.pid;
  const state = task.state === 'sleeping' ? `sleeping on ${task.channels.join(', ') || 'its deadline'}` : task.state;
  return [
    span(here ? '>' : ' ', 'current'),
    span(isFollowed(view, 'pid', task.pid) ? 'f' : ' ', 'strong'),
    span(`${String(task.pid).padStart(3)} `, here ? 'strong' : 'plain'),
    span(printable(task.comm).padEnd(16), here ? 'strong' : 'plain'),
    span(printable(state), 'dim'),
  ];
}

export const tasksPanel: Panel = {
  name: 'tasks',
  title({ debugger: session }) {
    const { kernel } = session.box;
    return `${count(kernel.tasks.size, 'task')}, ${count(kernel.cpus.length, 'CPU')}`;
  },
  lines(view) {
    const { kernel } = view.debugger.box;
    const cpus = kernel.perCpu.map(({ current }, n): Line => {
      const here = view.debugger.rest.cpu === n;
      const who = current === 0 ? 'idle' : `${current} ${printable(kernel.tasks.get(current)?.comm ?? '')}`;
      return [
        span(here ? '>' : ' ', 'current'),
        span(isFollowed(view, 'cpu', n) ? 'f' : ' ', 'strong'),
        span(`CPU ${n}: ${who}`),
      ];
    });
    return [...[...kernel.tasks.values()].map((task) => taskLine(view, task)), ...cpus];
  },
};
