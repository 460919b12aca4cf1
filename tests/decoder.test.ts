import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decode, MAX_INSTRUCTION_LENGTH } from '../cpu/decoder.ts';
import { icedText, ourText } from './native/disassemble.ts';
import { compiledRows, encodeRow } from './native/encode.ts';
import { createRandom, type Random } from './native/random.ts';

const slow = process.env['TEST_TIER'] === 'slow';
/** ENCODINGS: how many; SEED: where the sequence starts. */
const ENCODINGS = Number(process.env['ENCODINGS'] ?? (slow ? 20_000_000 : 100_000));
const ARBITRARY = slow ? 1_000_000 : 60_000;
const SEED = Number(process.env['SEED'] ?? 1);

/** Where we differ from iced-x86 on purpose. */
const deviations: readonly { readonly why: string; readonly ours: RegExp; readonly iced: RegExp }[] = [
  { why: 'the native-call trap takes an encoding that is free', ours: /^native /, iced: /^undefined/ },
  { why: 'its table is no operand of ours', ours: /^xlatb /, iced: /^xlatb m8 / },
  { why: 'without WBNOINVD in CPUID, it is wbinvd', ours: /^wbinvd /, iced: /^wbnoinvd / },
  { why: 'with REX.B, processors do exchange', ours: /^xchg r8/, iced: /^pause / },
  {
    why: 'hints that ask for nothing here',
    ours: /^(nop|prefetch\w+) /,
    iced: /^(prefetch|cldemote|reservednop|rdssp|endbr|nop)/,
  },
];

