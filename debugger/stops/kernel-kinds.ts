/** Stops at what the kernel and its extensions do: each is an address of kernel text, and a look at what it is called with. */
import { helpers } from '../../kernel/bpf/helpers.ts';
import type { BpfProgram } from '../../kernel/bpf/types.ts';
import { Slot } from '../../cpu/state.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { constants } from '../../kernel/layout/constants.ts';
import { pt_regs } from '../../kernel/layout/structures.ts';
import { perCpuAddress } from '../../kernel/per-cpu.ts';
import { syscallName, syscallNames } from '../../kernel/syscalls/numbers.ts';
import { didYouMean } from '../../toolchain/assembler/did-you-mean.ts';
import { DebuggerError, quote } from '../error.ts';
import { readMemory } from '../memory.ts';
import { kernelNameHint } from '../symbols.ts';
import { argument, changingHelpers, commandChange, currentProgram, helperChange, readNumber } from './arguments.ts';
import type { MapChange } from './arguments.ts';
import type { StopKindRow } from './kinds.ts';
import type { Details, Moment } from './trigger.ts';
import { faultName, faultOf, unusualFaults } from './vectors.ts';

/** names of programs and maps, bytes */
const NAME_LIMIT = 15;
const USER_MODE = 3n;
/** longest text of a panic that is told, bytes */
const TEXT_LIMIT = 400;

const symbolAddresses = ({ symbols }: Kernel, name: string): bigint[] => {
  const symbol = symbols.byName.get(name);
  return symbol === undefined ? [] : [symbol.address];
};

const atAddress = ({ cause }: Moment): bigint | undefined => (cause.kind === 'address' ? cause.address : undefined);

const isNamed = (name: string, wanted: string | undefined): boolean =>
  wanted === undefined || name === wanted.slice(0, NAME_LIMIT);

function unknown(what: string, name: string, hint: string): DebuggerError {
  return new DebuggerError('unknown-name', `there is no ${what} ${quote(name)}${hint}`);
}

/** A name that nothing has now may be that of what is loaded later; one that is nearly right is a slip. */
function checkLoaded(what: string, name: string | undefined, loaded: Iterable<{ readonly name: string }>): void {
  if (name === undefined) return;
  const names = [...loaded].map((each) => each.name);
  if (names.some((each) => isNamed(each, name))) return;
  const hint = didYouMean(name, names);
  if (hint !== '') throw unknown(what, name, hint);
}

const programDetails = (program: BpfProgram | undefined): Details =>
  program === undefined ? {} : { program: program.name, id: program.id };

export const syscallKind: StopKindRow<'syscall'> = {
  check({ name }) {
    if (name === undefined || [...syscallNames.values()].includes(name)) return;
    throw unknown('system call', name, didYouMean(name, syscallNames.values()));
  },
  resolve: ({ name, at }, { kernel }) => ({
    addresses: symbolAddresses(kernel, at === 'entry' ? 'entry_SYSCALL_64' : 'syscall_exit_to_user_mode'),
    met({ pid, slots }) {
      const task = kernel.tasks.get(pid);
      const regs = argument(slots, 'rdi');
      const entering = Number(BigInt.asUintN(32, argument(slots, 'rax')));
      // what a call has made of pt_regs.orig_ax, as sigreturn does, is not what it was
      const number = at === 'entry' ? entering : task?.syscall?.number;
      if (number === undefined || (name !== undefined && syscallName(number) !== name)) return undefined;
      const details: Details = { name: syscallName(number), number };
      if (at === 'exit') {
        const result = readNumber(kernel, regs + BigInt(pt_regs.fields.ax.offset), 8);
        return result === undefined ? details : { ...details, result: BigInt.asIntN(64, result) };
      }
      const args = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'].map((each, n) => [`arg${n}`, argument(slots, each)]);
      return { ...details, ...Object.fromEntries(args) };
    },
  }),
};

