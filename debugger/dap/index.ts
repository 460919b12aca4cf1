/** One connection of a client of the Debug Adapter Protocol: bytes in, messages out. The host brings streams and boxes. */
import { DebugSession, OutputEvent, Response } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { BoxError } from '../../box/errors.ts';
import { didYouMean } from '../../toolchain/assembler/did-you-mean.ts';
import { DebuggerError } from '../error.ts';
import { readArguments } from './arguments.ts';
import { RequestError } from './errors.ts';
import { createFrameReader, type IncomingFrame } from './frames.ts';
import { end } from './lifecycle.ts';
import { requests } from './requests.ts';
import type { DapHost, DapOptions, DapSession } from './session.ts';

export { RequestError } from './errors.ts';
export { encodeFrame } from './frames.ts';
export type { DapHost, DapOptions, HostSources, LaunchConfiguration, Launched } from './session.ts';

export interface DapConnection {
  /** What the client has sent; answers go to the host, at once or later. */
  receive(bytes: Uint8Array): void;
  /** The connection has gone. */
  disconnected(): void;
}

/** of a command's name, as an answer repeats it */
const LONGEST_NAME = 80;

/** What nobody can go on after when it fails: the client says why. */
const asking: ReadonlySet<string> = new Set(['initialize', 'launch', 'attach']);

function isRequest(value: unknown): value is DebugProtocol.Request {
  if (typeof value !== 'object' || value === null) return false;
  const { type, seq, command } = value as Record<string, unknown>;
  return (
    type === 'request' && Number.isSafeInteger(seq) && typeof command === 'string' && command.length <= LONGEST_NAME
  );
}

/** The protocol's side, of which the sequence of messages and their forms are the library's. */
class Adapter extends DebugSession {
  private readonly session: DapSession;

  constructor(host: DapHost, options: DapOptions) {
    super(true, true);
    this.onDidSendMessage((message) => host.send(message as DebugProtocol.ProtocolMessage));
    this.session = {
      host,
      options,
      sendEvent: (event) => {
        if (!this.session.ended) this.sendEvent(event);
      },
      client: { lineBase: 1, columnBase: 1, invalidated: false },
      initialized: false,
      configuration: undefined,
      target: undefined,
      motion: undefined,
      interrupted: false,
      terminated: false,
      ended: false,
      afterResponse: [],
    };
  }

  end(): void {
    end(this.session);
  }

  get ended(): boolean {
    return this.session.ended;
  }

  protected override dispatchRequest(request: DebugProtocol.Request): void {
    const response: DebugProtocol.Response = new Response(request);
    try {
      const body = this.bodyOf(request);
      if (!(body instanceof Promise)) this.answer(response, body);
      else {
        body.then(
          (later) => this.answer(response, later),
          (error: unknown) => this.refuse(response, error),
        );
      }
    } catch (error) {
      this.refuse(response, error);
    }
  }

  private bodyOf({
    command,
    arguments: args,
  }: DebugProtocol.Request): object | undefined | Promise<object | undefined> {
    const handler = requests.get(command);
    if (handler === undefined) {
      throw new RequestError(`there is no request ${JSON.stringify(command)}${didYouMean(command, requests.keys())}`);
    }
    if (!this.session.initialized && command !== 'initialize' && command !== 'disconnect') {
      throw new RequestError(`${command}: expected initialize first`);
    }
    return handler(this.session, readArguments(command, args));
  }

  private answer(response: DebugProtocol.Response, body: object | undefined): void {
    const { session } = this;
    if (session.ended) return;
    if (body !== undefined) response.body = body;
    this.sendResponse(response);
    for (const action of session.afterResponse.splice(0)) action();
  }

  private refuse(response: DebugProtocol.Response, error: unknown): void {
    const { session } = this;
    session.afterResponse.length = 0;
    if (session.ended) return;
    const isOurs = error instanceof RequestError || error instanceof DebuggerError || error instanceof BoxError;
    const words = error instanceof Error ? error.message : 'something has gone wrong';
    const message = isOurs ? words : `internal error: ${words}: please report it`;
    if (!isOurs) session.options.onError?.(error);
    response.success = false;
    response.message = message;
    const showUser = asking.has(response.command);
    response.body = { error: { id: 1, format: '{message}', variables: { message }, showUser } };
    this.sendResponse(response);
  }
}

/** Begins a session: nothing is launched until the client asks for it. */
export function connectDap(host: DapHost, options: DapOptions): DapConnection {
  const adapter = new Adapter(host, options);
  const reader = createFrameReader();
  const complain = (text: string): void => adapter.sendEvent(new OutputEvent(`${text}\n`, 'stderr'));

  const take = (frame: IncomingFrame): void => {
    if (frame.kind !== 'message') {
      complain(frame.text);
      if (frame.kind === 'damaged') return;
      adapter.end();
      host.close();
    } else if (isRequest(frame.value)) adapter.handleMessage(frame.value);
    // answers to what was never asked for, and events, are nothing to us
    else if ((frame.value as { type?: unknown } | null)?.type === 'request')
      complain('got a request without seq or command');
  };

  return {
    receive(bytes) {
      for (const frame of reader.read(bytes)) {
        if (adapter.ended) return;
        take(frame);
      }
    },
    disconnected: () => adapter.end(),
  };
}
