/**
 * Data breakpoints: memory, values of maps, registers. What the client gets to name one is what the debugger's grammar of
 * stops has behind the access: `0xffff888000001000:8`, `0x401000:4 pid 2`, `register rax`.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { KERNEL_HALF } from '../../kernel/layout/address-map.ts';
import type { Arguments } from './arguments.ts';
import type { Wanted } from './breakpoints.ts';
import { restingTarget, targetOf, type DapSession } from './session.ts';
import { hex, readAddress, withoutRemark } from './text.ts';
import { focusedPid } from './threads.ts';
import { watchedChild } from './variables/index.ts';

const LONGEST = 65_536;
const WORD = 8;
const accessWords: Readonly<Record<string, string>> = { read: 'read', write: 'write', readWrite: 'access' };
const accessTypes: DebugProtocol.DataBreakpointAccessType[] = ['read', 'write', 'readWrite'];

type Info = DebugProtocol.DataBreakpointInfoResponse['body'];

const isRegister = (place: string): boolean => place.startsWith('register ');

function infoOf(session: DapSession, place: string, title: string): Info {
  if (isRegister(place)) return { dataId: place, description: `${title}: when it changes`, accessTypes: ['write'] };
  const address = /^(0x[0-9a-f]+)/i.exec(place)?.[1];
  const ofUser = address !== undefined && BigInt(address) < KERNEL_HALF && !place.includes(' pid ');
  const dataId = ofUser ? `${place} pid ${focusedPid(session)}` : place;
  return { dataId, description: `${title}: ${dataId}`, accessTypes };
}

/** What an expression is about: a register of that name, memory `u64[…]`, else the memory that its value is the address of. */
function placeOf(session: DapSession, name: string, bytes: number | undefined): string {
  const { debugger: host } = targetOf(session);
  const text = withoutRemark(name.trim());
  const memory = /^[ui](8|16|32|64)\[([^]*)\]$/.exec(text);
  if (memory !== null) return `${hex(host.evaluate(memory[2]!))}:${bytes ?? Number(memory[1]) / 8}`;
  const plain = text.replace(/^\$/, '').toLowerCase();
  if (bytes === undefined && host.registers().some((register) => register.name === plain)) return `register ${plain}`;
  return `${hex(BigInt.asUintN(64, host.evaluate(text)))}:${bytes ?? WORD}`;
}

export function dataBreakpointInfo(session: DapSession, args: Arguments): Info {
  restingTarget(session);
  const name = args.text('name');
  const bytes = args.optionalInteger('bytes', { least: 1, most: LONGEST });
  const reference = args.optionalInteger('variablesReference', { least: 0 }) ?? 0;
  if (reference > 0) {
    const place = watchedChild(session, reference, name);
    if (place === undefined) return { dataId: null, description: `${name} is nothing that can be watched` };
    const sized = bytes === undefined || isRegister(place) ? place : place.replace(/:\d+/, `:${bytes}`);
    return infoOf(session, sized, name);
  }
  const place = args.flag('asAddress') ? `${hex(readAddress(name))}:${bytes ?? WORD}` : placeOf(session, name, bytes);
  return infoOf(session, place, name);
}

export function setDataBreakpoints(
  session: DapSession,
  args: Arguments,
): DebugProtocol.SetDataBreakpointsResponse['body'] {
  const { breakpoints, debugger: host } = targetOf(session);
  const wanted = args.records('breakpoints').map((each): Wanted => {
    const dataId = each.text('dataId');
    const access = each.choice('accessType', accessTypes) ?? 'write';
    const condition = each.optionalText('condition');
    const hitCondition = each.optionalText('hitCondition');
    return {
      resolve() {
        const { target, options } = host.parseStop(isRegister(dataId) ? dataId : `${accessWords[access]} ${dataId}`);
        return { target, condition: options.condition };
      },
      condition,
      hitCondition,
      key: JSON.stringify([dataId, access, condition ?? '', hitCondition ?? '']),
    };
  });
  return { breakpoints: breakpoints.replace('data', '', wanted) };
}
