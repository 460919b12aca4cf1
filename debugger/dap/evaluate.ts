/** Expressions, and in the debug console the debugger's commands. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { DebuggerError } from '../error.ts';
import type { Arguments } from './arguments.ts';
import { commandHint, runCommand } from './commands.ts';
import { RequestError } from './errors.ts';
import { restingTarget, type DapSession } from './session.ts';
import { hex, numberText, withoutRemark } from './text.ts';

export function evaluate(session: DapSession, args: Arguments): DebugProtocol.EvaluateResponse['body'] {
  const { debugger: host } = restingTarget(session);
  const expression = args.text('expression');
  const inConsole = args.optionalText('context') === 'repl';
  const printed = inConsole ? runCommand(session, expression) : undefined;
  if (printed !== undefined) return { result: printed, variablesReference: 0 };
  try {
    const value = host.evaluate(withoutRemark(expression));
    const mapped = value >= 0x1000n && value < 1n << 64n && host.readMemory(value, 1) !== undefined;
    return {
      result: numberText(host, value),
      variablesReference: 0,
      ...(mapped ? { memoryReference: hex(value) } : undefined),
    };
  } catch (error) {
    const hint = inConsole && error instanceof DebuggerError ? commandHint(expression) : '';
    if (hint === '') throw error;
    throw new RequestError(`${(error as Error).message}; there are commands, too: ${hint.trim()}`);
  }
}
