/** What the adapter can do, as the answer to `initialize` says it. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { StopTarget } from '../types.ts';

interface ExceptionRow {
  readonly filter: string;
  readonly label: string;
  readonly description: string;
  readonly target: StopTarget;
}

/** What is offered beside breakpoints, a row each. */
// prettier-ignore
export const exceptionRows: readonly ExceptionRow[] = [
  { filter: 'panic',       label: 'Rex panic',     description: "A Rex program has panicked: at the kernel's side of it", target: { kind: 'panic' } },
  { filter: 'landing-pad', label: 'Landing pad',   description: 'Where the stack of the dispatcher is restored',          target: { kind: 'landing-pad' } },
  { filter: 'fault',       label: 'Fault',         description: 'An exception of the processor, but for those that paging and probes cause all the time', target: { kind: 'fault' } },
  { filter: 'dispatcher',  label: 'Dispatcher',    description: 'rex_dispatcher_func',                                    target: { kind: 'dispatcher' } },
  { filter: 'kprobe',      label: 'Kprobe hit',    description: 'A kprobe has been hit',                                  target: { kind: 'kprobe' } },
  { filter: 'syscall',     label: 'System call',   description: 'The first instruction of the kernel in a system call',   target: { kind: 'syscall', at: 'entry' } },
];

export const capabilities: DebugProtocol.Capabilities = {
  supportsConfigurationDoneRequest: true,
  supportsStepBack: true,
  supportsSteppingGranularity: true,
  supportsInstructionBreakpoints: true,
  supportsFunctionBreakpoints: true,
  supportsConditionalBreakpoints: true,
  supportsHitConditionalBreakpoints: true,
  supportsDataBreakpoints: true,
  supportsDataBreakpointBytes: true,
  supportsExceptionFilterOptions: true,
  supportsExceptionInfoRequest: true,
  supportsDisassembleRequest: true,
  supportsReadMemoryRequest: true,
  supportsWriteMemoryRequest: true,
  supportsEvaluateForHovers: true,
  supportsSetVariable: true,
  supportsTerminateRequest: true,
  supportsDelayedStackTraceLoading: true,
  exceptionBreakpointFilters: exceptionRows.map(({ filter, label, description }) => ({
    filter,
    label,
    description,
    supportsCondition: true,
    conditionDescription: 'an expression that must not be 0: rax == 2 && pid == 3',
  })),
};
