/** Every native function, by name; a function's number is its place in this table. */
import { helperNatives } from './bpf/helpers.ts';
import { entryNatives, entryStubs } from './entry/natives.ts';
import { kprobeNatives } from './kprobe/natives.ts';
import type { NativeFunction } from './native.ts';
import { netNatives } from './net/natives.ts';
import { rexNatives } from './rex-dispatcher/landing-pad.ts';
import { watchdogNatives } from './rex-dispatcher/watchdog.ts';
import { syscallNatives } from './syscalls/index.ts';
import { perfNatives } from './perf/natives.ts';
import { seccompNatives, seccompStubs } from './seccomp/natives.ts';
import { kprobeTargetNatives } from './tracing/kprobe-target.ts';
import { schedNatives } from './tracing/sched.ts';
import { trapNatives, trapStubs } from './traps.ts';

const byName: Readonly<Record<string, NativeFunction>> = {
  ...entryNatives,
  ...trapNatives,
  ...syscallNatives,
  ...kprobeNatives,
  ...perfNatives,
  ...schedNatives,
  ...seccompNatives,
  ...kprobeTargetNatives,
  ...rexNatives,
  ...watchdogNatives,
  ...helperNatives,
  ...netNatives,
};

/** By number. */
export const nativeTable: readonly NativeFunction[] = Object.values(byName);
export const nativeNames: readonly string[] = Object.keys(byName);
export const nativeIds: ReadonlyMap<string, number> = new Map(nativeNames.map((name, id) => [name, id]));

/** Those whose text is a stub printed by `entry/text.ts`; the others are named in `.S` files. */
export const stubNames: readonly string[] = [...entryStubs, ...trapStubs, ...seccompStubs];
