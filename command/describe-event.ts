/** Events as lines of a report: system calls as strace prints them, with the process before them. */
import { exitedStatus } from '../kernel/exit.ts';
import type { KernelEvent } from '../kernel/events.ts';
import { signalName } from '../kernel/signal.ts';
import { syscallName } from '../kernel/syscalls/numbers.ts';
import { printable } from '../lib/printable.ts';
import type { Style } from './style.ts';

type Describer<Type extends KernelEvent['type']> = (
  event: Extract<KernelEvent, { type: Type }>,
  style: Style,
) => string | undefined;

const hexBytes = (bytes: readonly number[]): string => bytes.map((b) => b.toString(16).padStart(2, '0')).join(' ');

/** `exited with 1`, `killed by SIGSEGV`. */
export function describeStatus(status: number): string {
  const signal = status & 0x7f;
  return signal === 0 ? `exited with ${status >> 8}` : `killed by ${signalName(signal)}`;
}

/** One row a type; undefined: another line says it. */
const describers: { readonly [Type in KernelEvent['type']]: Describer<Type> } = {
  syscall: ({ text, injected }, style) =>
    injected ? `${style('red', text)} ${style(['bold', 'red'], '(INJECTED)')}` : printable(text),
  write: () => undefined,
  log: () => undefined,
  exec: () => undefined,
  fork: () => undefined,
  exit: ({ status }, style) =>
    style(status === exitedStatus(0) ? 'green' : 'yellow', `+++ ${describeStatus(status)} +++`),
  signal: ({ signal }, style) => style('yellow', `--- ${signalName(signal)} ---`),
  kprobe: ({ symbol, overridden }, style) =>
    style('magenta', `--- kprobe ${symbol}: ${overridden ? 'the call is overridden' : 'the call goes on'} ---`),
  'map-create': () => undefined,
  'program-load': () => undefined,
  'program-free': () => undefined,
  watchdog: ({ cpu, program, from, to }, style) =>
    style(
      'red',
      `--- watchdog on CPU ${cpu}: ${program} has run too long; ` +
        (to === undefined
          ? 'it ends after its helper ---'
          : `from 0x${from.toString(16)} it goes to __rex_handle_timeout, 0x${to.toString(16)} ---`),
    ),
  panic: () => undefined,
  'unknown-instruction': (event, style) =>
    style(
      'red',
      `--- unknown instruction ${hexBytes(event.bytes)} at 0x${event.address.toString(16)} ${event.symbol} ---`,
    ),
  'unknown-syscall': ({ number }, style) =>
    style('red', `--- unknown system call ${number} (${syscallName(number)}) ---`),
};

/** The line without the process; undefined for what has no line of its own. */
export function describeEvent(event: KernelEvent, style: Style): string | undefined {
  const describe = describers[event.type] as (event: KernelEvent, style: Style) => string | undefined;
  return describe(event, style);
}
