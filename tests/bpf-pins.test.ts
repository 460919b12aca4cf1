// A name in bpffs holds a program or a link as it holds a map: what is attached stays when its loader has gone.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createProgram, freeDyingPrograms } from '../kernel/bpf/programs.ts';
import { errno } from '../kernel/errno.ts';
import { closeDescriptor, fileOf, installDescriptor, openFile } from '../kernel/fs/files.ts';
import { rename, unlink } from '../kernel/fs/names.ts';
import { constants as c } from '../kernel/layout/constants.ts';
import { bpf_attr_get_id, bpf_attr_link_create, bpf_attr_obj, perf_event_attr } from '../kernel/layout/structures.ts';
import { writeStructure } from '../kernel/layout/write-structure.ts';
import { readUserU64 } from '../kernel/mm/user-memory.ts';
import { createBareKernel, USER, type BareKernel } from './support/bare-kernel.ts';
import { ATTRIBUTE, bpf } from './support/rex-load.ts';

const STRING = USER + 0x2000n;

function addProgram({ kernel, task }: BareKernel): number {
  const { id } = createProgram(kernel, {
    type: c.BPF_PROG_TYPE_KPROBE,
    name: 'test',
    gplCompatible: true,
    loadedAt: 0n,
    function: 0xffff_ffff_c000_0000n,
    base: undefined,
    image: undefined,
    tag: '0011223344556677',
    maps: [],
    loaderPid: task.pid,
    timeoutHandler: 0n,
  });
  return installDescriptor(kernel, task, openFile(kernel, 'bpf-prog', id, 2, 'anon_inode:bpf-prog'), true);
}

function openEvent(box: BareKernel): number {
  box.poke(STRING, Buffer.from('__x64_sys_dup\0'));
  box.poke(ATTRIBUTE, writeStructure(perf_event_attr, { type: 6, size: 136, config1: STRING }));
  return box.call('perf_event_open', ATTRIBUTE, -1, 0, -1, 8);
}

function object(box: BareKernel, command: number, path: string, descriptor = 0, flags = 0): number {
  box.poke(STRING, Buffer.from(`${path}\0`));
  const attribute = { pathname: STRING, bpf_fd: descriptor, file_flags: flags };
  return bpf(box, command, writeStructure(bpf_attr_obj, attribute).subarray(0, 20));
}

function byId(box: BareKernel, command: number, id: number): number {
  return bpf(box, command, writeStructure(bpf_attr_get_id, { id }).subarray(0, 8));
}

const nextId = (box: BareKernel): number =>
  Number(BigInt.asUintN(32, readUserU64(box.kernel, box.task, ATTRIBUTE + 4n)));

test('a pinned link keeps its program attached; the name gone, everything is', () => {
  const box = createBareKernel();
  const { kernel, task } = box;
  const [program, event] = [addProgram(box), openEvent(box)];
  const attribute = { prog_fd: program, target_fd: event, attach_type: c.BPF_PERF_EVENT };
  const link = bpf(box, c.BPF_LINK_CREATE, writeStructure(bpf_attr_link_create, attribute));
  assert.ok(link >= 0);
  const { object: id } = fileOf(kernel, task, link);
  assert.is(object(box, c.BPF_OBJ_PIN, '/sys/fs/bpf/link', link), 0);
  assert.is(object(box, c.BPF_OBJ_PIN, '/sys/fs/bpf/event', event), -errno.EINVAL);
  for (const descriptor of [program, event, link]) closeDescriptor(kernel, task, descriptor);
  assert.is(kernel.openFiles.size, 0);
  assert.is(kernel.kprobes.probes.size, 1);

  assert.is(byId(box, c.BPF_LINK_GET_NEXT_ID, 0), 0);
  assert.is(nextId(box), id);
  assert.is(byId(box, c.BPF_LINK_GET_NEXT_ID, id), -errno.ENOENT);
  assert.is(object(box, c.BPF_OBJ_GET, '/sys/fs/bpf/link', 0, 8), -errno.EINVAL, 'links are not read-only');
  const again = object(box, c.BPF_OBJ_GET, '/sys/fs/bpf/link');
  assert.is(fileOf(kernel, task, again).kind, 'bpf_link');
  unlink(kernel, '/sys/fs/bpf/link');
  assert.is(kernel.kprobes.probes.size, 1, 'the descriptor holds it');
  closeDescriptor(kernel, task, again);
  freeDyingPrograms(kernel);
  assert.is(kernel.kprobes.probes.size + kernel.bpf.links.size + kernel.bpf.programs.size, 0);
});

test('a program by name and by number; a rename over another name lets go of what had it', () => {
  const box = createBareKernel();
  const { kernel, task } = box;
  const ids = ['one', 'two'].map((name) => {
    const descriptor = addProgram(box);
    assert.is(object(box, c.BPF_OBJ_PIN, `/sys/fs/bpf/${name}`, descriptor), 0);
    const { object: id } = fileOf(kernel, task, descriptor);
    closeDescriptor(kernel, task, descriptor);
    return id;
  });
  assert.is(byId(box, c.BPF_PROG_GET_NEXT_ID, 0), 0);
  assert.is(nextId(box), ids[0]);
  rename(kernel, '/sys/fs/bpf/one', {}, '/sys/fs/bpf/two', {});
  assert.equal([...kernel.bpf.programs.keys()], [ids[0]]);
  const byName = object(box, c.BPF_OBJ_GET, '/sys/fs/bpf/two');
  assert.is(fileOf(kernel, task, byName).object, ids[0]);
  const attribute = writeStructure(bpf_attr_get_id, { id: ids[0]! }).subarray(0, 4);
  const byNumber = bpf(box, c.BPF_PROG_GET_FD_BY_ID, attribute);
  assert.is(fileOf(kernel, task, byNumber).object, ids[0]);
  unlink(kernel, '/sys/fs/bpf/two');
  closeDescriptor(kernel, task, byName);
  closeDescriptor(kernel, task, byNumber);
  assert.is(kernel.bpf.programs.size, 0);
  assert.is(bpf(box, c.BPF_PROG_GET_FD_BY_ID, attribute), -errno.ENOENT);
});

test('no descriptor to be had: nothing keeps the object', () => {
  const box = createBareKernel();
  const { kernel, task } = box;
  const program = addProgram(box);
  assert.is(object(box, c.BPF_OBJ_PIN, '/sys/fs/bpf/program', program), 0);
  closeDescriptor(kernel, task, program);
  while (kernel.fileTables.get(task.fileTable)!.descriptors.filter((open) => open !== undefined).length < 1024)
    installDescriptor(kernel, task, openFile(kernel, 'stdin', 0, 0, ''), false);
  assert.is(object(box, c.BPF_OBJ_GET, '/sys/fs/bpf/program'), -errno.EMFILE);
  assert.is([...kernel.bpf.programs.values()][0]!.references, 1);
  unlink(kernel, '/sys/fs/bpf/program');
  assert.is(kernel.bpf.programs.size, 0);
});

test.run();
