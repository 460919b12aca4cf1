/** What the client is told by itself: where it has come to rest and why, what the guest has printed, the end. */
import { ExitedEvent, OutputEvent, StoppedEvent, TerminatedEvent } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Box } from '../../box/box.ts';
import { exitOf } from '../../box/spawn.ts';
import type { KernelEvent } from '../../kernel/events.ts';
import { printableText } from '../../lib/printable.ts';
import type { Rest } from '../types.ts';
import type { BreakpointKind } from './breakpoints.ts';
import type { DapSession, Target } from './session.ts';
import { threadOfRest } from './threads.ts';

const reasons: Readonly<Record<BreakpointKind, string>> = {
  line: 'breakpoint',
  function: 'function breakpoint',
  instruction: 'instruction breakpoint',
  data: 'data breakpoint',
  exception: 'exception',
};

export function sendOutput(session: DapSession, category: 'stdout' | 'stderr' | 'console', text: string): void {
  if (text === '') return;
  // clients obey the escape sequences in it
  session.sendEvent(new OutputEvent(category === 'console' ? printableText(text) : text, category));
}

/** `reason` as the protocol calls it, where it is none that follows from the rest. */
export function sendStopped(session: DapSession, target: Target, rest: Rest, paused: boolean, reason?: string): void {
  const breakpoint =
    rest.reason === 'stopped' && rest.stop !== undefined ? target.breakpoints.find(rest.stop.id) : undefined;
  const event: DebugProtocol.StoppedEvent = new StoppedEvent(
    reason ?? reasonOf(rest, breakpoint?.kind, paused),
    threadOfRest(rest),
  );
  Object.assign(event.body, {
    description: paused ? 'paused' : rest.text,
    text: rest.text,
    allThreadsStopped: true,
    ...(breakpoint === undefined ? undefined : { hitBreakpointIds: [breakpoint.id] }),
  });
  session.sendEvent(event);
}

function reasonOf({ reason }: Rest, kind: BreakpointKind | undefined, paused: boolean): string {
  if (paused) return 'pause';
  if (kind !== undefined) return reasons[kind];
  switch (reason) {
    case 'stopped':
      return 'breakpoint';
    case 'stepped':
    case 'beginning':
      return 'step';
    case 'dead':
      return 'exception';
    default:
      return 'pause';
  }
}

/** Once; the box stays as it is. */
export function sendEnd(session: DapSession, { debugger: { box }, process }: Target): void {
  if (session.terminated) return;
  session.terminated = true;
  const exit = exitOf(box.kernel, process);
  if (exit !== undefined) {
    const how = exit.signal === undefined ? `exited with ${exit.exitCode}` : `was killed by ${exit.signal}`;
    sendOutput(session, 'console', `process ${process.pid} ${how}\n`);
  }
  session.sendEvent(new ExitedEvent(exit?.shellStatus ?? 0));
  session.sendEvent(new TerminatedEvent());
}

/** bytes of one output event */
const MOST_BYTES = 65_536;

/** Tells of output and of the kernel's log, from the beginning on; the result stops that. */
export function tellOutput(session: DapSession, box: Box): () => void {
  // a character may be written in two pieces
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const tell = (event: KernelEvent): void => {
    if (event.type === 'log') sendOutput(session, 'console', `${event.text}\n`);
    if (event.type !== 'write') return;
    for (let at = 0; at < event.bytes.length; at += MOST_BYTES) {
      const part = event.bytes.subarray(at, at + MOST_BYTES);
      sendOutput(session, event.stream, decoders[event.stream].decode(part, { stream: true }));
    }
  };
  for (const event of box.events) tell(event);
  return box.on(tell);
}
