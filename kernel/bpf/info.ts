/** BPF_OBJ_GET_INFO_BY_FD. */
import { fail } from '../errno.ts';
import { openFileAt } from '../fs/files.ts';
import type { FileKind } from '../fs/types.ts';
import { readStructure } from '../layout/read-structure.ts';
import { bpf_attr_obj_info } from '../layout/structures.ts';
import { copyToUser, writeUserU32 } from '../mm/user-memory.ts';
import { readUserStructure } from './attribute.ts';
import type { CommandCall, CommandHandler } from './command.ts';
import { nameBytes } from './name.ts';

interface InfoField {
  readonly offset: number;
  /** bytes of an integer */
  readonly size: number;
  readonly value: bigint | number | Uint8Array;
}

interface InfoKind {
  /** sizeof(struct bpf_*_info) */
  readonly size: number;
  /** `given`: what user space put there */
  readonly fields: (call: CommandCall, object: number, given: Uint8Array) => readonly InfoField[];
}

const u32 = (offset: number, value: number): InfoField => ({ offset, size: 4, value });
const u64 = (offset: number, value: bigint | number): InfoField => ({ offset, size: 8, value });
const raw = (offset: number, value: Uint8Array): InfoField => ({ offset, size: value.length, value });

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** include/uapi/linux/bpf.h: struct bpf_map_info */
const mapInfo: InfoKind = {
  size: 104,
  fields({ kernel }, object) {
    const map = kernel.bpf.maps.get(object) ?? fail('EINVAL');
    return [
      u32(0, map.type),
      u32(4, map.id),
      u32(8, map.keySize),
      u32(12, map.valueSize),
      u32(16, map.maxEntries),
      u32(20, map.flags),
      raw(24, nameBytes(map.name)),
    ];
  },
};

/** Writes as many ids as the caller has room for at `map_ids`. EFAULT. */
function giveMapIds({ kernel, task }: CommandCall, ids: readonly number[], given: Uint8Array): void {
  const room = Math.min(viewOf(given).getUint32(52, true), ids.length);
  const address = viewOf(given).getBigUint64(56, true);
  ids.slice(0, room).forEach((id, n) => writeUserU32(kernel, task, address + BigInt(n * 4), id));
}

const tagBytes = (tag: string): Uint8Array => Uint8Array.from(tag.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** struct bpf_prog_info */
const programInfo: InfoKind = {
  size: 232,
  fields(call, object, given) {
    const program = call.kernel.bpf.programs.get(object) ?? fail('EINVAL');
    giveMapIds(call, program.maps, given);
    return [
      u32(0, program.type),
      u32(4, program.id),
      raw(8, tagBytes(program.tag)),
      u64(40, program.loadedAt),
      u32(52, program.maps.length),
      u64(56, viewOf(given).getBigUint64(56, true)),
      raw(64, nameBytes(program.name)),
      u32(84, program.gplCompatible ? 1 : 0),
      u64(200, program.runs),
      u64(208, program.misses),
    ];
  },
};

const BPF_LINK_TYPE_PERF_EVENT = 7;
const BPF_PERF_EVENT_KPROBE = 3;

/** struct bpf_link_info */
const linkInfo: InfoKind = {
  size: 64,
  fields({ kernel }, object) {
    const link = kernel.bpf.links.get(object) ?? fail('EINVAL');
    const event = kernel.bpf.events.get(link.event) ?? fail('EINVAL');
    return [
      u32(0, BPF_LINK_TYPE_PERF_EVENT),
      u32(4, link.id),
      u32(8, link.program),
      u32(16, BPF_PERF_EVENT_KPROBE),
      u32(36, Number(BigInt.asUintN(32, event.offset))),
      u64(40, event.address),
      u64(56, link.cookie),
    ];
  },
};

const kinds: Readonly<Partial<Record<FileKind, InfoKind>>> = {
  'bpf-map': mapInfo,
  'bpf-prog': programInfo,
  bpf_link: linkInfo,
};

function infoBytes(size: number, fields: readonly InfoField[]): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const { offset, size: width, value } of fields) {
    if (value instanceof Uint8Array) bytes.set(value, offset);
    else for (let n = 0; n < width; n++) bytes[offset + n] = Number((BigInt(value) >> BigInt(n * 8)) & 0xffn);
  }
  return bytes;
}

const INFO_LEN_OFFSET = BigInt(bpf_attr_obj_info.fields.info_len.offset);

/** Fills as much as the caller has room for, and says in `info_len` how much. */
export const objectInfo: CommandHandler = (call) => {
  const { kernel, task, attribute, address } = call;
  const request = readStructure(attribute, bpf_attr_obj_info);
  const file = openFileAt(kernel, task, request.number('bpf_fd') | 0) ?? fail('EBADFD');
  const kind = kinds[file.kind] ?? fail('EINVAL');
  const user = request.wide('info');
  const given = readUserStructure(kernel, task, user, request.number('info_len'), kind.size);
  const length = Math.min(request.number('info_len'), kind.size);
  const bytes = infoBytes(kind.size, kind.fields(call, file.object, given));
  copyToUser(kernel, task, user, bytes.subarray(0, length));
  writeUserU32(kernel, task, address + INFO_LEN_OFFSET, length);
  return 0;
};
