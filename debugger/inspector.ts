/**
 * What can be seen of a box at rest: sources, instructions, regions, the story. It only looks: nothing is paged in, no
 * register is touched, and it may be asked at any moment, going forwards or back.
 */
import type { Box } from '../box/box.ts';
import type { Disassembler } from '../box/disassemble.ts';
import type { Task } from '../kernel/task.ts';
import {
  describeInstruction,
  disassembleAt,
  lookAt,
  type Describing,
  type InstructionWhere,
} from './instruction/index.ts';
import { createRegions, createSources, type SavedRegisters, type SourceOptions, type Sources } from './source/index.ts';
import { createCodeRules, registersOnStacks, story, type StoryWhere } from './story/index.ts';
import type { DisassembledLine, InstructionDescription, PlaceDescription, StoryFrame } from './types.ts';

export interface InspectorOptions extends SourceOptions {
  readonly disassemble: Disassembler;
  /** default: new ones with `readSource` and `debugFiles` */
  readonly sources?: Sources;
}

/** Whose registers, stack and memory: by default those of the processor whose turn it is and of the task on it. */
export type Where = StoryWhere & InstructionWhere;

export interface Inspector {
  readonly sources: Sources;
  /** A user address is that of `pid`. */
  describe(address: bigint, pid?: number): PlaceDescription;
  /** What data at `address` belongs to, in words; '' unknown. */
  regionAt(address: bigint, pid?: number): string;
  /** The instruction at `address`, default at rip; undefined where nothing is mapped. */
  instructionAt(address?: bigint, where?: Where): InstructionDescription | undefined;
  disassemble(address: bigint, count: number, pid?: number): readonly DisassembledLine[];
  /** Innermost first. */
  story(where?: Where): readonly StoryFrame[];
  sourceText(file: string): string | undefined;
  addressesOf(file: string, line: number): readonly bigint[];
  /** what of debug information could not be read, a line each */
  readonly problems: readonly string[];
}

export function createInspector(box: Box, options: InspectorOptions): Inspector {
  const { kernel } = box;
  const sources = options.sources ?? createSources(box, options);
  const regions = createRegions(box, sources);
  const rules = createCodeRules(kernel, sources);
  const describing: Describing = { sources, regions, disassemble: options.disassemble };
  const taskOf = (pid: number | undefined): Task | undefined =>
    kernel.tasks.get(pid ?? kernel.perCpu[kernel.turn.cpu]?.current ?? 0);
  return {
    sources,
    describe: (address, pid) => sources.describe(address, taskOf(pid)),
    regionAt: (address, pid) => regions.at(address, taskOf(pid)),
    instructionAt(address, where = {}) {
      const look = lookAt(kernel, where);
      if (look === undefined) return undefined;
      let saved: readonly SavedRegisters[] | undefined;
      const savedRegisters = () => (saved ??= registersOnStacks(kernel, sources, rules, where));
      return describeInstruction(describing, { ...look, savedRegisters }, address ?? look.rip);
    },
    disassemble: (address, count, pid) => disassembleAt(describing, { kernel, task: taskOf(pid) }, address, count),
    story: (where = {}) => story(kernel, sources, rules, where),
    sourceText: (file) => sources.sourceText(file),
    addressesOf: (file, line) => sources.addressesOf(file, line),
    get problems() {
      return sources.problems;
    },
  };
}
