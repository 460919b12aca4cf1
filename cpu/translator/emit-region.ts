/**
 * A region as one WebAssembly function. Where the graph of its blocks is reducible, control is structured along the tree of
 * dominators (Ramsey, "Beyond Relooper", 2022): a block that several others lead to follows a WebAssembly block that they
 * branch out of, a loop's header begins a WebAssembly loop. Otherwise the function is a loop around a table of blocks.
 */
import { Slot } from '../slots.ts';
import type { End } from './block.ts';
import { exitsOf } from './count-uses.ts';
import { RegisterEmitter } from './emit-registers.ts';
import { StatementEmitter, type Tables } from './emit-statements.ts';
import { ValueEmitter } from './emit-values.ts';
import { Local, Locals } from './locals.ts';
import { Imported, slotAt, Status } from './machine.ts';
import { asksHost, planRegion, type Plan } from './plan.ts';
import type { Edge, RegionBlock } from './region-code.ts';
import { none } from './register-set.ts';
import { Code, type ValueType } from './wasm/code.ts';

export interface EmitOptions {
  /** byte of the CPU's block in the WebAssembly memory */
  readonly state: number;
  readonly tables: Tables;
}

export interface EmittedRegion {
  readonly code: Code;
  readonly locals: readonly ValueType[];
}

class RegionEmitter {
  private readonly blocks: readonly RegionBlock[];
  private readonly plan: Plan;
  private readonly state: number;
  private readonly code = new Code();
  private readonly locals = new Locals();
  private readonly values = new ValueEmitter(this.code, this.locals);
  private readonly registers: RegisterEmitter;
  private readonly statements: StatementEmitter;
  /** nesting of the WebAssembly block or loop that a branch to a block goes to */
  private readonly labels = new Map<number, number>();
  private readonly children: readonly number[][];

  constructor(blocks: readonly RegionBlock[], { state, tables }: EmitOptions) {
    this.blocks = blocks;
    this.plan = planRegion(blocks);
    this.state = state;
    this.registers = new RegisterEmitter(this.values, state);
    this.statements = new StatementEmitter(this.values, tables);
    this.children = blocks.map(() => []);
    const { order, dominator } = this.plan.graph;
    for (const block of order.slice(1)) this.children[dominator[block]!]!.push(block);
  }

  emit(): EmittedRegion {
    this.registers.load(this.plan.used);
    this.registers.loadBudget();
    if (this.plan.graph.reducible) this.tree(0);
    else this.dispatch();
    this.code.op('unreachable');
    return { code: this.code, locals: this.locals.types };
  }

  // control

  /** A block and all that it dominates. */
  private tree(block: number): void {
    const { merges, headers } = this.plan.graph;
    const following = this.children[block]!.filter((child) => merges.has(child));
    if (!headers.has(block)) {
      this.within(block, following);
      return;
    }
    this.code.loop();
    this.labels.set(block, this.code.depth);
    this.within(block, following);
    this.code.end();
  }
  /** A block, in WebAssembly blocks that `following` come behind: the latest in the outermost. */
  private within(block: number, following: readonly number[]): void {
    const latest = following.at(-1);
    if (latest === undefined) {
      this.block(block);
      return;
    }
    this.code.block();
    this.labels.set(latest, this.code.depth);
    this.within(block, following.slice(0, -1));
    this.code.end();
    this.labels.delete(latest);
    this.tree(latest);
  }

  private dispatch(): void {
    const { code } = this;
    const { order } = this.plan.graph;
    code.i32(0);
    code.set(Local.next);
    code.loop();
    const loop = code.depth;
    for (const _ of order) code.block();
    code.get(Local.next);
    code.brTable(
      order.map((_, n) => n),
      0,
    );
    for (const block of order) this.labels.set(block, loop);
    for (const block of order) {
      code.end();
      this.block(block);
    }
    code.end();
  }

  private go(from: number, edge: Edge): void {
    const { code, plan } = this;
    if (edge.kind === 'exit') {
      this.leave(from, edge.rip);
      return;
    }
    const { place, merges } = plan.graph;
    if (!plan.graph.reducible) {
      code.i32(place[edge.to]!);
      code.set(Local.next);
      code.br(code.depth - this.labels.get(edge.to)!);
    } else if (place[edge.to]! <= place[from]! || merges.has(edge.to)) {
      code.br(code.depth - this.labels.get(edge.to)!);
    } else this.tree(edge.to);
  }

  /** Out of the region, at the end of a block. */
  private leave(block: number, rip: bigint): void {
    this.spillEnd(block);
    this.registers.storeRip(rip);
    this.finish(Status.go);
  }
  private spillEnd(block: number): void {
    const stepped = asksHost(this.blocks[block]!.body.end);
    this.registers.spill(stepped ? none : this.plan.dirtyOut[block]!);
  }
  private finish(status: number): void {
    this.registers.storeBudget(() => this.code.get(Local.budget));
    this.code.i32(status);
    this.code.op('return');
  }

  // blocks

