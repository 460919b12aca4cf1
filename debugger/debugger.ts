/**
 * A debugger of one box: its stops, its motions in both directions, and what can be looked at and changed on the way.
 * README.md says how it works.
 */
import { DEFAULT_BUDGET, type Box } from '../box/box.ts';
import { loadDisassembler, type Disassembler } from '../box/disassemble.ts';
import type { Process } from '../box/spawn.ts';
import type { Context } from './context.ts';
import { DebuggerError } from './error.ts';
import { readMemory, writeMemory } from './memory.ts';
import { goBackToStop, stepBack } from './motions/back.ts';
import { stepBackLine, stepBackOver } from './motions/step-back.ts';
import { stepLine } from './motions/step-line.ts';
import { stepOut } from './motions/step-out.ts';
import { stepOver } from './motions/step-over.ts';
import {
  arrivalOf,
  finish,
  inSlices,
  STEPPED,
  waitFor,
  type Arrival,
  type Ending,
  type Slices,
  type Travel,
} from './motions/travel.ts';
import { createPast } from './past.ts';
import {
  cpuOfTask,
  findRegister,
  readRegisters,
  slotsOfCpu,
  taskSlots,
  checkedWrite,
  type ReadSlot,
} from './registers/index.ts';
import { describeRest, restOf } from './rest.ts';
import { compile, evaluateIn, type Subject } from './scope.ts';
import { createInspector } from './inspector.ts';
import type { SourceOptions } from './source/index.ts';
import { checkTarget, resolveTarget, settleTarget } from './stops/kinds.ts';
import { createStopList, type WaitingStop } from './stops/list.ts';
import { createNativeCalls } from './stops/native-calls.ts';
import { parseStop } from './stops/parse.ts';
import { advance, askedHere, type Asked } from './stops/runner.ts';
import type { Waiting } from './stops/trigger.ts';
import { addressOfName } from './symbols.ts';
import { whoseTurn } from './turn.ts';
import type { Debugger, LongMotion, Rest } from './types.ts';

export interface DebuggerOptions extends SourceOptions {
  /** see box/disassemble.ts */
  readonly disassemble: Disassembler;
  /** motions end when it does */
  readonly process?: Process;
  /**
   * Called when every task sleeps: the host may do something then. Tells how much guest time, ns, shall go by before it is
   * called again; 0 when it has done something, Infinity when it never will again.
   */
  readonly onQuiet?: () => number;
}

type Where = { readonly cpu?: number; readonly pid?: number } | undefined;

function checkCount(what: string, count: number): number {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new DebuggerError('range', `${what}: got ${count}, expected a whole number from 0`);
}

/** of a disassembly, at once */
const MOST_LINES = 100_000;

const isOfUser = (waiting: Waiting): waiting is WaitingStop => 'stop' in waiting;

