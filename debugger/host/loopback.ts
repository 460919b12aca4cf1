/** Servers that only this host reaches. */
import type { AddressInfo, Server } from 'node:net';
import { HostPortError } from '../../box/host-port.ts';

/** The only address that they are bound to: whoever reaches one can do anything with a box. */
const LOOPBACK = '127.0.0.1';

/** The port that `server` listens on from now on; 0 chooses a free one. Rejects with HostPortError. */
export const listenOnLoopback = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(new HostPortError(`${LOOPBACK}:${port}`, error));
    server.once('error', refuse);
    server.listen(port, LOOPBACK, () => {
      server.off('error', refuse);
      // a client that could not be taken
      server.on('error', () => {});
      resolve((server.address() as AddressInfo).port);
    });
  });