export const kprobeKind: StopKindRow<'kprobe'> = {
  check({ symbol }, { kernel }) {
    if (symbol === undefined) return;
    const [name] = symbol.split('+');
    if (kernel.symbols.byName.has(name!)) return;
    throw unknown('kernel symbol', symbol, kernelNameHint(kernel, name!));
  },
  resolve: ({ symbol }, { kernel }) => ({
    addresses: symbolAddresses(kernel, 'kprobe_int3_handler'),
    met({ slots }) {
      const ip = readNumber(kernel, argument(slots, 'rdi') + BigInt(pt_regs.fields.ip.offset), 8);
      const probe = ip === undefined ? undefined : kernel.kprobes.probes.get(ip - 1n);
      if (probe === undefined || (symbol !== undefined && symbol !== probe.label && symbol !== probe.name)) {
        return undefined;
      }
      return { symbol: probe.label, probe: probe.address };
    },
  }),
};

/** A base has no code of its own. */
const programs = (kernel: Kernel, name: string | undefined): BpfProgram[] =>
  [...kernel.bpf.programs.values()].filter((each) => each.image === undefined && isNamed(each.name, name));

export const programKind: StopKindRow<'program'> = {
  check: ({ name }, { kernel }) => checkLoaded('program', name, programs(kernel, undefined)),
  whenLoaded: true,
  resolve: ({ name, at }, { kernel }) => {
    if (at === 'exit') {
      return {
        addresses: symbolAddresses(kernel, 'rex_exit'),
        met({ cpu, slots }) {
          const program = currentProgram(kernel, cpu);
          if (name !== undefined && (program === undefined || !isNamed(program.name, name))) return undefined;
          return { ...programDetails(program), result: BigInt.asUintN(32, argument(slots, 'rax')) };
        },
      };
    }
    return {
      addresses: [...new Set(programs(kernel, name).map((program) => program.function))],
      met(moment) {
        const current = currentProgram(kernel, moment.cpu);
        const address = atAddress(moment);
        // several programs may share their code
        const entered = programs(kernel, name).filter((program) => program.function === address);
        const program = entered.find((each) => each === current) ?? (current === undefined ? entered[0] : undefined);
        if (program === undefined) return undefined;
        return { ...programDetails(program), context: argument(moment.slots, 'rdi') };
      },
    };
  },
};

export const helperKind: StopKindRow<'helper'> = {
  check({ name }) {
    const names = helpers.map((row) => row.name);
    if (name !== undefined && !names.includes(name)) throw unknown('helper', name, didYouMean(name, names));
  },
  resolve: ({ name }, { kernel }) => {
    const wanted = name === undefined ? helpers : helpers.filter((row) => row.name === name);
    const rows = new Map(
      wanted.flatMap((row) => symbolAddresses(kernel, row.name).map((at) => [at, row.name] as const)),
    );
    return {
      addresses: [...rows.keys()],
      met(moment) {
        const helper = rows.get(atAddress(moment) ?? -1n);
        if (helper === undefined) return undefined;
        const { slots, cpu } = moment;
        const caller = readNumber(kernel, argument(slots, 'rsp'), 8);
        return {
          name: helper,
          ...programDetails(currentProgram(kernel, cpu)),
          ...(caller === undefined ? undefined : { caller }),
          ...Object.fromEntries(['rdi', 'rsi', 'rdx', 'rcx'].map((each, n) => [`arg${n}`, argument(slots, each)])),
        };
      },
    };
  },
};

/** A key as bytes in hexadecimal, or where it is short as the number that it is. */
function keyDetails(kernel: Kernel, pid: number, { map, key }: MapChange): Details {
  const bytes = key === undefined ? undefined : readMemory(kernel, key, map.keySize, pid);
  if (bytes === undefined || bytes.length === 0) return {};
  if (bytes.length <= 8) return { key: bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n) };
  return { key: [...bytes.subarray(0, 64)].map((byte) => byte.toString(16).padStart(2, '0')).join('') };
}