  private block(block: number): void {
    const { code } = this;
    const { body, rip } = this.blocks[block]!;
    this.locals.reset();
    if (this.plan.checked.has(block)) this.checkBudget(block, rip);
    code.get(Local.budget);
    code.i32(body.instructions);
    code.op('i32.sub');
    code.set(Local.budget);
    const exits = exitsOf(body);
    if (exits.length > 0) code.block();
    this.statements.openExits(exits);
    for (const statement of body.statements) this.statements.emit(statement);
    const kept = this.keepEnd(block);
    this.registers.writeBack(body.registers, this.plan.flagsLive[block]!);
    if (exits.length > 0) {
      code.br(exits.length);
      for (const exit of exits) {
        code.end();
        this.registers.spillExit(exit, this.plan.dirtyIn[block]!, body.instructions - exit.executed);
        code.i32(Status.step);
        code.op('return');
      }
      code.end();
    }
    this.end(block, body.end, kept);
  }

  private checkBudget(block: number, rip: bigint): void {
    const { code } = this;
    code.get(Local.budget);
    code.i32(this.plan.longest[block]!);
    code.op('i32.lt_s');
    code.if(undefined, false);
    this.registers.spill(this.plan.dirtyIn[block]!);
    this.registers.storeRip(rip);
    this.finish(Status.budget);
    code.end();
  }

  /**
   * Keeps what the end asks for, before the registers that it is made of change: the condition of a branch, the target of a
   * computed jump. In which local, or -1.
   */
  private keepEnd(block: number): number {
    const { body, targets } = this.blocks[block]!;
    const { end } = body;
    const { code, values } = this;
    if (end.kind !== 'branch' && end.kind !== 'indirect') return -1;
    const node = end.kind === 'branch' ? end.condition : end.target;
    const kept = this.locals.take(node.type);
    values.prepare(node);
    values.value(node);
    code.set(kept);
    if (end.kind !== 'indirect') return kept;
    this.statements.prepareExit(end.exit);
    const [likely] = targets;
    if (likely !== undefined) {
      code.get(kept);
      code.i64(likely);
      code.op('i64.ne');
      code.if();
    }
    // bits 47 to 63 of an address are alike
    code.get(kept);
    code.i64(16n);
    code.op('i64.shl');
    code.i64(16n);
    code.op('i64.shr_s');
    code.get(kept);
    code.op('i64.ne');
    this.statements.leaveFor(end.exit);
    if (likely !== undefined) code.end();
    return kept;
  }

  private end(block: number, end: End, kept: number): void {
    const { code } = this;
    const { edges, targets } = this.blocks[block]!;
    switch (end.kind) {
      case 'jump':
        this.go(block, edges[0]!);
        return;
      case 'branch':
        code.get(kept);
        code.if();
        this.go(block, edges[0]!);
        code.else();
        this.go(block, edges[1]!);
        code.end();
        // both ways lead elsewhere
        code.op('unreachable');
        return;
      case 'indirect':
        targets.forEach((target, n) => {
          code.get(kept);
          code.i64(target);
          code.op('i64.eq');
          code.if();
          this.go(block, edges[n]!);
          code.end();
        });
        this.spillEnd(block);
        this.registers.storeRipOf(() => code.get(kept));
        this.finish(Status.go);
        return;
      case 'leave':
        this.spillEnd(block);
        this.registers.storeRip(end.rip);
        this.registers.storeBudget(() => code.get(Local.budget));
        code.call(Imported.away);
        code.op('return');
        return;
      case 'direction':
        this.registers.storeDirection(end.backward);
        this.go(block, edges[0]!);
        return;
      case 'cli':
        this.registers.clearInterruptFlag();
        this.go(block, edges[0]!);
        return;
      case 'swapgs':
        this.registers.exchange(Slot.gsBase, Slot.kernelGsBase);
        this.go(block, edges[0]!);
        return;
      case 'native':
        this.askHost(block, end, () => {
          code.i32(end.id);
          code.i32(end.length);
          code.call(Imported.native);
        });
        this.go(block, edges[0]!);
        return;
      case 'step':
        this.askHost(block, end, () => code.call(Imported.step));
        this.go(block, edges[0]!);
    }
  }

  /** The host executes one instruction; the region goes on if nothing else came of it. */
  private askHost(block: number, { rip, next }: { rip: bigint; next: bigint }, ask: () => void): void {
    const { code } = this;
    this.registers.spill(this.plan.dirtyOut[block]!);
    this.registers.storeRip(rip);
    this.registers.storeBudget(() => code.get(Local.budget));
    ask();
    code.tee(Local.status);
    code.if(undefined, false);
    code.get(Local.status);
    code.op('return');
    code.end();
    code.i32(0);
    code.memory('i64.load', slotAt(this.state, Slot.rip));
    code.i64(next);
    code.op('i64.ne');
    code.if(undefined, false);
    code.i32(Status.go);
    code.op('return');
    code.end();
    this.registers.load(this.plan.used);
    this.registers.loadBudget();
  }
}

export const emitRegion = (blocks: readonly RegionBlock[], options: EmitOptions): EmittedRegion =>
  new RegionEmitter(blocks, options).emit();
