/** Packets of gdb's remote protocol: what is written is read again, and whatever comes in is answered within bounds. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { createPacketReader, encodePacket, fitting, PACKET_SIZE, type Incoming } from '../debugger/gdb/packets.ts';
import {
  bytesOfHex,
  fromLatin1,
  hexOfBytes,
  hexOfValue,
  hexRange,
  latin1,
  valueOfHex,
  xmlText,
} from '../debugger/gdb/text.ts';

const read = (text: string): Incoming[] => createPacketReader().read(fromLatin1(text));
const packets = (text: string): string[] =>
  read(text).map((incoming) => (incoming.kind === 'packet' ? latin1(incoming.data) : `(${incoming.kind})`));

const sum = (data: string): string =>
  ([...data].reduce((total, character) => total + character.charCodeAt(0), 0) & 0xff).toString(16).padStart(2, '0');
const packet = (data: string): string => `$${data}#${sum(data)}`;

/** bytes that mean something in a packet come more often */
const anyByte = fc.oneof(fc.constantFrom(...fromLatin1('$#}*+-\x03 0aF')), fc.integer({ min: 0, max: 255 }));
const anyBytes = (maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.array(anyByte, { maxLength }).map((bytes) => Uint8Array.from(bytes));

test('a packet, an acknowledgement, a refusal and ^C', () => {
  assert.equal(packets('+$g#67-\x03$m0,4#fd'), ['(ack)', 'g', '(nack)', '(interrupt)', 'm0,4']);
});

test('^C inside a packet is data', () => {
  assert.equal(packets(packet('X0,1:\x03')), ['X0,1:\x03']);
});

test('a wrong or malformed checksum is a damaged packet, and the next is read', () => {
  assert.equal(packets('$g#68$g#67'), ['(damaged)', 'g']);
  assert.equal(packets('$g#6z$g#zz$g#67'), ['(damaged)', '(damaged)', 'g']);
});

test('a packet whose end was lost ends where another begins', () => {
  assert.equal(packets('$m0,$g#67'), ['g']);
});

test('escapes and runs are resolved', () => {
  assert.equal(packets(packet('X0,4:}\x03}\x04}]}\x0a')), ['X0,4:#$}*']);
  assert.equal(packets(packet('0* ')), ['0000']);
  assert.equal(packets(packet('ab*"c')), ['abbbbbbc']);
});

test('a run of nothing, one that is too short, and an escape of nothing are damaged', () => {
  assert.equal(packets(`${packet('*"')}${packet('a*\x1e')}${packet('a*')}${packet('a}')}`), Array(4).fill('(damaged)'));
});

test('a packet that is too long is damaged, also when only its runs make it so', () => {
  assert.equal(packets(packet('a'.repeat(PACKET_SIZE))), ['a'.repeat(PACKET_SIZE)]);
  assert.equal(packets(packet('a'.repeat(PACKET_SIZE + 1))), ['(damaged)']);
  assert.equal(packets(packet('a*~'.repeat(PACKET_SIZE / 4))), ['(damaged)']);
});

test('property: what is written is read again, however it is cut into pieces', () => {
  fc.assert(
    fc.property(fc.array(anyBytes(300), { maxLength: 5 }), fc.integer({ min: 1, max: 40 }), (all, size) => {
      const reader = createPacketReader();
      const stream = all.flatMap((data) => [...encodePacket(data)]);
      const incoming: Incoming[] = [];
      for (let at = 0; at < stream.length; at += size) {
        incoming.push(...reader.read(Uint8Array.from(stream.slice(at, at + size))));
      }
      assert.equal(
        incoming,
        all.map((data) => ({ kind: 'packet', data })),
      );
    }),
  );
});

test('property: anything may come in; it gives at most a packet for every four bytes, none longer than PACKET_SIZE', () => {
  fc.assert(
    fc.property(anyBytes(2000), (bytes) => {
      const incoming = createPacketReader().read(bytes);
      const whole = incoming.filter(({ kind }) => kind === 'packet' || kind === 'damaged');
      assert.ok(whole.length * 4 <= bytes.length);
      for (const one of incoming) if (one.kind === 'packet') assert.ok(one.data.length <= PACKET_SIZE);
    }),
  );
});

test('property: what fits is as long as it can be', () => {
  fc.assert(
    fc.property(anyBytes(200), fc.integer({ min: 0, max: 250 }), (bytes, room) => {
      // the frame is `$` and `#xx`
      const used = (length: number): number => encodePacket(bytes.subarray(0, length)).length - 4;
      const length = fitting(bytes, room);
      assert.ok(used(length) <= room);
      assert.ok(length === bytes.length || used(length + 1) > room);
    }),
  );
});

test('property: bytes and values in hexadecimal', () => {
  fc.assert(
    fc.property(anyBytes(50), fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (bytes, value) => {
      assert.equal(bytesOfHex(hexOfBytes(bytes)), bytes);
      assert.is(valueOfHex(hexOfValue(value, 128), 128), value);
      assert.is(hexOfValue(value, 64), hexOfBytes(new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, value)).buffer)));
    }),
  );
});

test('numbers that are none', () => {
  for (const text of ['', '1', '1,', ',1', '1,2,3', 'g,1', '1,-1', '10000000000000000,1', '0,ffffffffffffffff']) {
    assert.is(hexRange(text), undefined, text);
  }
  assert.equal(hexRange('ffffffffffffffff,10'), { address: 0xffff_ffff_ffff_ffffn, length: 16 });
  assert.is(valueOfHex('0011', 8), undefined);
  assert.is(bytesOfHex('0g'), undefined);
});

test('names of any kind in XML', () => {
  assert.is(xmlText('a<b>&"\'\0\x1f\n\ud800é'), 'a&lt;b&gt;&amp;&quot;&apos;??\n?é');
});

test.run();