export function createDebugger(box: Box, options: DebuggerOptions): Debugger {
  const { kernel } = box;
  const inspector = createInspector(box, options);
  const { sources } = inspector;
  const { onQuiet } = options;
  const context: Context = { box, kernel, sources, inspector, natives: createNativeCalls(kernel), onQuiet };
  const past = createPast(box);
  const stops = createStopList(context);
  const { process } = options;
  let rest: Rest = describeRest(context, 'stepped');

  /** Forward, and the user's stops with it. */
  const runWith = (own: readonly Waiting[], budget: number, asked: Asked): Arrival => {
    const waiting: readonly Waiting[] = [...stops.waiting(true), ...own];
    const arrival = arrivalOf(advance(context, waiting, { budget, process, asked }), own, isOfUser);
    if (arrival.reason === 'stopped' && arrival.met.waiting.stop.once) stops.remove(arrival.met.waiting.stop.id);
    return arrival;
  };
  const travelFromHere = (): Travel => {
    const asked = askedHere(context);
    return {
      context,
      run: (own, budget) => inSlices(context, budget, (slice) => runWith(own.map(waitFor), slice, asked)),
    };
  };
  const come = (ending: Ending): Rest => (rest = restOf(context, ending));
  const longMotions: Readonly<Record<LongMotion, () => Slices<Ending>>> = {
    over: () => stepOver(travelFromHere(), DEFAULT_BUDGET),
    out: () => stepOut(travelFromHere(), DEFAULT_BUDGET),
    line: () => stepLine(travelFromHere(), false, DEFAULT_BUDGET),
    'line-over': () => stepLine(travelFromHere(), true, DEFAULT_BUDGET),
    'back-over': () => stepBackOver(context, past),
    'back-line': () => stepBackLine(context, past, false),
    'back-line-over': () => stepBackLine(context, past, true),
    'back-to-stop': () => goBackToStop(context, past, stops.waiting(false)),
  };
  const whole = (motion: LongMotion): Rest => come(finish(longMotions[motion]()));
  /** In the past it goes on to the present, and no further. */
  const goOn = (own: readonly Waiting[], budget: number): Arrival => {
    const ahead = past.reach.last - box.instructions;
    const limit = ahead > 0 ? Math.min(budget, ahead) : budget;
    const arrival = runWith(own, limit, askedHere(context));
    return arrival.reason === 'budget' && limit < budget && limit === ahead ? { reason: 'interrupted' } : arrival;
  };

  const subjectOf = (where: Where): Subject => {
    const turn = whoseTurn(kernel);
    if (where?.pid !== undefined) {
      const cpu = cpuOfTask(kernel, where.pid) ?? turn.cpu;
      return { cpu, pid: where.pid, slots: taskSlots(kernel, where.pid) };
    }
    if (where?.cpu !== undefined) {
      const slots = slotsOfCpu(kernel, where.cpu);
      return { cpu: where.cpu, pid: kernel.perCpu[where.cpu]!.current, slots };
    }
    const slots: ReadSlot = turn.pid === 0 ? slotsOfCpu(kernel, turn.cpu) : taskSlots(kernel, turn.pid);
    return { cpu: turn.cpu, pid: turn.pid, slots };
  };

  return {
    box,
    addStop: (target, stopOptions) => stops.add(target, stopOptions),
    parseStop: (text) => parseStop(text, { addressOf: (name) => addressOfName(context, name, whoseTurn(kernel).pid) }),
    removeStop: (id) => stops.remove(id),
    changeStop: (id, stopOptions) => stops.change(id, stopOptions),
    get stops() {
      return stops.all;
    },
    get rest() {
      // the host may have done something since
      const now = describeRest(context, rest.reason);
      const { instruction, cpu, pid, rip } = rest;
      const moved = now.instruction !== instruction || now.cpu !== cpu || now.pid !== pid || now.rip !== rip;
      return moved ? (rest = now) : rest;
    },

    step(count = 1) {
      const arrival = finish(travelFromHere().run([], checkCount('step', count)));
      return come(arrival.reason === 'budget' ? { reason: 'stepped' } : (arrival as Ending));
    },
    stepOver: () => whole('over'),
    stepOut: () => whole('out'),
    stepLine: ({ over = false } = {}) => whole(over ? 'line-over' : 'line'),
    continue: ({ budget = DEFAULT_BUDGET } = {}) => come(goOn([], checkCount('continue: budget', budget)) as Ending),
    until(asked, { budget = DEFAULT_BUDGET } = {}) {
      checkTarget(asked, context);
      const target = settleTarget(asked, context);
      let details = {};
      const own: Waiting = {
        whenLoaded: true,
        resolve: () => resolveTarget(target, context),
        hit: (_moment, met) => (details = met),
      };
      const arrival = goOn([own], checkCount('until: budget', budget));
      if (arrival.reason !== 'own') return come(arrival);
      return (rest = describeRest(context, 'stopped', { id: 0, target, details }));
    },
    stepBack: (count = 1) => come(stepBack(context, past, checkCount('stepBack', count))),
    stepBackOver: () => whole('back-over'),
    stepBackLine: ({ over = false } = {}) => whole(over ? 'back-line-over' : 'back-line'),
    reverseContinue: () => whole('back-to-stop'),
    inSlices(motion) {
      const slices = longMotions[motion]();
      const start = box.instructions;
      let over = false;
      return {
        next() {
          // also by an exception
          over = true;
          const { done, value } = slices.next();
          if (done === true) return come(value);
          over = false;
          return undefined;
        },
        giveUp() {
          if (over) return rest;
          over = true;
          if (motion.startsWith('back-')) past.goTo(start);
          return come(STEPPED);
        },
      };
    },
    goTo(instruction) {
      const target = checkCount('goTo', instruction);
      const { first } = past.reach;
      past.goTo(Math.max(first, target));
      if (target < first) return come({ reason: 'beginning' });
      if (kernel.dead !== undefined) return come({ reason: 'dead' });
      return come({ reason: box.instructions < target ? 'idle' : 'stepped' });
    },
    get reach() {
      return past.reach;
    },

    registers: (where) => readRegisters(subjectOf(where).slots),
    readMemory: (address, length, pid = whoseTurn(kernel).pid) => readMemory(kernel, address, length, pid),
    writeMemory(address, bytes, pid = whoseTurn(kernel).pid) {
      // what cannot be done is no change, which would cut off what lies ahead
      if (readMemory(kernel, address, bytes.length, pid) === undefined) return false;
      return box.change(() => writeMemory(kernel, address, bytes, pid));
    },
    writeRegister(name, value, where) {
      const { cpu, pid } = subjectOf(where);
      const whose = pid === 0 || where?.cpu !== undefined ? { cpu } : { pid };
      const write = checkedWrite(kernel, findRegister(name), whose, value);
      box.change(write);
    },
    evaluate: (expression) => evaluateIn(context, compile(context, expression), subjectOf(undefined)),

    describe: (address, pid = whoseTurn(kernel).pid) => inspector.describe(address, pid),
    instructionAt: (address) => inspector.instructionAt(address, whoseTurn(kernel)),
    disassemble: (address, count, pid = whoseTurn(kernel).pid) =>
      inspector.disassemble(address, checkCount('disassemble', Math.min(count, MOST_LINES)), pid),
    story: (where) => inspector.story(where ?? whoseTurn(kernel)),
    sourceText: (file) => inspector.sourceText(file),
    addressesOf: (file, line) => inspector.addressesOf(file, line),
  };
}

/** As `createDebugger`, with a disassembler, which is loaded first. */
export async function openDebugger(box: Box, options: Omit<DebuggerOptions, 'disassemble'> = {}): Promise<Debugger> {
  return createDebugger(box, { ...options, disassemble: await loadDisassembler() });
}