/** The same text where it means the same: see each line. */
function unified(ours: string, iced: string): { readonly ours: string; readonly iced: string } {
  let right = iced.replace(/^(lock )?sal /, '$1shl ');
  // the operand has a size of the instruction's own
  if (ours.includes(' m0 ')) right = right.replace(/ m\d+ /, ' m0 ');
  // 16 bits are read, whatever size the register is shown with
  if (/^(mov [c-gs]s, |ltr |lldt |verr |verw |lmsw |lar |lsl )/.test(ours)) {
    const narrow = (text: string): string =>
      text.replace(/([, ])[re]?([a-ds][xpi]|[sd]i|r\d+)[wd]? \(/, '$1$2 (').replace(/r(\d+)[wd]? \(/, 'r$1 (');
    return { ours: narrow(ours), iced: narrow(right) };
  }
  return { ours, iced: right };
}

const toBytes = (list: readonly number[], random: Random): Uint8Array => {
  const bytes = new Uint8Array(MAX_INSTRUCTION_LENGTH).map(() => random.below(256));
  bytes.set(list.slice(0, MAX_INSTRUCTION_LENGTH));
  return bytes;
};

/** C5, or C4 with one of the three maps, mostly with a VEX.vvvv that says nothing. */
function vexHead(random: Random): number[] {
  const tail = random.chance(0.7) ? 0x78 | (random.below(256) & 0x87) : random.below(256);
  return random.chance(0.3) ? [0xc5, tail] : [0xc4, (random.below(8) << 5) | (1 + random.below(3)), tail];
}

function randomBytes(random: Random): Uint8Array {
  const prefixes = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x64, 0x65, 0x40, 0x48, 0x41, 0x44, 0x4f];
  const head = Array.from({ length: random.below(4) }, () => random.pick(prefixes));
  if (random.chance(0.3)) head.push(...vexHead(random));
  else if (random.chance(0.6)) head.push(0x0f);
  return toBytes(head, random);
}

const anywhere = { redundant: true, displacement: (_: string, random: Random) => random.next() };

function encoding(random: Random, n: number): Uint8Array {
  if (n % 4 === 3) return randomBytes(random);
  return toBytes(encodeRow(compiledRows[n % compiledRows.length]!, random, anywhere), random);
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** What iced-x86 accepts and we do not, though one of our rows has the name. */
const narrower: readonly { readonly why: string; readonly iced: RegExp }[] = [
  { why: 'there is no VAES and no VPCLMULQDQ', iced: /^v(aes|pclmul).* ymm/ },
];
const ourMnemonics = new Set(compiledRows.map(({ row }) => row.mnemonic));
/** 62 behind segment and address-size prefixes is EVEX: AVX-512, of which we have nothing, under names that VEX has too. */
const isEvex = (bytes: Uint8Array): boolean => /^(26|2e|36|3e|64|65|67)*62/.test(hexOf(bytes));
function isOurs(bytes: Uint8Array, iced: string): boolean {
  if (isEvex(bytes)) return false;
  const mnemonic = iced.replace(/^(lock |repn?e? )+/, '').split(' ')[0]!;
  return ourMnemonics.has(mnemonic) && !narrower.some((deviation) => deviation.iced.test(iced));
}

test(`${ENCODINGS} encodings mean what iced-x86 says`, () => {
  const random = createRandom(SEED);
  const differences = new Map<string, string>();
  let accepted = 0;
  for (let n = 0; n < ENCODINGS; n++) {
    const bytes = encoding(random, n);
    const ours = decode(bytes, 0, bytes.length);
    if (typeof ours !== 'object') {
      const iced = icedText(bytes);
      if (iced === undefined || !isOurs(bytes, iced)) continue;
      differences.set(`undefined ${iced.split(' ')[0]}`, `${hexOf(bytes)}\n  ours ${ours}\n  iced ${iced}`);
      continue;
    }
    accepted++;
    const text = ourText(ours);
    const iced = icedText(bytes) ?? 'undefined';
    const both = unified(text, iced);
    if (both.ours === both.iced) continue;
    if (deviations.some((deviation) => deviation.ours.test(text) && deviation.iced.test(iced))) continue;
    differences.set(
      `${ours.mnemonic} ${iced.split(' ')[0]}`,
      `${hexOf(bytes.subarray(0, ours.length))}\n  ours ${text}\n  iced ${iced}`,
    );
  }
  console.log(`${ENCODINGS} encodings compared with iced-x86 (SEED=${SEED}), ${accepted} of them instructions of ours`);
  if (differences.size > 0) {
    throw new Error(`SEED=${SEED}: ${differences.size} kinds of difference\n${[...differences.values()].join('\n')}`);
  }
  assert.ok(accepted > ENCODINGS / 2, `${accepted} accepted`);
});

test('every prefix of an instruction asks for more bytes', () => {
  const random = createRandom(SEED + 1);
  for (const row of compiledRows) {
    const bytes = Uint8Array.from(encodeRow(row, random, { ...anywhere, redundant: false }));
    const whole = decode(bytes, 0, bytes.length);
    if (typeof whole !== 'object') continue;
    for (let end = 0; end < whole.length; end++) {
      assert.is(decode(bytes, 0, end), 'truncated', `${row.row.mnemonic} ${hexOf(bytes)} cut to ${end}`);
    }
  }
});

test('fifteen bytes are the most', () => {
  const bytes = new Uint8Array(20).fill(0x66);
  bytes[14] = 0x90;
  assert.is((decode(bytes, 0, 20) as { length: number }).length, 15);
  bytes[14] = 0x66;
  bytes[15] = 0x90;
  assert.is(decode(bytes, 0, 20), 'too-long');
});

test(`${ARBITRARY} times arbitrary bytes: no exception, and no look behind the fifteenth or the end`, () => {
  const random = createRandom(SEED + 2);
  const bytes = new Uint8Array(32);
  for (let n = 0; n < ARBITRARY; n++) {
    bytes.set(randomBytes(random));
    for (let at = MAX_INSTRUCTION_LENGTH; at < bytes.length; at++) bytes[at] = random.below(256);
    const shown = (result: ReturnType<typeof decode>): string =>
      typeof result === 'object' ? ourText(result) : result;
    const end = random.below(20);
    const cut = shown(decode(bytes.slice(0, end), 0, end));
    assert.is(shown(decode(bytes, 0, end)), cut, hexOf(bytes));
    if (end < MAX_INSTRUCTION_LENGTH) continue;
    assert.is(shown(decode(bytes, 0, MAX_INSTRUCTION_LENGTH)), cut, hexOf(bytes));
    assert.is.not(cut, 'truncated', hexOf(bytes));
  }
});

test.run();
