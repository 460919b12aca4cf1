/** A bridge's doings are part of history: what came from the host's network and clock comes again without either. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openBridge } from '../box/bridge/index.ts';
import { readHostFile } from '../box/host-files.ts';
import { Box } from '../index.ts';
import { stateDifferences, stateOf } from './support/box-state.ts';
import { LOOPBACK, within } from './support/loopback.ts';

const PORT = 7000;

test('datagrams through a relay in the box, and once more without a network', async () => {
  const server = createSocket('udp4');
  server.bind(0, LOOPBACK);
  await once(server, 'listening');
  server.on('message', (bytes, { port }) => server.send(bytes, port, LOOPBACK));
  const box = await Box.boot({
    memory: 32 << 20,
    network: { veth: [{ name: 'eth0', address: '10.0.0.2/24' }] },
    history: true,
  });
  box.files.write('/relay', readHostFile(new URL('../samples/support/relay', import.meta.url)));
  box.spawn('/relay', [`${PORT}`, '10.0.0.1']);
  const bridge = await openBridge(box, {
    device: 'eth0',
    address: '10.0.0.1',
    forward: [{ protocol: 'udp', port: PORT, hostPort: server.address().port }],
    listen: [{ protocol: 'udp', hostPort: 0, boxPort: PORT }],
  });
  const client = createSocket('udp4');
  const running = bridge.run();
  try {
    for (const text of ['one', 'two', 'three']) {
      const answer = once(client, 'message');
      client.send(text, bridge.listening[0]!.hostPort, LOOPBACK);
      // oxlint-disable-next-line no-await-in-loop
      assert.is(String((await within('an answer', answer))[0]), text);
    }
  } finally {
    bridge.close();
    client.close();
    server.close();
  }
  await within('the end of the run', running);
  const [last, final] = [box.instructions, stateOf(box)];
  for (const point of [0, Math.floor(last / 3), last - 1]) {
    assert.equal(box.goTo(point), { reason: 'reached', instruction: point });
    box.run({ budget: last - point });
    assert.is(box.instructions, last);
    assert.equal(stateDifferences(final, stateOf(box)), [], `from ${point}`);
  }
});

test.run();
