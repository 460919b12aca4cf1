/** AVX and AVX2 forms of SSE rows: same opcode and meaning, `v` before the name, a first source of their own. */
import { vcmp } from '../semantics/sse-float.ts';
import { vex, type VexShape } from '../semantics/vex.ts';
import { cryptographyRows } from './cryptography.ts';
import type { Feature, OpcodeRow } from './row.ts';
import { sseRows } from './sse.ts';
import { sse3Rows } from './sse3.ts';
import { sse4Rows } from './sse4.ts';

const legacyRows: readonly OpcodeRow[] = [...sseRows, ...sse3Rows, ...sse4Rows, ...cryptographyRows];

type Length = 'L0' | 'L1' | 'LIG';

/** What becomes of some SSE instructions, named by their mnemonics. */
interface Family {
  readonly names: string;
  readonly lengths: readonly Length[];
  /** of the form of 256 bits; that of the others is AVX */
  readonly wide?: Feature;
  readonly shape: VexShape;
  /** only the SSE rows whose operands these are */
  readonly operands?: RegExp;
}

const both = ['L0', 'L1'] as const;
const three: VexShape = { first: 1 };
const two: VexShape = {};

const families: readonly Family[] = [
  // floating point: of 256 bits since AVX
  {
    names: `addps addpd subps subpd mulps mulpd divps divpd minps minpd maxps maxpd andps andpd andnps andnpd orps orpd
      xorps xorpd addsubps addsubpd haddps haddpd hsubps hsubpd unpcklps unpcklpd unpckhps unpckhpd shufps cmpps cmppd dpps`,
    lengths: both,
    wide: 'AVX',
    shape: three,
  },
  { names: 'blendps', lengths: both, wide: 'AVX', shape: { first: 1, immediateBits: 4 } },
  { names: 'blendpd shufpd', lengths: both, wide: 'AVX', shape: { first: 1, immediateBits: 2 } },
  {
    names: 'sqrtps sqrtpd rcpps rsqrtps roundps roundpd cvtdq2ps cvtps2dq cvttps2dq movddup movsldup movshdup',
    lengths: both,
    wide: 'AVX',
    shape: two,
  },
  { names: 'cvtps2pd cvtdq2pd', lengths: both, wide: 'AVX', shape: { widens: 8 } },
  { names: 'cvtpd2ps cvtpd2dq cvttpd2dq', lengths: both, wide: 'AVX', shape: { narrows: true } },
  {
    names: `addss addsd subss subsd mulss mulsd divss divsd minss minsd maxss maxsd sqrtss sqrtsd rcpss rsqrtss cmpss cmpsd
      cvtss2sd cvtsd2ss cvtsi2ss cvtsi2sd roundss roundsd`,
    lengths: ['LIG'],
    shape: three,
  },
  { names: 'ucomiss ucomisd comiss comisd', lengths: ['LIG'], shape: { first: 0 } },
  { names: 'cvttss2si cvttsd2si cvtss2si cvtsd2si', lengths: ['LIG'], shape: two },
  { names: 'dppd insertps', lengths: ['L0'], shape: three },
  // integers: of 256 bits since AVX2
  {
    names: `punpcklbw punpcklwd punpckldq punpcklqdq punpckhbw punpckhwd punpckhdq punpckhqdq packsswb packssdw packuswb
      packusdw pcmpgtb pcmpgtw pcmpgtd pcmpgtq pcmpeqb pcmpeqw pcmpeqd pcmpeqq paddb paddw paddd paddq psubb psubw psubd psubq
      paddsb paddsw paddusb paddusw psubsb psubsw psubusb psubusw pmullw pmulld pmulhw pmulhuw pmuludq pmuldq pmaddwd psadbw
      pavgb pavgw pminub pminuw pminud pminsb pminsw pminsd pmaxub pmaxuw pmaxud pmaxsb pmaxsw pmaxsd pand pandn por pxor
      pshufb phaddw phaddd phaddsw phsubw phsubd phsubsw pmaddubsw psignb psignw psignd pmulhrsw palignr pblendw`,
    lengths: both,
    wide: 'AVX2',
    shape: three,
  },
  { names: 'mpsadbw', lengths: both, wide: 'AVX2', shape: { first: 1, immediateBits: 3 } },
  {
    names: 'psrlw psrld psrlq psraw psrad psllw pslld psllq psrldq pslldq',
    lengths: both,
    wide: 'AVX2',
    shape: three,
  },
  { names: 'pshufd pshuflw pshufhw pabsb pabsw pabsd', lengths: both, wide: 'AVX2', shape: two },
  { names: 'pmovsxbw pmovsxwd pmovsxdq pmovzxbw pmovzxwd pmovzxdq', lengths: both, wide: 'AVX2', shape: { widens: 8 } },
  { names: 'pmovsxbd pmovsxwq pmovzxbd pmovzxwq', lengths: both, wide: 'AVX2', shape: { widens: 4 } },
  { names: 'pmovsxbq pmovzxbq', lengths: both, wide: 'AVX2', shape: { widens: 2 } },
  // moves of parts, insertion and extraction, text, cryptography: of 128 bits only
  { names: 'movlps movlpd movhps movhpd', lengths: ['L0'], shape: three, operands: /^V\w M/ },
  { names: 'movlps movlpd movhps movhpd', lengths: ['L0'], shape: two, operands: /^M/ },
  { names: 'movhlps movlhps pinsrb pinsrw pinsrd pinsrq', lengths: ['L0'], shape: three },
  {
    names: 'movd movq pextrb pextrw pextrd pextrq extractps phminposuw aesimc aeskeygenassist',
    lengths: ['L0'],
    shape: two,
  },
  { names: 'pcmpestrm pcmpestri pcmpistrm pcmpistri maskmovdqu', lengths: ['L0'], shape: { first: 0 } },
  { names: 'aesenc aesenclast aesdec aesdeclast pclmulqdq', lengths: ['L0'], shape: three },
  { names: 'movmskps movmskpd pmovmskb', lengths: ['L0'], shape: two },
];

