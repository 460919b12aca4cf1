/** Registers of a thread: the general ones by themselves, the others in groups; flags by letter. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { registerNames } from '../../../cpu/state.ts';
import { pt_regs } from '../../../kernel/layout/structures.ts';
import { userRegisters } from '../../../kernel/process.ts';
import { flagText } from '../../screen/panels/registers.ts';
import type { RegisterValue } from '../../types.ts';
import { need } from '../errors.ts';
import { targetOf, type DapSession } from '../session.ts';
import { hex, numberText } from '../text.ts';
import { requireThread, whereOf } from '../threads.ts';
import { leaf, type ContainerRows } from './container.ts';

const general: ReadonlySet<string> = new Set([...registerNames, 'rip']);

/** What is behind a group's name; the first that fits. */
const groups: readonly (readonly [name: string, has: (register: RegisterValue) => boolean])[] = [
  ['Segments', ({ name }) => /^[c-gs]s$|_base$/.test(name) && !/dtr/.test(name)],
  ['Vector', ({ name }) => name.startsWith('xmm') || name === 'mxcsr'],
  ['x87', ({ name }) => /^st\d|^f(?:ctrl|stat|tag|op|ip|dp)$/.test(name)],
  ['Control', () => true],
];

/** Flags by letter, in the order of bits: the debugger's names of them, and what they are. */
// prettier-ignore
const flags: readonly (readonly [name: string, bit: number, meaning: string])[] = [
  ['cf', 0, 'carry'], ['pf', 2, 'parity'], ['af', 4, 'auxiliary carry'], ['zf', 6, 'zero'], ['sf', 7, 'sign'],
  ['tf', 8, 'trap'], ['if', 9, 'interrupt enable'], ['df', 10, 'direction'], ['of', 11, 'overflow'],
];

const groupOf = (register: RegisterValue): string | undefined =>
  general.has(register.name) || register.name === 'rflags' ? undefined : groups.find(([, has]) => has(register))![0];

const registersOf = (session: DapSession, thread: number): readonly RegisterValue[] => {
  const { debugger: host } = targetOf(session);
  return host.registers(whereOf(requireThread(host, thread)));
};

/** A value, and what it points to where something is mapped there. */
function registerLeaf(session: DapSession, { name, value, bits }: RegisterValue): DebugProtocol.Variable {
  const { debugger: host } = targetOf(session);
  const pointer = bits === 64 && value >= 0x1000n && host.readMemory(value, 1) !== undefined;
  return leaf(name, numberText(host, value, bits), {
    type: bits === 64 ? 'u64' : `${bits} bits`,
    evaluateName: name,
    ...(pointer ? { memoryReference: hex(value) } : undefined),
  });
}

const flagsOf = (registers: readonly RegisterValue[]): bigint =>
  registers.find(({ name }) => name === 'rflags')?.value ?? 0n;

function write(session: DapSession, thread: number, name: string, value: bigint): void {
  const { debugger: host } = targetOf(session);
  host.writeRegister(name, value, whereOf(requireThread(host, thread)));
}

/** A register is watched by name; of a task, where that is the one that has changed it. */
function watched(session: DapSession, id: number, name: string): string {
  const { task } = requireThread(targetOf(session).debugger, id);
  return task === undefined ? `register ${name}` : `register ${name} if pid == ${task.pid}`;
}

const isField = (name: string): name is keyof typeof pt_regs.fields => Object.hasOwn(pt_regs.fields, name);
/** bytes of each */
const FIELD = 8;

function fieldAddress(session: DapSession, pid: number, name: string): bigint {
  const { debugger: host } = targetOf(session);
  const task = need(host.box.kernel.tasks.get(pid), `there is no task ${pid}`);
  const field = isField(name) ? pt_regs.fields[name] : undefined;
  return userRegisters(task) + BigInt(need(field, `struct pt_regs has no field ${name}`).offset);
}

function ptRegs(session: DapSession, pid: number): DebugProtocol.Variable[] {
  const { debugger: host } = targetOf(session);
  return Object.keys(pt_regs.fields)
    .toReversed()
    .map((name) => {
      const address = fieldAddress(session, pid, name);
      const bytes = host.readMemory(address, FIELD);
      const value =
        bytes === undefined ? undefined : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
      return leaf(name, value === undefined ? '(not mapped)' : numberText(host, value), {
        type: 'u64',
        evaluateName: `u64[${hex(address)}]`,
        memoryReference: hex(address),
      });
    });
}

export const registerRows: ContainerRows<'registers' | 'register-group' | 'pt_regs'> = {
  registers: {
    children(session, { thread }) {
      const { variables } = targetOf(session);
      const registers = registersOf(session, thread);
      const group = (name: string, value: string): DebugProtocol.Variable => ({
        name,
        value,
        variablesReference: variables.reference({ kind: 'register-group', thread, group: name }),
        presentationHint: { kind: 'virtual' },
      });
      return [
        ...registers.filter(({ name }) => general.has(name)).map((register) => registerLeaf(session, register)),
        group('Flags', flagText(flagsOf(registers))),
        ...groups.map(([name]) =>
          group(name, `${registers.filter((each) => groupOf(each) === name).length} registers`),
        ),
      ];
    },
    set: (session, { thread }, name, value) => write(session, thread, name, value),
    watch: (session, { thread }, name) => (general.has(name) ? watched(session, thread, name) : undefined),
  },
  'register-group': {
    children(session, { thread, group }) {
      const registers = registersOf(session, thread);
      if (group !== 'Flags') {
        return registers.filter((each) => groupOf(each) === group).map((each) => registerLeaf(session, each));
      }
      const value = flagsOf(registers);
      return [
        ...registers.filter(({ name }) => name === 'rflags').map((each) => registerLeaf(session, each)),
        ...flags.map(([name, bit, type]) => leaf(name, `${(value >> BigInt(bit)) & 1n}`, { type, evaluateName: name })),
      ];
    },
    set: (session, { thread }, name, value) => write(session, thread, name, value),
    watch: (session, { thread }, name) => watched(session, thread, name),
  },
  pt_regs: {
    children: (session, { pid }) => ptRegs(session, pid),
    set(session, { pid }, name, value) {
      const bytes = new Uint8Array(FIELD);
      new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
      targetOf(session).debugger.writeMemory(fieldAddress(session, pid, name), bytes);
    },
    watch: (session, { pid }, name) => `${hex(fieldAddress(session, pid, name))}:${FIELD}`,
  },
};
