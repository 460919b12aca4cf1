/** Instructions in one neutral form, as our decoder and as iced-x86 see them. */
import {
  Decoder,
  DecoderOptions,
  Formatter,
  FormatterSyntax,
  Instruction as Iced,
  MemorySizeExt,
  Mnemonic,
  OpKind,
  Register,
} from 'iced-x86';
import type { Instruction, Operand } from '../../cpu/instruction.ts';
import { registerNames } from '../../cpu/state.ts';

const byteNames = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const wordNames = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const segmentNames = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

export function registerName(index: number, width: number, high: boolean): string {
  if (high) return `${'acdb'[index]}h`;
  if (width === 64) return registerNames[index]!;
  if (index >= 8) return `r${index}${width === 32 ? 'd' : width === 16 ? 'w' : 'l'}`;
  return width === 32 ? `e${wordNames[index]}` : width === 16 ? wordNames[index]! : byteNames[index]!;
}

const hex = (value: bigint): string => BigInt.asUintN(64, value).toString(16);

function memoryText(
  base: string,
  index: string,
  scale: number,
  displacement: bigint,
  segment: string,
  width: number,
  addressWidth: number,
): string {
  const offset = BigInt.asUintN(addressWidth, displacement).toString(16);
  return `m${width} a${addressWidth} ${segment}[${base}+${index === '' ? '' : `${index}*${scale}`}+${offset}]`;
}

const vectorName = (index: number, width: number): string => `${width === 256 ? 'y' : 'x'}mm${index}`;

function ourOperand(operand: Operand, i: Instruction): string {
  switch (operand.kind) {
    case 0:
      return registerName(operand.index, operand.width, operand.high);
    case 1: {
      const { addressWidth } = operand;
      const name = (index: number): string => (index < 0 ? '' : registerName(index, addressWidth, false));
      const { vector } = operand;
      const index = vector === undefined ? name(operand.index) : vectorName(vector.index, vector.width);
      const base = operand.ripRelative ? (addressWidth === 64 ? 'rip' : 'eip') : name(operand.base);
      const segment = operand.segment < 0 ? '' : `${segmentNames[operand.segment]}:`;
      return memoryText(base, index, operand.scale, operand.displacement, segment, operand.width, addressWidth);
    }
    case 2:
      return `${i.mnemonic.startsWith('j') || i.mnemonic === 'call' || i.mnemonic.startsWith('loop') ? 'to ' : ''}${hex(BigInt.asUintN(operand.width, operand.value))}`;
    case 3:
      return vectorName(operand.index, operand.width);
    case 4:
      return segmentNames[operand.index] ?? 'none';
    case 7:
      return `st${operand.index}`;
    case 8:
      return `mm${operand.index}`;
    default:
      return `${operand.kind === 5 ? 'cr' : 'dr'}${operand.index}`;
  }
}

/** Mnemonics that do not show their operand size in the opcode tables. */
const sized: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  movs: { 8: 'movsb', 16: 'movsw', 32: 'movsd', 64: 'movsq' },
  cmps: { 8: 'cmpsb', 16: 'cmpsw', 32: 'cmpsd', 64: 'cmpsq' },
  stos: { 8: 'stosb', 16: 'stosw', 32: 'stosd', 64: 'stosq' },
  lods: { 8: 'lodsb', 16: 'lodsw', 32: 'lodsd', 64: 'lodsq' },
  scas: { 8: 'scasb', 16: 'scasw', 32: 'scasd', 64: 'scasq' },
  cbw: { 16: 'cbw', 32: 'cwde', 64: 'cdqe' },
  cwd: { 16: 'cwd', 32: 'cdq', 64: 'cqo' },
  pushf: { 16: 'pushf', 64: 'pushfq' },
  popf: { 16: 'popf', 64: 'popfq' },
  ins: { 8: 'insb', 16: 'insw', 32: 'insd', 64: 'insd' },
  outs: { 8: 'outsb', 16: 'outsw', 32: 'outsd', 64: 'outsd' },
  iret: { 16: 'iret', 32: 'iretd' },
  pcmpestri: { 32: 'pcmpestri', 64: 'pcmpestri64' },
  pcmpestrm: { 32: 'pcmpestrm', 64: 'pcmpestrm64' },
  vpcmpestri: { 32: 'vpcmpestri', 64: 'vpcmpestri64' },
  vpcmpestrm: { 32: 'vpcmpestrm', 64: 'vpcmpestrm64' },
};

