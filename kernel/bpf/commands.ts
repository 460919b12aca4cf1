/** bpf(2): one row a command. */
import { fail } from '../errno.ts';
import { constants } from '../layout/constants.ts';
import { syscall, type SyscallRow } from '../syscalls/types.ts';
import { ATTRIBUTE_SIZE, checkAttribute, readUserStructure } from './attribute.ts';
import { mapDeleteBatch, mapLookupAndDeleteBatch, mapLookupBatch, mapUpdateBatch } from './batch-commands.ts';
import type { CommandHandler, CommandRow } from './command.ts';
import { descriptorById, nextId } from './id-commands.ts';
import { objectInfo } from './info.ts';
import { linkCreate, linkDetach } from './link-commands.ts';
import {
  mapCreate,
  mapDelete,
  mapFreeze,
  mapLookup,
  mapLookupAndDelete,
  mapNextKey,
  mapUpdate,
} from './map-commands.ts';
import { objectGet, objectPin } from './pin-commands.ts';
import { enableStats } from './statistics.ts';
import { freeDyingPrograms } from './programs.ts';
import { progLoadRex, progLoadRexBase } from './rex-commands.ts';

function row(
  number: number,
  name: string,
  end: number,
  handler: CommandHandler,
  note = '',
  support: CommandRow['support'] = note === '' ? 'full' : 'partial',
): CommandRow {
  return { number, name, end, support, note, handler };
}

const refused = (): never => fail('EINVAL');
const c = constants;
const BATCH = 'hash, lru_hash and array kinds, one value a CPU or not';

// prettier-ignore
/** `end` counts the last field the kernel's union has for the command, used here or not. */
export const bpfCommands: readonly CommandRow[] = [
  row(c.BPF_MAP_CREATE,         'MAP_CREATE',         72,  mapCreate, 'no BTF, tokens, inner maps or devices'),
  row(c.BPF_MAP_LOOKUP_ELEM,    'MAP_LOOKUP_ELEM',    32,  mapLookup),
  row(c.BPF_MAP_UPDATE_ELEM,    'MAP_UPDATE_ELEM',    32,  mapUpdate),
  row(c.BPF_MAP_DELETE_ELEM,    'MAP_DELETE_ELEM',    16,  mapDelete),
  row(c.BPF_MAP_GET_NEXT_KEY,   'MAP_GET_NEXT_KEY',   24,  mapNextKey),
  row(c.BPF_PROG_LOAD,          'PROG_LOAD',          228, refused, 'eBPF bytecode is not implemented: EINVAL', 'none'),
  row(c.BPF_OBJ_PIN,            'OBJ_PIN',            20,  objectPin),
  row(c.BPF_OBJ_GET,            'OBJ_GET',            20,  objectGet),
  row(c.BPF_PROG_GET_NEXT_ID,   'PROG_GET_NEXT_ID',   8,   nextId('bpf-prog')),
  row(c.BPF_MAP_GET_NEXT_ID,    'MAP_GET_NEXT_ID',    8,   nextId('bpf-map')),
  row(c.BPF_PROG_GET_FD_BY_ID,  'PROG_GET_FD_BY_ID',  4,   descriptorById('bpf-prog')),
  row(c.BPF_MAP_GET_FD_BY_ID,   'MAP_GET_FD_BY_ID',   12,  descriptorById('bpf-map')),
  row(c.BPF_OBJ_GET_INFO_BY_FD, 'OBJ_GET_INFO_BY_FD', 16,  objectInfo, 'no BTF, instructions or function name'),
  row(c.BPF_MAP_LOOKUP_AND_DELETE_ELEM,  'MAP_LOOKUP_AND_DELETE_ELEM',  32, mapLookupAndDelete),
  row(c.BPF_MAP_FREEZE,                  'MAP_FREEZE',                  4,  mapFreeze),
  row(c.BPF_MAP_LOOKUP_BATCH,            'MAP_LOOKUP_BATCH',            56, mapLookupBatch, BATCH),
  row(c.BPF_MAP_LOOKUP_AND_DELETE_BATCH, 'MAP_LOOKUP_AND_DELETE_BATCH', 56, mapLookupAndDeleteBatch, BATCH),
  row(c.BPF_MAP_UPDATE_BATCH,            'MAP_UPDATE_BATCH',            56, mapUpdateBatch, BATCH),
  row(c.BPF_MAP_DELETE_BATCH,            'MAP_DELETE_BATCH',            56, mapDeleteBatch, BATCH),
  row(c.BPF_LINK_GET_FD_BY_ID,  'LINK_GET_FD_BY_ID',  4,   descriptorById('bpf_link')),
  row(c.BPF_LINK_GET_NEXT_ID,   'LINK_GET_NEXT_ID',   8,   nextId('bpf_link')),
  row(c.BPF_ENABLE_STATS,       'ENABLE_STATS',       4,   enableStats),
  row(c.BPF_LINK_CREATE,        'LINK_CREATE',        60,  linkCreate, 'perf events, XDP, TCX without an order'),
  row(c.BPF_LINK_DETACH,        'LINK_DETACH',        4,   linkDetach),
  row(c.BPF_PROG_LOAD_REX_BASE, 'PROG_LOAD_REX_BASE', 228, progLoadRexBase),
  row(c.BPF_PROG_LOAD_REX,      'PROG_LOAD_REX',      228, progLoadRex),
];

const byNumber = new Map(bpfCommands.map((command) => [command.number, command]));

/** Errors: E2BIG and EFAULT for the attribute, EINVAL for an unknown command or bytes past its last field; the command's. */
export const bpfSyscalls: readonly SyscallRow[] = [
  syscall(
    321,
    'bpf',
    ['bpf-command', 'pointer', 'unsigned'],
    ({ kernel, cpu, task, args }) => {
      const size = Number(BigInt.asUintN(32, args[2]));
      const attribute = readUserStructure(kernel, task, args[1], size, ATTRIBUTE_SIZE);
      const command = byNumber.get(Number(BigInt.asIntN(32, args[0]))) ?? fail('EINVAL');
      checkAttribute(attribute, command.end);
      freeDyingPrograms(kernel);
      return command.handler({ kernel, cpu, task, attribute, address: args[1], size });
    },
    'see bpfCommands',
  ),
];
