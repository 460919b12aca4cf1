/** Register names to operands. Numbers are the processor's: rax rcx rdx rbx rsp rbp rsi rdi r8 … r15. */
import type { RegisterOperand, SystemOperand, Width, X87Operand, XmmOperand } from '../../cpu/instruction.ts';

export type Register =
  RegisterOperand | XmmOperand | SystemOperand | X87Operand | { readonly kind: 'ip'; readonly width: 32 | 64 };

const legacy = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];

function general(): [string, Register][] {
  const rows: [string, Register][] = [];
  const add = (name: string, index: number, width: Width, high = false): void => {
    rows.push([name, { kind: 0, index, width, high }]);
  };
  legacy.forEach((name, index) => {
    add(`r${name}`, index, 64);
    add(`e${name}`, index, 32);
    add(name, index, 16);
    if (index < 4) {
      add(`${name[0]}l`, index, 8);
      add(`${name[0]}h`, index, 8, true);
    } else add(`${name}l`, index, 8);
  });
  for (let index = 8; index < 16; index++) {
    add(`r${index}`, index, 64);
    add(`r${index}d`, index, 32);
    add(`r${index}w`, index, 16);
    add(`r${index}b`, index, 8);
  }
  return rows;
}

const sixteen = [...Array(16).keys()];

const registers: ReadonlyMap<string, Register> = new Map<string, Register>([
  ...general(),
  ...sixteen.map((index): [string, Register] => [`xmm${index}`, { kind: 3, index, width: 128 }]),
  ...['es', 'cs', 'ss', 'ds', 'fs', 'gs'].map((name, index): [string, Register] => [
    name,
    { kind: 4, index, width: 16 },
  ]),
  ...sixteen.map((index): [string, Register] => [`cr${index}`, { kind: 5, index, width: 64 }]),
  ...sixteen.map((index): [string, Register] => [`db${index}`, { kind: 6, index, width: 64 }]),
  ...sixteen.map((index): [string, Register] => [`dr${index}`, { kind: 6, index, width: 64 }]),
  ['st', { kind: 7, index: 0, width: 80 }],
  ['rip', { kind: 'ip', width: 64 }],
  ['eip', { kind: 'ip', width: 32 }],
]);

/** The register of this name, written without `%`. */
export const registerNamed = (name: string): Register | undefined =>
  registers.get(name) ?? registers.get(name.toLowerCase());