export function ourText(i: Instruction): string {
  let mnemonic = sized[i.mnemonic]?.[i.width] ?? i.mnemonic;
  if (mnemonic === 'jrcxz' && i.addressWidth === 32) mnemonic = 'jecxz';
  const operands = i.operands.map((operand) => ourOperand(operand, i));
  return `${i.lock ? 'lock ' : ''}${i.repeat === '' ? '' : `${i.repeat} `}${mnemonic} ${operands.join(', ')} (${i.length})`;
}

const lowerNames = (names: object): string[] => {
  const list: string[] = [];
  for (const [name, number] of Object.entries(names)) if (typeof number === 'number') list[number] = name.toLowerCase();
  return list;
};
const icedRegisters = lowerNames(Register);
const icedMnemonics = lowerNames(Mnemonic);

function icedOperand(i: Iced, n: number): string | undefined {
  const kind = i.opKind(n);
  switch (kind) {
    case OpKind.Register:
      return icedRegisters[i.opRegister(n)]!;
    case OpKind.NearBranch16:
    case OpKind.NearBranch32:
    case OpKind.NearBranch64:
      return `to ${hex(i.nearBranchTarget - i.nextIP)}`;
    case OpKind.Memory: {
      const name = (register: Register): string => (register === Register.None ? '' : icedRegisters[register]!);
      const base = name(i.memoryBase);
      const index = name(i.memoryIndex);
      const relative = base === 'rip' || base === 'eip';
      const narrow =
        /^(e..|r\d+d)$/.test(base) ||
        /^(e..|r\d+d)$/.test(index) ||
        (base === '' && /^([xy]mm\d+)?$/.test(index) && i.memoryDisplSize !== 8);
      const displacement = relative ? i.memoryDisplacement - i.nextIP : i.memoryDisplacement;
      const segment = i.memorySegment === Register.FS ? 'fs:' : i.memorySegment === Register.GS ? 'gs:' : '';
      const width = MemorySizeExt.size(i.memorySize) * 8;
      return memoryText(base, index, i.memoryIndexScale, displacement, segment, width, narrow ? 32 : 64);
    }
    case OpKind.Immediate8to16:
      return hex(i.immediate(n) & 0xffffn);
    case OpKind.Immediate8to32:
      return hex(i.immediate(n) & 0xffff_ffffn);
    case OpKind.Immediate8:
    case OpKind.Immediate16:
    case OpKind.Immediate32:
    case OpKind.Immediate64:
    case OpKind.Immediate8to64:
    case OpKind.Immediate32to64:
    case OpKind.Immediate8_2nd:
      return hex(i.immediate(n));
    default:
      return undefined;
  }
}

const oracle = new Iced();

/** iced-x86's view of the instruction at the start of `bytes` (15 or more of them), or undefined when it is none. */
export function icedText(bytes: Uint8Array): string | undefined {
  return withIced(bytes, (i) => {
    const mnemonic = icedMnemonics[i.mnemonic]!;
    const string = i.isStringInstruction;
    const operands = string
      ? []
      : Array.from({ length: i.opCount }, (_, n) => icedOperand(i, n)).filter((text) => text !== undefined);
    const repeat = i.hasRepnePrefix ? 'repne ' : i.hasRepPrefix ? 'rep ' : '';
    return `${i.hasLockPrefix ? 'lock ' : ''}${string ? repeat : ''}${mnemonic} ${operands.join(', ')} (${i.length})`;
  });
}

function withIced<T>(bytes: Uint8Array, look: (i: Iced) => T, options = DecoderOptions.None): T | undefined {
  const decoder = new Decoder(64, bytes, options);
  try {
    decoder.ip = 0n;
    decoder.decodeOut(oracle);
    return oracle.isInvalid ? undefined : look(oracle);
  } finally {
    decoder.free();
  }
}

/** Bits of rflags that the instruction leaves undefined, by iced-x86. */
export function undefinedFlags(bytes: Uint8Array): bigint {
  // RflagsBits: OF SF ZF AF CF PF from bit 0
  const positions = [11n, 7n, 6n, 4n, 0n, 2n];
  const undefinedBits = withIced(bytes, (i) => i.rflagsUndefined) ?? 0;
  return positions.reduce((sum, position, n) => (((undefinedBits >> n) & 1) === 1 ? sum | (1n << position) : sum), 0n);
}

let formatter: Formatter | undefined;
/** For people. */
export function disassembly(bytes: Uint8Array): string {
  formatter ??= new Formatter(FormatterSyntax.Intel);
  return withIced(bytes, (i) => formatter!.format(i)) ?? 'no instruction';
}