const maps: Readonly<Record<string, string>> = { '38': '0F38', '3A': '0F3A' };

/** `66 W0 0F 38 op …` as `VEX.L0.66.0F38.W0 op …`. */
function vexPattern(pattern: string, length: Length): string {
  const words = pattern.split(' ');
  const prefix = /^(NP|66|F3|F2)$/.test(words[0]!) ? words.shift()! : 'NP';
  const w = /^W[01]$/.test(words[0]!) ? words.shift()! : 'WIG';
  words.shift();
  const map = maps[words[0]!];
  if (map !== undefined) words.shift();
  return `VEX.${length}.${prefix}.${map ?? '0F'}.${w} ${words.join(' ')}`;
}

/** Twice the length, where the operand is a whole vector or widens into one. */
const doubled: Readonly<Record<string, string>> = { x: 'X', q: 'x', d: 'q', w: 'd' };

function vexOperands({ operands, mnemonic }: OpcodeRow, length: Length, { first, widens }: VexShape, narrows: boolean): string {
  const [destination, ...sources] = operands.split(' ') as [string, ...string[]];
  const wide = length === 'L1';
  const shifts = /^ps[rl][lra]/.test(mnemonic);
  const sized = (spec: string, at: number): string => {
    if (!wide || !/^[VWUM]/.test(spec)) return spec;
    if (narrows && at === 0) return spec;
    // a count is one for both halves
    if (shifts && spec[0] === 'W') return spec;
    if (mnemonic === 'movddup' && at === 1) return `${spec[0]}X`;
    return spec[1] === 'x' || widens !== undefined ? spec[0]! + doubled[spec[1]!]! : spec;
  };
  const target = sized(destination, 0);
  const rest = sources.map((spec, n) => sized(spec, n + 1));
  if (first !== 1) return [target, ...rest].join(' ');
  // shifts by an immediate write VEX.vvvv and read r/m
  if (destination[0] === 'U') return [`H${target.slice(1)}`, target, ...rest].join(' ');
  return [target, `H${target.slice(1)}`, ...rest].join(' ');
}

/** The index of its PS, PD, SS or SD form. */
const comparisons: Readonly<Record<string, number>> = { cmpps: 0, cmppd: 1, cmpss: 2, cmpsd: 3 };

function derive(legacy: OpcodeRow, { lengths, wide, shape }: Family): OpcodeRow[] {
  const comparison = comparisons[legacy.mnemonic];
  const semantics = vex(comparison === undefined ? legacy.semantics : vcmp[comparison]!, shape);
  return lengths.map((length) => ({
    pattern: vexPattern(legacy.pattern, length),
    mnemonic: `v${legacy.mnemonic}`,
    operands: vexOperands(legacy, length, shape, shape.narrows === true),
    semantics,
    attributes: legacy.attributes,
    feature: length === 'L1' ? wide! : 'AVX',
  }));
}

function rowsOf(family: Family): OpcodeRow[] {
  const { names, operands } = family;
  return names.split(/\s+/).flatMap((name) => {
    const found = legacyRows.filter(
      (one) => one.mnemonic === name && /^(NP|66|F3|F2) /.test(one.pattern) && (operands?.test(one.operands) ?? true),
    );
    if (found.length === 0) throw new Error(`no SSE row ${name} ${operands}`);
    return found.flatMap((one) => derive(one, family));
  });
}

export const avxDerivedRows: readonly OpcodeRow[] = families.flatMap(rowsOf);
