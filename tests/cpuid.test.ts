/** CPUID, the opcode rows' features and the support table against iced-x86's list of what belongs to each feature. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Code, CodeExt, CpuidFeature, Decoder, DecoderOptions, EncodingKind, Instruction, Mnemonic } from 'iced-x86';
import { featureBits, featureWords } from '../cpu/cpuid.ts';
import { instructionSupport } from '../cpu/instruction-support.ts';
import { opcodeRows } from '../cpu/opcodes/index.ts';
import type { Feature } from '../cpu/opcodes/row.ts';
import { compiledRows, encodeRow } from './native/encode.ts';
import { createRandom } from './native/random.ts';

/** iced-x86's names of features where they are not ours. */
const names: Readonly<Partial<Record<Feature, readonly string[]>>> = {
  'SSE4.1': ['SSE4_1'],
  'SSE4.2': ['SSE4_2'],
  CX16: ['CMPXCHG16B'],
  LAHF64: ['INTEL8086'],
  FPU: ['FPU', 'FPU287', 'FPU387', 'CMOV'],
  CLFSH: ['CLFSH'],
};
const icedNames = (feature: Feature): readonly string[] => names[feature] ?? [feature];

const named = (table: object): string[] => {
  const list: string[] = [];
  for (const [name, number] of Object.entries(table)) if (typeof number === 'number') list[number] = name;
  return list;
};
const featureNames = named(CpuidFeature);
const mnemonicNames = named(Mnemonic).map((name) => name.toLowerCase());

/** Features and mnemonic of the instruction that the bytes are to iced-x86. */
function lookUp(bytes: Uint8Array): { readonly mnemonic: string; readonly features: readonly string[] } | undefined {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const i = decoder.decode();
  try {
    if (i.isInvalid) return undefined;
    return { mnemonic: mnemonicNames[i.mnemonic]!, features: [...i.cpuidFeatures()].map((n) => featureNames[n]!) };
  } finally {
    i.free();
    decoder.free();
  }
}

test('each row belongs to the feature that iced-x86 puts it in', () => {
  const random = createRandom(3);
  const wrong = new Set<string>();
  for (const compiled of compiledRows) {
    const { feature, mnemonic, pattern } = compiled.row;
    if (feature === 'X86' || feature === 'NATIVE' || mnemonic === 'wait') continue;
    const bytes = encodeRow(compiled, random, { redundant: false, displacement: () => 0 });
    const iced = lookUp(Uint8Array.from([...bytes, ...Array.from({ length: 15 }, () => 0)]));
    if (iced !== undefined && !icedNames(feature).some((name) => iced.features.includes(name))) {
      wrong.add(`${mnemonic} (${pattern}) is ${feature}, iced-x86 says ${iced.features.join(' ')}`);
    }
  }
  assert.equal([...wrong], []);
});

/** VEX-encoded instructions belong to AVX; some need a second feature that we have for their SSE form, others one that there is not. */
const avxOnly = (features: readonly CpuidFeature[]): readonly CpuidFeature[] =>
  features.every((n) => ['AVX', 'AES', 'PCLMULQDQ'].includes(featureNames[n]!)) ? [CpuidFeature.AVX] : [];

/** Mnemonics that iced-x86 puts into a feature and 64-bit mode has. */
function icedMnemonics(): Map<string, Set<string>> {
  const all = new Map<string, Set<string>>();
  const instruction = new Instruction();
  for (const code of Object.values(Code)) {
    if (typeof code !== 'number' || code === 0) continue;
    const info = CodeExt.opCode(code);
    const encoding = info.encoding === EncodingKind.Legacy || info.encoding === EncodingKind.VEX;
    instruction.code = code;
    if (info.isInstruction && info.mode64 && encoding && info.intelDecoder64 && info.decoderOption === 0) {
      const features = [...instruction.cpuidFeatures()];
      for (const n of features.includes(CpuidFeature.AVX) ? avxOnly(features) : features) {
        const list = all.get(featureNames[n]!) ?? new Set();
        all.set(featureNames[n]!, list.add(mnemonicNames[instruction.mnemonic]!));
      }
    }
    info.free();
  }
  instruction.free();
  return all;
}

/** iced-x86's names of what is one instruction of ours, of a WAIT before another, and of the way to 32-bit code, which is none here. */
const spelled = /^(movsd|cmpsd|v?pcmpestr[im]64|f(stenv|stcw|clex|init|save|stsw|eni|disi|setpm)|sysret)$/;

test('a feature that CPUID tells of has all its instructions', () => {
  const theirs = icedMnemonics();
  const ours = new Set(opcodeRows.map(({ mnemonic }) => mnemonic));
  const missing: string[] = [];
  for (const feature of Object.keys(featureBits) as Feature[]) {
    if (feature === 'LAHF64') continue;
    for (const name of icedNames(feature)) {
      assert.ok(theirs.has(name), `iced-x86 knows no feature ${name}`);
      for (const mnemonic of theirs.get(name)!) {
        if (!ours.has(mnemonic) && !spelled.test(mnemonic)) missing.push(`${feature}: ${mnemonic}`);
      }
    }
  }
  assert.equal(missing, []);
});

test('the processor is x86-64-v2', () => {
  const words = featureWords();
  // SSE3 SSSE3 CX16 SSE4.1 SSE4.2 POPCNT; FPU CX8 CMOV MMX FXSR SSE SSE2; LAHF64; SYSCALL LM
  const bitsOf = (...positions: number[]): bigint => positions.reduce((sum, n) => sum | (1n << BigInt(n)), 0n);
  const wanted = {
    '1.ecx': bitsOf(0, 9, 13, 19, 20, 23),
    '1.edx': bitsOf(0, 8, 15, 23, 24, 25, 26),
    '8000_0001.ecx': bitsOf(0),
    '8000_0001.edx': bitsOf(11, 29),
  } as const;
  for (const [word, bits] of Object.entries(wanted)) {
    assert.is(words[word as keyof typeof wanted] & bits, bits, word);
  }
});

test('the support table counts every row once', () => {
  const table = instructionSupport();
  assert.is(
    table.reduce((sum, { encodings }) => sum + encodings, 0),
    opcodeRows.length,
  );
  assert.equal(
    table.find(({ mnemonic }) => mnemonic === 'andn'),
    { mnemonic: 'andn', feature: 'BMI1', encodings: 1, cpuid: '7.ebx[3]', switched: false },
  );
  assert.is(table.find(({ mnemonic }) => mnemonic === 'vpaddd')?.switched, true);
  assert.equal(table.find(({ mnemonic, feature }) => mnemonic === 'mov' && feature === 'X86')?.cpuid, '');
});

test.run();
