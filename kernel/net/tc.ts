/** clsact filters with BPF programs: net/sched/cls_bpf.c. The programs are called in net_64.S. */
import { viewOf } from '../../toolchain/elf/bytes.ts';
import { freeDyingPrograms, holdProgram, putProgram } from '../bpf/programs.ts';
import type { BpfProgram } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { sk_buff } from '../layout/network.ts';
import { readKernel } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { ETH_P_ALL } from './packet.ts';
import { freeSkb, skbAt } from './skb.ts';
import type { NetDevice, SkBuff, TcFilter, TcHook } from './types.ts';

const { TC_ACT_OK, TC_ACT_SHOT, TC_ACT_STOLEN, TC_ACT_REDIRECT, TC_ACT_TRAP } = constants;
const UNSPEC = -1;
/** most filters of a hook */
const MAX_FILTERS = 64;
/** tcf_auto_prio's first */
const FIRST_PRIORITY = 49152;

export interface TcRequest {
  readonly program: BpfProgram;
  /** 0: the kernel chooses */
  readonly priority?: number;
  readonly handle?: number;
  readonly protocol?: number;
  readonly name?: string;
  readonly directAction?: boolean;
  readonly link?: number;
  /** NLM_F_REPLACE, and NLM_F_EXCL */
  readonly replace?: boolean;
  readonly exclusive?: boolean;
}

function chosenPriority(filters: readonly TcFilter[]): number {
  const lowest = filters.reduce((least, { priority }) => Math.min(least, priority), FIRST_PRIORITY + 1);
  return lowest - 1;
}

function chosenHandle(filters: readonly TcFilter[], priority: number): number {
  const used = filters.filter((filter) => filter.priority === priority).map(({ handle }) => handle);
  return Math.max(0, ...used) + 1;
}

/**
 * tc_new_tfilter for kind `bpf`. Errors: ENOENT without clsact (links need none), EINVAL a program of another type,
 * EEXIST a filter of this priority and handle, ENOSPC for the 65th.
 */
export function addFilter(kernel: Kernel, device: NetDevice, hook: TcHook, request: TcRequest): TcFilter {
  const { program, link } = request;
  if (program.type !== constants.BPF_PROG_TYPE_SCHED_CLS) fail('EINVAL');
  if (!device.clsact && link === undefined) fail('ENOENT');
  const filters = device.filters[hook];
  const priority = link === undefined ? request.priority || chosenPriority(filters) : 0;
  const old = filters.find((filter) => filter.priority === priority && filter.handle === request.handle);
  if (old !== undefined && (request.exclusive === true || request.replace !== true)) fail('EEXIST');
  if (old === undefined && filters.length >= MAX_FILTERS) fail('ENOSPC');
  if (link === undefined) holdProgram(program);
  if (old !== undefined) {
    putProgram(kernel, old.program);
    old.program = program.id;
    return old;
  }
  const filter: TcFilter = {
    priority,
    handle: request.handle || chosenHandle(filters, priority),
    protocol: request.protocol ?? ETH_P_ALL,
    name: request.name ?? `${program.name}:[${program.id}]`,
    directAction: request.directAction ?? false,
    program: program.id,
    link,
  };
  filters.push(filter);
  filters.sort((left, right) => left.priority - right.priority);
  return filter;
}

function drop(kernel: Kernel, device: NetDevice, hook: TcHook, filter: TcFilter): void {
  const filters = device.filters[hook];
  filters.splice(filters.indexOf(filter), 1);
  if (filter.link === undefined) putProgram(kernel, filter.program);
}

/** tc_del_tfilter; a priority or handle of 0 means all. ENOENT where there is none. */
export function removeFilters(kernel: Kernel, device: NetDevice, hook: TcHook, priority: number, handle: number): void {
  const gone = device.filters[hook].filter(
    (filter) =>
      filter.link === undefined &&
      (priority === 0 || filter.priority === priority) &&
      (handle === 0 || filter.handle === handle),
  );
  if (gone.length === 0 && (priority !== 0 || handle !== 0)) fail('ENOENT');
  for (const filter of gone) drop(kernel, device, hook, filter);
  freeDyingPrograms(kernel);
}

/** `tc qdisc add dev X clsact`. EEXIST. */
export function addClsact(device: NetDevice): void {
  if (device.clsact) fail('EEXIST');
  device.clsact = true;
}

