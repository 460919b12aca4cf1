/** The debug adapter against whatever is sent: bytes, messages that are none, requests with any arguments. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createFrameReader, encodeFrame, type IncomingFrame } from '../debugger/dap/frames.ts';
import { requests } from '../debugger/dap/requests.ts';
import { rawClient, type RawClient } from './support/dap-client.ts';

const slow = process.env['TEST_TIER'] === 'slow';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** `bytes` cut at places that `cuts` names. */
function* pieces(bytes: Uint8Array, cuts: readonly number[]): Generator<Uint8Array> {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((left, right) => left - right);
  let at = 0;
  for (const place of [...places, bytes.length]) {
    yield bytes.subarray(at, place);
    at = place;
  }
}

test('messages come out as they went in, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.json(), { maxLength: 5 }), fc.array(fc.nat(5000), { maxLength: 20 }), (texts, cuts) => {
      const messages = texts.map((text) => JSON.parse(text) as unknown);
      const bytes = Uint8Array.from(messages.flatMap((message) => [...encodeFrame(message)]));
      const reader = createFrameReader();
      const frames = [...pieces(bytes, cuts)].flatMap((piece) => reader.read(piece));
      assert.equal(
        frames,
        messages.map((value): IncomingFrame => ({ kind: 'message', value })),
      );
    }),
  );
});

test('what is no message is said to be none; after what is no header nothing is read', () => {
  const read = (...texts: readonly string[]): string[] => {
    const reader = createFrameReader();
    return texts.flatMap((text) => reader.read(bytesOf(text)).map(({ kind }) => kind));
  };
  assert.equal(read('Content-Length: 2\r\n\r\n{}'), ['message']);
  assert.equal(read('Content-Type: x\r\ncontent-length:2\r\n\r\n{}'), ['message']);
  assert.equal(read('Content-Length: 1\r\n\r\n{Content-Length: 2\r\n\r\n{}'), ['damaged', 'message']);
  assert.equal(read('Content-Length: 0\r\n\r\nContent-Length: 2\r\n\r\n{}'), ['damaged', 'message']);
  assert.equal(read('Content-Length: 99999999\r\n\r\n', '{}'), ['broken']);
  assert.equal(read('Content-Length: -1\r\n\r\n{}'), ['broken']);
  assert.equal(read('Length: 2\r\n\r\n{}'), ['broken']);
  assert.equal(read('x'.repeat(3000), 'x'.repeat(3000), 'Content-Length: 2\r\n\r\n{}'), ['broken']);
});

const request = (seq: number, command: string, args?: unknown): object => ({
  type: 'request',
  seq,
  command,
  ...(args === undefined ? undefined : { arguments: args }),
});

const isResponse = (message: DebugProtocol.ProtocolMessage): message is DebugProtocol.Response =>
  message.type === 'response';

/** A box at rest in the dispatcher. */
async function launched(): Promise<RawClient> {
  const client = rawClient();
  client.message(request(1, 'initialize', { adapterID: 'x', supportsInvalidatedEvent: true }));
  client.message(request(2, 'launch', { sample: 'error_injector', memory: 32, stopOnExit: true }));
  // one after the other: the box is booted in between
  for (let n = 0; n < 1000 && !client.take().some((message) => isResponse(message) && message.request_seq === 2); n++) {
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
  client.message(request(3, 'setFunctionBreakpoints', { breakpoints: [{ name: 'rex_dispatcher_func' }] }));
  client.message(request(4, 'configurationDone'));
  assert.ok(await client.settle(1000));
  const messages = client.take();
  assert.ok(
    messages.some((message) => message.type === 'event' && (message as DebugProtocol.Event).event === 'stopped'),
    JSON.stringify(messages),
  );
  return client;
}

const numbers = fc.oneof(fc.nat(40), fc.integer(), fc.constantFrom(0, -1, 1e308, 2 ** 53, 0.5));
// prettier-ignore
const texts = fc.oneof(
  fc.string(),
  fc.constantFrom(
    'rax', 'r15', 'u64[rsp]', '0xffffffff81000718', '0x401000', '0xffffffffffffffff', '0', 'syscall dup', 'main.rs:19',
    'maps', 'story', 'goto 5000', 'stop syscall', 'delete 1', '[2]', 'pid == 2', 'line', 'instruction', 'indexed',
    'write', 'samples/error_injector/main.rs', 'panic', 'register rax', '0xffff888000001000:8', 'AAECAw==', 'repl',
  ),
);
const anything = fc.oneof(numbers, texts, fc.boolean(), fc.constant(null), fc.jsonValue({ maxDepth: 2 }));
// prettier-ignore
const names = [
  'threadId', 'frameId', 'variablesReference', 'name', 'value', 'expression', 'context', 'memoryReference', 'offset', 'count',
  'instructionOffset', 'instructionCount', 'granularity', 'startFrame', 'levels', 'filter', 'start', 'data', 'source', 'path',
  'sourceReference', 'breakpoints', 'line', 'condition', 'hitCondition', 'filters', 'filterOptions', 'filterId', 'dataId',
  'accessType', 'bytes', 'asAddress', 'instructionReference', 'resolveSymbols', 'allowPartial', 'singleThread',
] as const;

/** Records with the names that the protocol has, and values that are right now and then. */
const { record } = fc.letrec<{ record: unknown; value: unknown }>((tie) => ({
  record: fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 8 }),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 6, arbitrary: anything },
    { weight: 1, arbitrary: tie('record') },
    { weight: 1, arbitrary: fc.array(tie('record'), { maxLength: 3 }) },
  ),
}));
/** What makes sense, but for `frameId` and `variablesReference`, which count from those that are there. */
// prettier-ignore
const plausible = fc.record({
  threadId: fc.constantFrom(1, 2, 2, 2),
  frameId: fc.nat(20),
  variablesReference: fc.nat(30),
  name: texts,
  value: texts,
  expression: texts,
  context: fc.constantFrom('repl', 'watch'),
  memoryReference: fc.constantFrom('0xffffffff81000718', '0x401000', '0xffff888000001000'),
  offset: fc.integer({ min: -5000, max: 5000 }),
  count: fc.nat(5000),
  instructionOffset: fc.integer({ min: -50, max: 50 }),
  instructionCount: fc.nat(50),
  granularity: fc.constantFrom('line', 'instruction'),
  source: fc.record({ path: texts }),
  breakpoints: fc.array(
    fc.record({ line: fc.nat(100), name: texts, condition: texts, instructionReference: texts, dataId: texts }, { requiredKeys: [] }),
    { maxLength: 3 },
  ),
  data: fc.constantFrom('AAECAw==', '%', ''),
});
const ours = [...requests.keys()].filter(
  (command) => !['initialize', 'launch', 'disconnect', 'terminate', 'configurationDone'].includes(command),
);
const step = fc.tuple(
  fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...ours) }, { weight: 1, arbitrary: fc.string() }),
  fc.oneof({ weight: 4, arbitrary: plausible }, record, anything),
);

