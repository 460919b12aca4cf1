/** What TCP and UDP sockets share: net/ipv4/af_inet.c. */
import { Errno, errnoName, fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { isLocalAddress } from './devices.ts';
import { readInet, writeInet } from './sockaddr.ts';
import { choosePort, isFree, takeError, writeSock } from './sockets.ts';
import type { Socket } from './types.ts';

/** EINVAL bound already or a bad length, EAFNOSUPPORT, EADDRNOTAVAIL not this host's address, EADDRINUSE. */
export function bindInet(kernel: Kernel, socket: Socket, bytes: Uint8Array): void {
  const wanted = readInet(bytes);
  if (wanted.address !== 0 && !isLocalAddress(kernel, wanted.address)) fail('EADDRNOTAVAIL');
  if (socket.local.port !== 0) fail('EINVAL');
  if (wanted.port !== 0 && !isFree(kernel, socket, wanted)) fail('EADDRINUSE');
  const port = wanted.port === 0 ? choosePort(kernel, socket, wanted.address) : wanted.port;
  socket.local = { address: wanted.address, port };
  socket.boundAddress = wanted.address !== 0;
  writeSock(kernel, socket);
}

export const inetName = (socket: Socket): Uint8Array => writeInet(socket.local);

export const inetPeerName = (socket: Socket): Uint8Array =>
  socket.connected ? writeInet(socket.remote) : fail('ENOTCONN');

/** Fails with the pending error, which is then gone. */
export function throwPending(socket: Socket): void {
  const number = takeError(socket);
  if (number === 0) return;
  throw new Errno(errnoName(number) ?? 'EIO');
}
