/** BPF_OBJ_GET_INFO_BY_FD. */
import { viewOf } from '../../toolchain/elf/bytes.ts';
import { fail } from '../errno.ts';
import { openFileAt } from '../fs/files.ts';
import type { FileKind } from '../fs/types.ts';
import { readStructure } from '../layout/read-structure.ts';
import { bpf_attr_obj_info } from '../layout/structures.ts';
import { deviceAttachType } from '../net/device-links.ts';
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
      u64(192, program.statistics.nanoseconds),
      u64(200, program.statistics.count),
      u64(208, program.misses),
    ];
  },
};

const BPF_LINK_TYPE_XDP = 6;
const BPF_LINK_TYPE_PERF_EVENT = 7;
const BPF_LINK_TYPE_TCX = 11;
const BPF_PERF_EVENT_KPROBE = 3;
const BPF_PERF_EVENT_TRACEPOINT = 5;
const BPF_PERF_EVENT_EVENT = 6;

/** The name and its NUL where `given` says, as far as there is room; the fields that point at it and say its length. */
function nameFields({ kernel, task }: CommandCall, name: string, given: Uint8Array): InfoField[] {
  const address = viewOf(given).getBigUint64(24, true);
  const room = viewOf(given).getUint32(32, true);
  const bytes = new TextEncoder().encode(`${name}\0`);
  if ((address === 0n) !== (room === 0)) fail('EINVAL');
  if (address !== 0n) {
    const kept = bytes.slice(0, room);
    kept[kept.length - 1] = 0;
    copyToUser(kernel, task, address, kept);
    if (bytes.length > room) fail('ENOSPC');
  }
  return [u64(24, address), u32(32, bytes.length)];
}

/** struct bpf_link_info */
const linkInfo: InfoKind = {
  size: 64,
  fields(call, object, given) {
    const { kernel } = call;
    const link = kernel.bpf.links.get(object) ?? fail('EINVAL');
    if (link.device !== undefined) {
      const attachType = deviceAttachType[link.device.hook];
      const type = link.device.hook === 'xdp' ? BPF_LINK_TYPE_XDP : BPF_LINK_TYPE_TCX;
      return [
        u32(0, type),
        u32(4, link.id),
        u32(8, link.program),
        u32(16, link.device.ifindex),
        u32(20, type === BPF_LINK_TYPE_XDP ? 0 : attachType),
      ];
    }
    const event = kernel.bpf.events.get(link.event) ?? fail('EINVAL');
    const common = [u32(0, BPF_LINK_TYPE_PERF_EVENT), u32(4, link.id), u32(8, link.program)];
    const { probe, attributes } = event;
    if (probe !== undefined) {
      return [
        ...common,
        u32(16, BPF_PERF_EVENT_KPROBE),
        ...nameFields(call, event.name, given),
        u32(36, Number(BigInt.asUintN(32, probe.offset))),
        u64(40, probe.address),
        u64(48, kernel.kprobes.probes.get(probe.address)?.missed ?? 0),
        u64(56, link.cookie),
      ];
    }
    if (event.kind === 'tracepoint') {
      const name = event.name.slice(event.name.indexOf(':') + 1);
      return [...common, u32(16, BPF_PERF_EVENT_TRACEPOINT), ...nameFields(call, name, given), u64(40, link.cookie)];
    }
    return [
      ...common,
      u32(16, BPF_PERF_EVENT_EVENT),
      u64(24, attributes.config),
      u32(32, attributes.type),
      u64(40, link.cookie),
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
