/** Ports of this host's loopback that cannot be had: one line that says why and what to do. */

export class HostPortError extends Error {
  override readonly name = 'HostPortError';
  /** of the host */
  readonly code: string;

  /** `where` as `udp 127.0.0.1:53` */
  constructor(where: string, error: NodeJS.ErrnoException) {
    const { code = '', message } = error;
    super(`cannot listen on ${where}: ${reasons[code] === undefined ? message : `${code}, ${reasons[code]}`}`);
    this.code = code;
  }
}

/** By the errno of the host. */
const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process has the port: choose another one, or 0 for any that is free',
  EACCES: 'this user may not: choose a port from 1024 on, or 0 for any that is free',
  EADDRNOTAVAIL: 'this host has no loopback: bring the interface lo up',
  EMFILE: 'this process has too many files open: raise its limit (ulimit -n)',
  ENFILE: 'this host has too many files open',
  ERR_SOCKET_BAD_PORT: 'ports go up to 65535',
};
