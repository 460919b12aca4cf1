/** From `initialize` over `launch` and `configurationDone` to `disconnect`. */
import { InitializedEvent, TerminatedEvent } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { engineNames } from '../../cpu/engine.ts';
import type { Arguments } from './arguments.ts';
import { createBreakpoints } from './breakpoints.ts';
import { capabilities, exceptionRows } from './capabilities.ts';
import { RequestError } from './errors.ts';
import { goOn } from './motion.ts';
import { restingTarget, targetOf, type DapSession, type LaunchConfiguration } from './session.ts';
import { createSourceFiles } from './source-files.ts';
import { sendStopped, tellOutput } from './stopped.ts';
import { threadOfRest } from './threads.ts';
import { createVariables } from './variables/index.ts';

export function initialize(session: DapSession, args: Arguments): DebugProtocol.Capabilities {
  if (session.initialized) throw new RequestError('initialize: it has come before');
  const format = args.optionalText('pathFormat') ?? 'path';
  if (format !== 'path')
    throw new RequestError(`initialize: got path format ${JSON.stringify(format)}, expected "path"`);
  session.client = {
    lineBase: args.flag('linesStartAt1', true) ? 1 : 0,
    columnBase: args.flag('columnsStartAt1', true) ? 1 : 0,
    invalidated: args.flag('supportsInvalidatedEvent'),
  };
  session.initialized = true;
  return capabilities;
}

function configurationOf(args: Arguments): LaunchConfiguration {
  const [sample, program] = [args.optionalText('sample'), args.optionalText('program')];
  if ((sample === undefined) === (program === undefined)) {
    throw new RequestError(
      'launch: expected either "sample", the name of a sample, or "program", the path of a static ELF file',
    );
  }
  // "Run without debugging"
  const noDebug = args.flag('noDebug');
  return {
    sample,
    program,
    arguments: args.texts('arguments'),
    cpus: args.optionalInteger('cpus', { least: 1, most: 64 }),
    memory: args.optionalInteger('memory', { least: 16, most: 2048 }),
    seed: args.optionalInteger('seed', { least: 0 }),
    schedule: args.optionalInteger('schedule', { least: 0 }),
    engine: args.choice('engine', engineNames),
    avx: args.flag('avx'),
    dispatcher: args.optionalText('dispatcher'),
    stopOnEntry: args.flag('stopOnEntry') && !noDebug,
    stopOnExit: args.flag('stopOnExit') && !noDebug,
  };
}

/** The box is ready when this is answered; breakpoints can be set from then on. */
export async function launch(session: DapSession, args: Arguments): Promise<undefined> {
  if (session.configuration !== undefined) throw new RequestError('launch: something has been launched already');
  const configuration = configurationOf(args);
  session.configuration = configuration;
  try {
    const launched = await session.options.launch(configuration);
    if (session.ended) return;
    const { debugger: host } = launched;
    session.target = {
      ...launched,
      breakpoints: createBreakpoints(host, session.client.lineBase),
      variables: createVariables(),
      sources: createSourceFiles(host, session.options.sources),
      thread: threadOfRest(host.rest),
      started: false,
      detach: tellOutput(session, host.box),
    };
  } catch (error) {
    session.configuration = undefined;
    throw error;
  }
  session.afterResponse.push(() => session.sendEvent(new InitializedEvent()));
}

export function attach(): never {
  throw new RequestError(
    'attach: a box begins with the session: use "request": "launch" with "sample" or "program" (for a running one there is --gdb)',
  );
}

export function configurationDone(session: DapSession): undefined {
  const target = restingTarget(session);
  if (target.started) throw new RequestError('configurationDone: it has come before');
  target.started = true;
  session.afterResponse.push(() => {
    if (session.configuration?.stopOnEntry === true) sendStopped(session, target, target.debugger.rest, false, 'entry');
    else goOn(session);
  });
  return undefined;
}

/** The box is given up. */
export function end(session: DapSession): void {
  if (session.ended) return;
  session.ended = true;
  session.motion = undefined;
  const { target } = session;
  target?.detach();
  target?.breakpoints.clear();
}

export function terminate(session: DapSession): undefined {
  session.motion = undefined;
  session.afterResponse.push(() => {
    if (session.terminated) return;
    session.terminated = true;
    session.sendEvent(new TerminatedEvent());
  });
  return undefined;
}

export function disconnect(session: DapSession): undefined {
  session.afterResponse.push(() => {
    end(session);
    session.host.close();
  });
  return undefined;
}

export function exceptionInfo(session: DapSession): DebugProtocol.ExceptionInfoResponse['body'] {
  const { rest, box } = targetOf(session).debugger;
  const row = exceptionRows.find(({ target }) => target.kind === rest.stop?.kind);
  if (rest.reason === 'dead') return { exceptionId: 'dead', description: box.death ?? rest.text, breakMode: 'always' };
  if (row === undefined) throw new RequestError('it rests at no exception');
  const details = Object.entries(rest.stop?.details ?? {}).map(
    ([name, value]) => `${name}: ${typeof value === 'bigint' ? `0x${value.toString(16)}` : value}`,
  );
  return {
    exceptionId: row.label,
    description: rest.text,
    breakMode: 'always',
    ...(details.length === 0 ? undefined : { details: { message: details.join(', ') } }),
  };
}