/** The numbers of the first frame and of the first container, where it rests at some. */
function firstNumbers(client: RawClient, seq: number): { frame: number; container: number } {
  const bodyOf = (number: number, command: string, args: object): Record<string, unknown> => {
    client.message(request(number, command, args));
    const [answer] = client.take().filter(isResponse);
    return (answer?.body ?? {}) as Record<string, unknown>;
  };
  const [thread] = (bodyOf(seq, 'threads', {})['threads'] ?? []) as DebugProtocol.Thread[];
  const { stackFrames = [] } = bodyOf(seq + 1, 'stackTrace', { threadId: thread?.id }) as {
    stackFrames?: DebugProtocol.StackFrame[];
  };
  const frame = stackFrames[0]?.id ?? 0;
  const { scopes = [] } = bodyOf(seq + 2, 'scopes', { frameId: frame }) as { scopes?: DebugProtocol.Scope[] };
  return { frame, container: scopes[0]?.variablesReference ?? 0 };
}

function withNumbers(args: unknown, { frame, container }: { frame: number; container: number }): unknown {
  if (typeof args !== 'object' || args === null || !('frameId' in args) || !('variablesReference' in args)) return args;
  const { frameId, variablesReference } = args;
  if (typeof frameId !== 'number' || typeof variablesReference !== 'number') return args;
  return { ...args, frameId: frame + frameId, variablesReference: container + variablesReference };
}

test('every request is answered once, whatever its arguments; the session goes on', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      const client = await launched();
      let seq = 10;
      for (const [command, args] of steps) {
        const numbers = firstNumbers(client, seq);
        seq += 3;
        client.message(request(++seq, command, withNumbers(args, numbers)));
        // each is to come to rest, as a client waits for it
        // oxlint-disable-next-line no-await-in-loop
        if (!(await client.settle(30))) {
          client.message(request(++seq, 'pause', { threadId: 1 }));
          // oxlint-disable-next-line no-await-in-loop
          assert.ok(await client.settle(10), `${command} is not paused`);
        }
        const answers = client.take().filter(isResponse);
        assert.equal(
          answers.map((message) => message.request_seq),
          answers.length === 2 ? [seq - 1, seq] : [seq],
        );
        assert.ok(answers.every(({ success, message }) => success || typeof message === 'string'));
      }
      client.message(request(++seq, 'threads'));
      assert.ok(client.take().filter(isResponse)[0]!.success);
      assert.equal(client.errors, []);
      client.message(request(++seq, 'disconnect'));
      assert.ok(client.closed);
    }),
    { numRuns: slow ? 200 : 6 },
  );
});

test('messages that are no requests, and bytes that are no messages', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.jsonValue(), record, fc.uint8Array({ maxLength: 100 })), { maxLength: 20 }),
      async (things) => {
        const client = rawClient({ launch: () => Promise.reject(new Error('not in this test')) });
        for (const thing of things) {
          if (thing instanceof Uint8Array) client.send(thing);
          else client.message(thing);
        }
        await client.settle(2);
        const messages = client.take();
        assert.ok(messages.every(({ type }) => type === 'event'));
        assert.equal(client.errors, []);
        client.disconnect();
      },
    ),
    { numRuns: slow ? 2000 : 100 },
  );
});

test('it may be left at any moment: while it boots, while it runs', async () => {
  const client = rawClient();
  client.message(request(1, 'initialize', {}));
  client.message(request(2, 'launch', { sample: 'panic', memory: 32 }));
  client.message(request(3, 'threads'));
  client.message(request(4, 'disconnect'));
  assert.ok(client.closed);
  await new Promise((resolve) => void setTimeout(resolve, 500));
  assert.ok(await client.settle(10));
  // the box that came too late is nobody's
  assert.equal(
    client
      .take()
      .filter(isResponse)
      .map((message) => [message.request_seq, message.success]),
    [
      [1, true],
      [3, false],
      [4, true],
    ],
  );
  assert.equal(client.errors, []);

  const running = await launched();
  running.message(request(5, 'setFunctionBreakpoints', { breakpoints: [] }));
  running.message(request(6, 'continue', { threadId: 1 }));
  running.disconnect();
  assert.ok(await running.settle(10));
  assert.equal(running.errors, []);
});

test.run();
