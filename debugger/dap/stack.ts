/** The debugger's story as stack frames: inlined calls are frames of their own, kinds are told in the names. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Debugger, StoryFrame } from '../types.ts';
import type { Arguments } from './arguments.ts';
import { restingTarget, type DapSession, type Target } from './session.ts';
import { requireThread, whereOf, type Thread } from './threads.ts';

/** where the kernel is entered: of less interest than what it does then */
const entries: ReadonlySet<StoryFrame['kind']> = new Set(['syscall', 'exception', 'interrupt']);

/** What is needed of a frame of the story; of an idle processor there is no story, but a place. */
type Told = Pick<StoryFrame, 'kind' | 'title' | 'address' | 'source'> & { readonly guessed?: true };

function toldOf(host: Debugger, thread: Thread): readonly Told[] {
  const where = whereOf(thread);
  const story = host.story(where);
  if (story.length > 0) return story;
  const rip = host.registers(where).find(({ name }) => name === 'rip')?.value ?? 0n;
  const { symbol, source } = host.describe(rip);
  return [{ kind: 'function', title: symbol === '' ? 'idle' : symbol, address: rip, source }];
}

/** `[kprobe] __x64_sys_dup`; what is guessed with a question mark */
function nameOf({ kind, title, guessed }: Told): string {
  const prefix = kind === 'function' ? '' : `[${kind}] `;
  return `${prefix}${title.startsWith(`${kind} `) ? title.slice(kind.length + 1) : title}${guessed ? ' ?' : ''}`;
}

function framesOf(session: DapSession, target: Target, thread: Thread): DebugProtocol.StackFrame[] {
  const { lineBase, columnBase } = session.client;
  const { sources, variables } = target;
  return toldOf(target.debugger, thread).flatMap((told, depth): DebugProtocol.StackFrame[] => {
    const instructionPointerReference = `0x${told.address.toString(16)}`;
    const hint = entries.has(told.kind) ? { presentationHint: 'subtle' as const } : undefined;
    const id = (level: number): number => variables.frame({ thread: thread.id, depth, level });
    if (told.source.length === 0) {
      return [{ id: id(0), name: nameOf(told), line: 0, column: 0, instructionPointerReference, ...hint }];
    }
    return told.source.map((place, level) => ({
      id: id(level),
      name: level === told.source.length - 1 ? nameOf(told) : `${place.function} (inlined)`,
      source: sources.describe(place.file),
      line: place.line - 1 + lineBase,
      column: Math.max(1, place.column) - 1 + columnBase,
      instructionPointerReference,
      ...hint,
    }));
  });
}

export function stackTrace(session: DapSession, args: Arguments): DebugProtocol.StackTraceResponse['body'] {
  const target = restingTarget(session);
  const thread = requireThread(target.debugger, args.integer('threadId'));
  const start = args.optionalInteger('startFrame', { least: 0 }) ?? 0;
  const levels = args.optionalInteger('levels', { least: 0 }) ?? 0;
  target.thread = thread.id;
  const all = framesOf(session, target, thread);
  return { stackFrames: all.slice(start, levels === 0 ? undefined : start + levels), totalFrames: all.length };
}
