/** Clients of the debug adapter: the library's over a socket, and one in the same process for what no library would send. */
import { DebugClient } from '@vscode/debugadapter-testsupport';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { launchBox } from '../../command/debug-adapter.ts';
import { connectDap, encodeFrame, type DapOptions } from '../../debugger/dap/index.ts';
import { hostSources, serveDap } from '../../debugger/host/dap-server.ts';
import { within } from './loopback.ts';

type Events = Readonly<Record<string, unknown>>;

/** What was stopped at, and the frames of the thread that has. */
export interface Stopped {
  readonly reason: string;
  readonly text: string;
  readonly thread: number;
  readonly hit: readonly number[];
  readonly frames: readonly DebugProtocol.StackFrame[];
  /** the innermost */
  readonly top: DebugProtocol.StackFrame;
}

export interface Driver {
  readonly client: DebugClient;
  /** events that nobody has waited for, by name */
  readonly events: readonly (Events & { readonly event: string; readonly body: never })[];
  request<Body>(command: string, args?: object): Promise<Body>;
  /** What a request is refused with. */
  refusal(command: string, args?: object): Promise<string>;
  /** Sends a request by which it goes on, and waits until it rests. */
  move(command: string, args?: object): Promise<Stopped>;
  /** Sends it, and waits for another event. */
  awaiting<Body>(event: string, command: string, args?: object): Promise<Body>;
  evaluate(expression: string, context?: string): Promise<string>;
  scope(frame: number, name: string): Promise<number>;
  variables(reference: number, args?: object): Promise<readonly DebugProtocol.Variable[]>;
  output(category: string): string;
}

function drive(client: DebugClient): Driver {
  const events: { event: string; body: never }[] = [];
  for (const event of ['output', 'breakpoint', 'stopped', 'exited', 'terminated', 'invalidated', 'initialized']) {
    client.on(event, ({ body }: { body: never }) => void events.push({ event, body }));
  }
  let thread = 1;
  const request = async <Body>(command: string, args: object = {}): Promise<Body> =>
    (await within(command, client.customRequest(command, args))).body as Body;
  const awaiting = async <Body>(event: string, command: string, args: object = {}): Promise<Body> => {
    const came = client.waitForEvent(event);
    await request(command, { threadId: thread, ...args });
    return (await within(`${event} after ${command}`, came)).body as Body;
  };
  return {
    client,
    events,
    request,
    awaiting,
    async refusal(command, args) {
      try {
        await request(command, args);
      } catch (error) {
        return (error as Error).message;
      }
      throw new Error(`${command} was not refused`);
    },
    async move(command, args) {
      const body = await awaiting<DebugProtocol.StoppedEvent['body']>('stopped', command, args);
      thread = body.threadId!;
      const { stackFrames: frames } = await request<DebugProtocol.StackTraceResponse['body']>('stackTrace', {
        threadId: thread,
      });
      const { reason, text = '', hitBreakpointIds: hit = [] } = body;
      return { reason, text, thread, hit, frames, top: frames[0]! };
    },
    evaluate: async (expression, context = 'watch') =>
      (await request<DebugProtocol.EvaluateResponse['body']>('evaluate', { expression, context })).result,
    async scope(frame, name) {
      const { scopes } = await request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId: frame });
      const found = scopes.find((scope) => scope.name === name);
      if (found === undefined) throw new Error(`there is no ${name} among ${scopes.map((scope) => scope.name).join()}`);
      return found.variablesReference;
    },
    variables: async (reference, args) =>
      (await request<DebugProtocol.VariablesResponse['body']>('variables', { variablesReference: reference, ...args }))
        .variables,
    output: (category) =>
      events
        .filter(({ event, body }) => event === 'output' && (body as Events)['category'] === category)
        .map(({ body }) => (body as { output: string }).output)
        .join(''),
  };
}

/** A client of a server on the loopback; what no request should cause fails the test. */
export async function withClient(
  use: (driver: Driver) => Promise<void>,
  options: Partial<DapOptions> = {},
): Promise<void> {
  const errors: unknown[] = [];
  const server = await serveDap(0, {
    sources: hostSources,
    launch: launchBox,
    onError: (error) => void errors.push(error),
    ...options,
  });
  const client = new DebugClient('', '', 'kernel-in-a-box');
  try {
    await client.start(server.port);
    await use(drive(client));
  } finally {
    await within('disconnect', client.stop());
    await server.close();
  }
  if (errors.length > 0) throw errors[0];
}

/** Launched and at rest where it begins, with `prepare` before. */
export async function withLaunched(
  configuration: object,
  use: (driver: Driver, entry: Stopped) => Promise<void>,
  options: Partial<DapOptions> = {},
): Promise<void> {
  await withClient(async (driver) => {
    await driver.request('initialize', { adapterID: 'kernel-in-a-box', supportsInvalidatedEvent: true });
    await driver.awaiting('initialized', 'launch', { memory: 32, stopOnEntry: true, ...configuration });
    await use(driver, await driver.move('configurationDone'));
  }, options);
}

export interface RawClient {
  /** Bytes as they are. */
  send(bytes: Uint8Array): void;
  /** A message, which need not be one. */
  message(message: unknown): void;
  /** Lets everything that is due happen, at most `turns` times; whether nothing is left. */
  settle(turns: number): Promise<boolean>;
  /** What has come, and was not taken yet. */
  take(): DebugProtocol.ProtocolMessage[];
  disconnect(): void;
  readonly closed: boolean;
  /** what no request should cause */
  readonly errors: readonly unknown[];
}

/** Without a socket: messages in, messages out. */
export function rawClient(options: Partial<DapOptions> = {}): RawClient {
  const actions: (() => void)[] = [];
  const received: DebugProtocol.ProtocolMessage[] = [];
  const errors: unknown[] = [];
  let closed = false;
  const connection = connectDap(
    {
      // as it goes over the wire
      send: (message) => void received.push(JSON.parse(JSON.stringify(message)) as DebugProtocol.ProtocolMessage),
      later: (action) => void actions.push(action),
      close: () => (closed = true),
    },
    { sources: hostSources, launch: launchBox, onError: (error) => void errors.push(error), ...options },
  );
  return {
    send: (bytes) => connection.receive(bytes),
    message: (message) => connection.receive(encodeFrame(message)),
    async settle(turns) {
      for (let n = 0; n < turns; n++) {
        // a box is booted in between
        // oxlint-disable-next-line no-await-in-loop
        await new Promise((resolve) => void setImmediate(resolve));
        actions.shift()?.();
      }
      return actions.length === 0;
    },
    take: () => received.splice(0),
    disconnect: () => connection.disconnected(),
    get closed() {
      return closed;
    },
    errors,
  };
}
