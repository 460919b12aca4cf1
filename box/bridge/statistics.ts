/** What a bridge counts. */
export interface BridgeStatistics {
  framesFromBox: number;
  framesToBox: number;
  /** from the box: malformed, or of a protocol or an address that the outside does not have */
  framesIgnored: number;
  /** for the box: the bridge's queue or the device's was full */
  framesDropped: number;
  datagramsFromBox: number;
  datagramsToBox: number;
  /** larger than a packet, or from a stranger */
  datagramsDropped: number;
  /** TCP connections of real clients to the box, and of the box to real servers */
  connectionsToBox: number;
  connectionsFromBox: number;
  /** that the other side did not take, or broke off */
  connectionsBroken: number;
  /** through TCP */
  bytesFromBox: number;
  bytesToBox: number;
}

export const createStatistics = (): BridgeStatistics => ({
  framesFromBox: 0,
  framesToBox: 0,
  framesIgnored: 0,
  framesDropped: 0,
  datagramsFromBox: 0,
  datagramsToBox: 0,
  datagramsDropped: 0,
  connectionsToBox: 0,
  connectionsFromBox: 0,
  connectionsBroken: 0,
  bytesFromBox: 0,
  bytesToBox: 0,
});