export const mapKind: StopKindRow<'map'> = {
  check: ({ name }, { kernel }) => checkLoaded('map', name, kernel.bpf.maps.values()),
  resolve: ({ name }, { kernel, natives }) => {
    const calls = new Map<bigint, string>();
    for (const helper of Object.keys(changingHelpers)) for (const at of natives.of(helper)) calls.set(at, helper);
    for (const at of natives.of('__x64_sys_bpf')) calls.set(at, 'bpf');
    return {
      addresses: [...calls.keys()],
      met(moment) {
        const by = calls.get(atAddress(moment) ?? -1n);
        if (by === undefined) return undefined;
        const { pid, slots } = moment;
        const change = by === 'bpf' ? commandChange(kernel, pid) : helperChange(kernel, by, slots);
        if (change === undefined || !isNamed(change.map.name, name)) return undefined;
        const { map, operation } = change;
        return { map: map.name, id: map.id, operation, by, ...keyDetails(kernel, pid, change) };
      },
    };
  },
};

export const dispatcherKind: StopKindRow<'dispatcher'> = {
  resolve: (_target, { kernel }) => ({
    addresses: symbolAddresses(kernel, 'rex_dispatcher_func'),
    met({ slots }) {
      const [context, address, entry] = ['rdi', 'rsi', 'rdx'].map((name) => argument(slots, name));
      const program = [...kernel.bpf.programs.values()].find((each) => each.address === address);
      return { ...programDetails(program), context: context!, function: entry! };
    },
  }),
};

/** The text that the panic handler has left for the kernel. */
function panicText(kernel: Kernel, cpu: number): string {
  const limit = Math.min(TEXT_LIMIT, constants.REX_LOG_BUF_SIZE);
  const bytes = readMemory(kernel, perCpuAddress(kernel, cpu, 'rex_log_buf'), limit, 0) ?? new Uint8Array(0);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

export const panicKind: StopKindRow<'panic'> = {
  resolve: (_target, { kernel }) => ({
    addresses: symbolAddresses(kernel, 'rex_landingpad'),
    met: ({ cpu }) => ({ ...programDetails(currentProgram(kernel, cpu)), text: panicText(kernel, cpu) }),
  }),
};

export const landingPadKind: StopKindRow<'landing-pad'> = {
  resolve: (_target, { kernel }) => ({
    addresses: symbolAddresses(kernel, 'rex_landingpad_asm'),
    met: ({ cpu }) => programDetails(currentProgram(kernel, cpu)),
  }),
};

export const faultKind: StopKindRow<'fault'> = {
  check({ vector }) {
    if (vector !== undefined) faultOf(vector);
  },
  resolve: ({ vector }, { kernel }) => {
    const rows = vector === undefined ? unusualFaults : [faultOf(vector)];
    const byAddress = new Map(rows.flatMap((row) => symbolAddresses(kernel, `asm_${row.name}`).map((at) => [at, row])));
    return {
      addresses: [...byAddress.keys()],
      met(moment) {
        const row = byAddress.get(atAddress(moment) ?? -1n);
        if (row === undefined) return undefined;
        // what the processor has pushed: the error code, then rip, cs …
        const frame = argument(moment.slots, 'rsp');
        const at = frame + (row.errorCode ? 8n : 0n);
        const [code, rip, cs] = [frame, at, at + 8n].map((address) => readNumber(kernel, address, 8));
        return {
          vector: faultName(row),
          ...(row.errorCode && code !== undefined ? { errorCode: code } : undefined),
          ...(row.vector === 14 ? { address: kernel.cpus[moment.cpu]!.slots[Slot.cr2]! } : undefined),
          ...(rip === undefined ? undefined : { rip }),
          mode: cs !== undefined && (cs & USER_MODE) === USER_MODE ? 'user' : 'kernel',
        };
      },
    };
  },
};
