/** The functions of .debug_info that have code, each with what is inlined into it. */
import * as dwarf from './constants.ts';
import { cursorAt } from './cursor.ts';
import { tolerate, type DebugFile } from './debug-file.ts';
import { toNumber } from './forms.ts';
import { createIntervals, smallestAt, type Interval, type Intervals } from './intervals.ts';
import { functionName, type FunctionName, type NameReader } from './names.ts';
import { rangesOf } from './ranges.ts';
import { readAttributes, readCode, type Unit } from './units.ts';

/** A function out of line, or one instance of an inlined one. */
export interface CodeFunction {
  readonly name: FunctionName | undefined;
  /** of its first range */
  readonly low: bigint;
  /** what it is inlined into; undefined for a function out of line */
  readonly caller: CodeFunction | undefined;
  /** where, in the caller; undefined and 0 where it does not say */
  readonly callFile: string | undefined;
  readonly callLine: number;
  readonly inlined: Interval<CodeFunction>[];
}

type Files = readonly (string | undefined)[];

/** Adds the functions of one unit to `found`. A damaged unit gives those before the damage. */
function readUnitFunctions(reader: NameReader, unit: Unit, files: Files, found: Interval<CodeFunction>[]): void {
  const { file } = reader;
  const cursor = cursorAt(file.sections.info, unit.first, unit.end);
  /** by depth: the function around */
  const around: (CodeFunction | undefined)[] = [];
  let current: CodeFunction | undefined;
  while (cursor.at < cursor.end) {
    const abbreviation = readCode(cursor, unit.abbreviations);
    if (abbreviation === undefined) {
      // behind the root's children there may be padding
      current = around.pop();
      continue;
    }
    const { tag, hasChildren } = abbreviation;
    const isInlined = tag === dwarf.DW_TAG_inlined_subroutine;
    const isFunction = isInlined || tag === dwarf.DW_TAG_subprogram;
    const attributes = readAttributes(file, cursor, abbreviation, unit.encoding, isFunction);
    let inside = current;
    if (isFunction) {
      const ranges = rangesOf(file, unit, attributes);
      const callFile = attributes.get(dwarf.DW_AT_call_file);
      const callLine = attributes.get(dwarf.DW_AT_call_line);
      const [first] = ranges;
      if (first !== undefined) {
        inside = {
          name: functionName(reader, unit, attributes),
          low: first.low,
          caller: isInlined ? current : undefined,
          callFile: callFile && files[toNumber(callFile)],
          callLine: callLine === undefined ? 0 : Math.max(toNumber(callLine), 0),
          inlined: [],
        };
        const into = inside.caller?.inlined ?? found;
        for (const { low, high } of ranges) into.push({ low, high, value: inside });
      } else if (!isInlined) inside = undefined;
    }
    if (hasChildren) {
      around.push(current);
      current = inside;
    }
  }
}

/** Every function in `functions`, inlined ones included. */
export function allFunctions(functions: Intervals<CodeFunction>): Set<CodeFunction> {
  const all = new Set(functions.rows.map(({ value }) => value));
  // a set's iterator reaches what is added on the way
  for (const { inlined } of all) for (const { value } of inlined) all.add(value);
  return all;
}

/** `files`: paths by file number, by DW_AT_stmt_list. */
export function readFunctions(
  file: DebugFile,
  units: readonly Unit[],
  files: ReadonlyMap<number, Files>,
): Intervals<CodeFunction> {
  const reader: NameReader = { file, units, seen: new Map() };
  const found: Interval<CodeFunction>[] = [];
  for (const unit of units) {
    tolerate(file, () => readUnitFunctions(reader, unit, files.get(unit.lineTable ?? -1) ?? [], found));
  }
  return createIntervals(found);
}

/** The innermost function around `address`. */
export function functionAt(functions: Intervals<CodeFunction>, address: bigint): CodeFunction | undefined {
  let at = smallestAt(functions, address)?.value;
  for (let inner = at; inner !== undefined;) {
    at = inner;
    let smallest: Interval<CodeFunction> | undefined;
    for (const row of inner.inlined) {
      if (address < row.low || address >= row.high) continue;
      if (smallest === undefined || row.high - row.low < smallest.high - smallest.low) smallest = row;
    }
    inner = smallest?.value;
  }
  return at;
}
