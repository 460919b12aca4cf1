/** BPF_PROG_LOAD_REX_BASE and BPF_PROG_LOAD_REX as user space calls them. */
import { Errno, fail } from '../errno.ts';
import { wholeContent } from '../fs/content.ts';
import { fileOf } from '../fs/files.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { readStructure } from '../layout/read-structure.ts';
import { bpf_attr_rex_load, rex_dyn_sym, rex_rela_dyn, rex_text_sym } from '../layout/structures.ts';
import { copyFromUser, stringFromUser } from '../mm/user-memory.ts';
import { checkRexProgramType, loadRexBase, loadRexProgram } from '../rex-dispatcher/load.ts';
import type { RexBaseRequest, Rows } from '../rex-dispatcher/request.ts';
import type { Task } from '../task.ts';
import type { CommandCall, CommandHandler } from './command.ts';
import { giveDescriptor, mapOf, programOf } from './descriptors.ts';
import { objectName } from './name.ts';
import { putProgram } from './programs.ts';

/** BPF_F_STRICT_ALIGNMENT, ANY_ALIGNMENT, TEST_RND_HI32, TEST_STATE_FREQ, SLEEPABLE */
const PROGRAM_FLAGS = 0x1f;
/** bytes of a licence that the kernel copies */
const MAX_LICENSE = 127;
const O_ACCMODE = 3;
const O_WRONLY = 1;

/** license_is_gpl_compatible */
const gplLicenses: ReadonlySet<string> = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

/** A string of at most `limit` bytes with its NUL; EFAULT, or `code` for a longer one. */
function userString(kernel: Kernel, task: Task, address: bigint, limit: number): string | undefined {
  try {
    return stringFromUser(kernel, task, address, limit);
  } catch (error) {
    if (error instanceof Errno && error.code === 'ENAMETOOLONG') return undefined;
    throw error;
  }
}

const symbolName = (kernel: Kernel, task: Task, address: bigint): string =>
  userString(kernel, task, address, constants.KSYM_NAME_LEN) ?? fail('E2BIG');

/** What both commands check first. Errors: EINVAL for an unknown flag, EFAULT without a licence. */
function readCommon({ kernel, task, attribute }: CommandCall) {
  const load = readStructure(attribute, bpf_attr_rex_load);
  if ((load.number('prog_flags') & ~PROGRAM_FLAGS) !== 0) fail('EINVAL');
  const license = userString(kernel, task, load.wide('license'), MAX_LICENSE);
  return { load, gplCompatible: license !== undefined && gplLicenses.has(license), loaderPid: task.pid };
}

/** The bytes of an open regular file; EBADF, EINVAL, EFBIG. */
function fileBytes(kernel: Kernel, task: Task, descriptor: number): Uint8Array {
  const file = fileOf(kernel, task, descriptor);
  if (file.kind !== 'regular' || (file.flags & O_ACCMODE) === O_WRONLY) fail('EINVAL');
  const inode = kernel.fileSystem.inodes.get(file.object) ?? fail('EINVAL');
  return wholeContent(kernel, inode);
}

/** An array of structures in user space, read one by one. */
function userRows<Row>(
  { kernel, task }: CommandCall,
  address: bigint,
  count: bigint,
  size: number,
  read: (bytes: Uint8Array) => Row,
): Rows<Row> {
  const at = (n: bigint): Uint8Array =>
    copyFromUser(kernel, task, BigInt.asUintN(64, address + n * BigInt(size)), size);
  return {
    count,
    *read() {
      for (let n = 0n; n < count; n++) yield read(at(n));
    },
  };
}

export const progLoadRexBase: CommandHandler = (call) => {
  const { kernel, cpu, task } = call;
  const { load, gplCompatible, loaderPid } = readCommon(call);
  const functionCount = load.wide('nr_text_syms');
  if (functionCount === 0n || load.number('prog_type') !== constants.BPF_PROG_TYPE_REX_BASE) fail('EINVAL');
  const request: RexBaseRequest = {
    name: objectName(load.bytes('prog_name')),
    gplCompatible,
    loaderPid,
    file: () => fileBytes(kernel, task, load.number('rustfd') | 0),
    maps: userRows(call, load.wide('map_offs'), load.wide('map_cnt'), 8, (bytes) =>
      new DataView(bytes.buffer).getBigUint64(0, true),
    ),
    mapOf: (descriptor) => mapOf(kernel, task, descriptor),
    relocations: userRows(call, load.wide('dyn_relas'), load.wide('nr_dyn_relas'), rex_rela_dyn.size, (bytes) => {
      const row = readStructure(bytes, rex_rela_dyn);
      return { offset: row.wide('offset'), info: row.wide('info'), addend: row.wide('addend') };
    }),
    imports: userRows(call, load.wide('dyn_syms'), load.wide('nr_dyn_syms'), rex_dyn_sym.size, (bytes) => {
      const row = readStructure(bytes, rex_dyn_sym);
      return { offset: row.wide('offset'), name: symbolName(kernel, task, row.wide('symbol')) };
    }),
    functions: userRows(call, load.wide('text_syms'), functionCount, rex_text_sym.size, (bytes) => {
      const row = readStructure(bytes, rex_text_sym);
      return {
        offset: row.wide('offset'),
        size: row.wide('size'),
        name: symbolName(kernel, task, row.wide('symbol')),
      };
    }),
  };
  const base = loadRexBase(kernel, cpu, request);
  return giveDescriptor(kernel, task, 'bpf-prog', base.id, putProgram);
};

export const progLoadRex: CommandHandler = (call) => {
  const { kernel, cpu, task } = call;
  const { load, gplCompatible, loaderPid } = readCommon(call);
  const type = load.number('prog_type');
  checkRexProgramType(type);
  const name = objectName(load.bytes('prog_name'));
  const base = programOf(kernel, task, load.number('base_prog_fd') | 0);
  const program = loadRexProgram(kernel, cpu, base, {
    type,
    name,
    gplCompatible,
    loaderPid,
    offset: load.wide('prog_offset'),
    timeoutOffset: load.wide('unwinder_insn_off'),
  });
  return giveDescriptor(kernel, task, 'bpf-prog', program.id, putProgram);
};
