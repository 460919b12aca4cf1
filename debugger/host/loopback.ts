/** Servers that only this host reaches. */
import type { AddressInfo, Server } from 'node:net';

/** The only address that they are bound to: whoever reaches one can do anything with a box. */
const LOOPBACK = '127.0.0.1';

/** The port that `server` listens on from now on; 0 chooses a free one. Rejects with the host's error when it cannot be had. */
export const listenOnLoopback = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => resolve((server.address() as AddressInfo).port));
  });
