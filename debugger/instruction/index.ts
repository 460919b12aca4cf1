export { describeInstruction, disassembleAt, type Describing } from './describe.ts';
export { lookAt, type InstructionWhere, type LookedAt } from './look.ts';
export { nodeValue } from './node-value.ts';