/** `tc qdisc del dev X clsact`: its filters go too. EINVAL where there is none. */
export function removeClsact(kernel: Kernel, device: NetDevice): void {
  if (!device.clsact) fail('EINVAL');
  for (const hook of ['ingress', 'egress'] as const) removeFilters(kernel, device, hook, 0, 0);
  device.clsact = false;
}

/** tcx_link_release: the link holds the program. */
export function removeTcxLink(kernel: Kernel, link: number): void {
  for (const device of kernel.net.devices.values()) {
    for (const hook of ['ingress', 'egress'] as const) {
      const filter = device.filters[hook].find((candidate) => candidate.link === link);
      if (filter !== undefined) drop(kernel, device, hook, filter);
    }
  }
}

const hookOf = (value: bigint): TcHook | undefined =>
  (({ [constants.TC_INGRESS]: 'ingress', [constants.TC_EGRESS]: 'egress' }) as const)[
    Number(BigInt.asUintN(32, value))
  ];

function protocolOf(kernel: Kernel, skb: SkBuff): number {
  const bytes = readKernel(kernel, skb.address + BigInt(sk_buff.fields.protocol.offset), 2);
  return bytes === undefined ? 0 : viewOf(bytes).getUint16(0);
}

const OTHER_PROTOCOL = 1n;

/** rdi: packet, rsi: hook, rdx: how many were asked. rax <- the next one's bpf_prog, 1 when it is not for it, or 0; rdx <- its function. */
const tcf_next_filter: NativeFunction = (kernel, cpu) => {
  const { registers } = cpu;
  const hook = hookOf(registers.rsi);
  const skb = kernel.net.skbs.get(registers.rdi);
  const device = skb && kernel.net.devices.get(skb.device);
  const filter = hook && device?.filters[hook][Number(BigInt.asUintN(32, registers.rdx))];
  const program = filter && kernel.bpf.programs.get(filter.program);
  if (skb === undefined || filter === undefined || program === undefined) return 0n;
  if (filter.protocol !== ETH_P_ALL && protocolOf(kernel, skb) !== filter.protocol) return OTHER_PROTOCOL;
  registers.rdx = program.function;
  return program.address;
};

const directActions: ReadonlySet<number> = new Set([
  TC_ACT_OK,
  TC_ACT_SHOT,
  TC_ACT_STOLEN,
  TC_ACT_TRAP,
  TC_ACT_REDIRECT,
]);

/** What the program's result means: without direct-action, 0 is no match and everything else TC_ACT_OK, there being no actions. */
function actionOf(filter: TcFilter, result: number): number {
  if (filter.directAction) return directActions.has(result) ? result : UNSPEC;
  return result === 0 ? UNSPEC : TC_ACT_OK;
}

/** rdi: packet, rsi: the program's result, rdx: whether it ran, rcx: hook, r8: its number. A TC_ACT_*. */
const cls_bpf_exec_opcode: NativeFunction = (kernel, cpu) => {
  const { rdi, rsi, rdx, rcx, r8 } = cpu.registers;
  const skb = skbAt(kernel, cpu, rdi);
  const device = skb && kernel.net.devices.get(skb.device);
  const hook = hookOf(rcx);
  if (skb === undefined || device === undefined || hook === undefined) return -1n;
  if (rdx === 0n) {
    device.statistics.programsSkipped++;
    return -1n;
  }
  const filter = device.filters[hook][Number(BigInt.asUintN(32, r8))];
  if (filter === undefined) return -1n;
  return BigInt(actionOf(filter, Number(BigInt.asIntN(32, rsi))));
};

/** What is not one of these lets the packet go on. */
const dropping: ReadonlySet<number> = new Set([TC_ACT_SHOT, TC_ACT_STOLEN, TC_ACT_TRAP, TC_ACT_REDIRECT]);

/** rdi: packet, rsi: TC_ACT_*. 1 when the packet goes on; TC_ACT_REDIRECT without a target drops it. */
const handle: NativeFunction = (kernel, cpu) => {
  const { rdi, rsi } = cpu.registers;
  const skb = skbAt(kernel, cpu, rdi);
  if (skb === undefined) return 0n;
  if (!dropping.has(Number(BigInt.asIntN(32, rsi)))) return 1n;
  const device = kernel.net.devices.get(skb.device);
  if (device !== undefined) device.statistics.tcDropped++;
  freeSkb(kernel, skb);
  return 0n;
};

export const tcNatives: Record<string, NativeFunction> = {
  tcf_next_filter,
  cls_bpf_exec_opcode,
  sch_handle_egress: handle,
  sch_handle_ingress: handle,
};
