/** Valid packets of the network samples, and what can be wrong with one. */
import * as fc from 'fast-check';
import { ETH_P_IP, ethernetFrame, IPPROTO_TCP, ipv4Packet, tcpSegment, TcpFlag } from '../../kernel/net/packet.ts';
import { HOST, OUTSIDE, udpFrame } from './network-machine.ts';
import { paxos } from './rex-packets.ts';

const MEMCACHED = 11211;
const PAXOS = 12345;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const memcached = (text: string): Uint8Array => Uint8Array.of(0, 7, 0, 0, 0, 1, 0, 0, ...bytesOf(text));

function tcpFrame(port: number, text: string): Uint8Array {
  const segment = { source: 4000, destination: port, seq: 1, ack: 1, flags: TcpFlag.ack, window: 1000 };
  const bytes = tcpSegment(OUTSIDE.address, HOST.address, { ...segment, mss: undefined, payload: bytesOf(text) });
  const packet = ipv4Packet(OUTSIDE.address, HOST.address, IPPROTO_TCP, bytes, 7);
  return ethernetFrame({ destination: HOST.mac, source: OUTSIDE.mac, protocol: ETH_P_IP }, packet);
}

const PREPARE = 'specpaxos.vr.proto.PrepareMessage';

/** What the programs were written for. `apple` is a key that is cached when a test says so. */
export const validFrames: Readonly<Record<string, Uint8Array>> = {
  get: udpFrame(5000, MEMCACHED, memcached('get apple\r\n')),
  'get of three': udpFrame(5000, MEMCACHED, memcached('get pear apple  plum\r\n')),
  'get of a long key': udpFrame(5000, MEMCACHED, memcached(`get ${'k'.repeat(229)} apple\r\n`)),
  set: tcpFrame(MEMCACHED, 'set apple 0 0 5\r\ngreen\r\n'),
  value: udpFrame(MEMCACHED, 5000, memcached('VALUE apple 0 5\r\ngreen\r\nEND\r\n')),
  udp: udpFrame(5000, 9, bytesOf('hello')),
  tcp: tcpFrame(80, 'GET / HTTP/1.0\r\n'),
  prepare: udpFrame(9000, PAXOS, paxos(PREPARE, 0, [0, 1, 1])),
  broadcast: udpFrame(9000, PAXOS, paxos(PREPARE, 1 << 31, [0, 1, 1])),
};

/** One thing that happens to a packet on its way. */
export type Damage =
  | { readonly type: 'cut'; readonly length: number }
  | { readonly type: 'put'; readonly at: number; readonly bytes: readonly number[] }
  | { readonly type: 'grow'; readonly bytes: Uint8Array };

const LARGEST = 1514;

export function damaged(frame: Uint8Array, damages: readonly Damage[]): Uint8Array {
  let result = frame.slice();
  for (const damage of damages) {
    if (damage.type === 'cut') result = result.slice(0, damage.length % (result.length + 1));
    else if (damage.type === 'grow') result = Uint8Array.of(...result, ...damage.bytes).slice(0, LARGEST);
    else damage.bytes.forEach((byte, n) => damage.at + n < result.length && (result[damage.at + n] = byte));
  }
  return result;
}

const byte = fc.nat(255);
/** what programs look at: IHL, tot_len, fragments, protocol, UDP length, ports, data offset, magic, lengths, type */
const telling = fc.constantFrom(14, 16, 20, 23, 26, 34, 36, 38, 40, 42, 46, 49, 50, 53, 54, 64, 73);
const marks = fc
  .constantFrom('get ', 'set ', 'VALUE ', ' ', '\r\n', '\n\n', '\r', '\0')
  .map((text) => [...bytesOf(text)]);

const damageArbitrary: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ type: fc.constant('cut' as const), length: fc.nat(LARGEST) }),
  fc.record({ type: fc.constant('put' as const), at: telling, bytes: fc.array(byte, { minLength: 1, maxLength: 4 }) }),
  fc.record({ type: fc.constant('put' as const), at: fc.nat(120), bytes: marks }),
  fc.record({
    type: fc.constant('put' as const),
    at: fc.nat(120),
    bytes: fc.array(byte, { minLength: 1, maxLength: 8 }),
  }),
  fc.record({ type: fc.constant('grow' as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: fc.constant('grow' as const), bytes: fc.nat(1400).map((size) => new Uint8Array(size).fill(0x61)) }),
);

/** Any bytes of any length, or a valid packet with up to four things wrong. */
export const frameArbitrary: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: LARGEST + 10, size: 'max' }) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(...Object.values(validFrames)), fc.array(damageArbitrary, { maxLength: 4 }))
      .map(([frame, damages]) => damaged(frame, damages)),
  },
);
