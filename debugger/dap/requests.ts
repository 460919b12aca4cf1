/** Every request that is answered: one row each. */
import type { Arguments } from './arguments.ts';
import { dataBreakpointInfo, setDataBreakpoints } from './data-breakpoints.ts';
import { disassemble } from './disassemble.ts';
import { need } from './errors.ts';
import { evaluate } from './evaluate.ts';
import { attach, configurationDone, disconnect, exceptionInfo, initialize, launch, terminate } from './lifecycle.ts';
import { readMemory, writeMemory } from './memory.ts';
import { continueForward, pause, reverseContinue, step, stepBack } from './motion.ts';
import { targetOf, type DapSession } from './session.ts';
import {
  setBreakpoints,
  setExceptionBreakpoints,
  setFunctionBreakpoints,
  setInstructionBreakpoints,
} from './set-breakpoints.ts';
import { stackTrace } from './stack.ts';
import { threads } from './threads.ts';
import { scopes, setVariable, variables } from './variables/index.ts';

/** The body of the answer. RequestError, DebuggerError, BoxError. */
export type Handler = (session: DapSession, args: Arguments) => object | undefined | Promise<object | undefined>;

function source(session: DapSession, args: Arguments): { readonly content: string } {
  const reference = args.has('source')
    ? args.record('source').optionalInteger('sourceReference')
    : args.optionalInteger('sourceReference');
  const text = targetOf(session).sources.textOf(reference ?? args.optionalInteger('sourceReference') ?? 0);
  return { content: need(text, 'there is no source of that number') };
}

// prettier-ignore
export const requests: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['initialize',                initialize],
  ['launch',                    launch],
  ['attach',                    attach],
  ['configurationDone',         configurationDone],
  ['terminate',                 terminate],
  ['disconnect',                disconnect],

  ['setBreakpoints',            setBreakpoints],
  ['setFunctionBreakpoints',    setFunctionBreakpoints],
  ['setInstructionBreakpoints', setInstructionBreakpoints],
  ['setExceptionBreakpoints',   setExceptionBreakpoints],
  ['dataBreakpointInfo',        dataBreakpointInfo],
  ['setDataBreakpoints',        setDataBreakpoints],

  ['continue',                  continueForward],
  ['reverseContinue',           reverseContinue],
  ['next',                      step('next')],
  ['stepIn',                    step('stepIn')],
  ['stepOut',                   step('stepOut')],
  ['stepBack',                  stepBack],
  ['pause',                     pause],

  ['threads',                   threads],
  ['stackTrace',                stackTrace],
  ['scopes',                    scopes],
  ['variables',                 variables],
  ['setVariable',               setVariable],
  ['evaluate',                  evaluate],
  ['exceptionInfo',             exceptionInfo],
  ['source',                    source],
  ['readMemory',                readMemory],
  ['writeMemory',               writeMemory],
  ['disassemble',               disassemble],
]);
