/** What is known beside registers and maps: the next instruction in words, tasks, the kernel and its log. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { printable } from '../../../lib/printable.ts';
import type { ValueDescription } from '../../types.ts';
import { need } from '../errors.ts';
import { targetOf, type DapSession } from '../session.ts';
import { hex, numberText } from '../text.ts';
import { leaf, type ContainerRows } from './container.ts';

const linesOf = (session: DapSession, of: 'log' | 'trace'): readonly string[] => {
  const { box } = targetOf(session).debugger;
  return of === 'log' ? box.kernelLog : box.tracePipe;
};

function valueLeaf(
  session: DapSession,
  { name, address, place, value, size }: ValueDescription,
): DebugProtocol.Variable {
  const { debugger: host } = targetOf(session);
  const shown = value === undefined ? '(cannot be read)' : numberText(host, value, size * 8);
  return leaf(name, place === '' ? shown : `${shown} at ${place}`, {
    type: `${size} bytes`,
    ...(address === undefined ? undefined : { memoryReference: hex(address) }),
  });
}

export const kernelRows: ContainerRows<'instruction' | 'values' | 'tasks' | 'task' | 'kernel' | 'lines' | 'programs'> =
  {
    instruction: {
      children(session) {
        const { debugger: host, variables } = targetOf(session);
        const instruction = host.instructionAt();
        if (instruction === undefined) return [leaf('instruction', 'there is none here')];
        const { text, sentence, reads, writes, mayFault, address } = instruction;
        const group = (of: 'reads' | 'writes', values: readonly ValueDescription[]): DebugProtocol.Variable[] =>
          values.length === 0
            ? []
            : [
                {
                  name: of,
                  value: values.map(({ name }) => name).join(', '),
                  variablesReference: variables.reference({ kind: 'values', of }),
                },
              ];
        return [
          leaf('instruction', text, { memoryReference: hex(address) }),
          leaf('does', sentence),
          ...group('reads', reads),
          ...group('writes', writes),
          ...(mayFault.length === 0 ? [] : [leaf('may fault', mayFault.join(', '))]),
        ];
      },
    },
    values: {
      children: (session, { of }) =>
        (targetOf(session).debugger.instructionAt()?.[of] ?? []).map((each) => valueLeaf(session, each)),
    },
    tasks: {
      children(session) {
        const { debugger: host, variables } = targetOf(session);
        return [...host.box.kernel.tasks.values()].map(({ pid, comm, state }) => ({
          name: `${pid}`,
          value: `${printable(comm)}, ${state}`,
          variablesReference: variables.reference({ kind: 'task', pid }),
        }));
      },
    },
    task: {
      children(session, { pid }) {
        const { debugger: host } = targetOf(session);
        const { kernel } = host.box;
        const task = need(kernel.tasks.get(pid), `there is no task ${pid}`);
        const cpu = kernel.perCpu.findIndex(({ current }) => current === pid);
        return [
          leaf('comm', printable(task.comm)),
          leaf('state', task.state),
          leaf('tgid', `${task.tgid}`),
          ...(cpu < 0 ? [] : [leaf('cpu', `${cpu}`)]),
          ...(task.executable === undefined ? [] : [leaf('executable', printable(`${task.executable}`))]),
          ...(task.channels.length === 0 ? [] : [leaf('waits for', printable(task.channels.join(', ')))]),
          leaf('kernel stack', hex(task.stack), { memoryReference: hex(task.stack) }),
        ];
      },
    },
    kernel: {
      children(session) {
        const { debugger: host, variables } = targetOf(session);
        const { rest, reach, box } = host;
        const lines = (name: string, of: 'log' | 'trace'): DebugProtocol.Variable => {
          const { length } = linesOf(session, of);
          const reference = length === 0 ? 0 : variables.reference({ kind: 'lines', of });
          return { name, value: `${length} lines`, variablesReference: reference, indexedVariables: length };
        };
        const programs = box.kernel.bpf.programs.size;
        return [
          leaf('instruction', `${rest.instruction}`, { evaluateName: 'instruction' }),
          leaf('recorded', `${reach.first} to ${reach.last}`),
          leaf('cpu', `${rest.cpu}`, { evaluateName: 'cpu' }),
          leaf('pid', `${rest.pid}`, { evaluateName: 'pid' }),
          leaf('rest', rest.text),
          lines('log', 'log'),
          lines('trace_pipe', 'trace'),
          {
            name: 'programs',
            value: `${programs}`,
            variablesReference: programs === 0 ? 0 : variables.reference({ kind: 'programs' }),
          },
          ...(box.death === undefined ? [] : [leaf('stopped for good', box.death)]),
        ];
      },
    },
    lines: {
      children: (session, { of }, { start, count }) =>
        linesOf(session, of)
          .slice(start, start + count)
          .map((line, n) => leaf(`${start + n}`, printable(line))),
    },
    programs: {
      children: (session) =>
        [...targetOf(session).debugger.box.kernel.bpf.programs.values()].map(({ id, name, runs, function: address }) =>
          leaf(`${id}`, `${printable(name)}, run ${runs} times`, { memoryReference: hex(address) }),
        ),
    },
  };
