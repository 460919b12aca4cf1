/* Objects and what is below them: attachments of every section, pins, numbers, information, maps, raw bpf(2). */
#include "checks.h"

#include <linux/perf_event.h>
#include <linux/unistd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define PINS "/sys/fs/bpf"

static int exists(const char *path) {
  struct stat status;
  return stat(path, &status) == 0;
}

static void spin(void) {
  for (volatile int i = 0; i < 200000; i++) continue;
}

static void attachments(const struct bpf_object *object) {
  static const struct {
    const char *program;
    int attached;
  } rows[] = {
      {"to_rings", 1},  {"to_events", 1}, {"on_getpid", 1},    {"on_anything", 0},
      {"on_sample", 0}, {"on_frame", 0},  {"on_frame_too", 0}, {"on_packet", 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct bpf_link *link;
    errno = 0;
    link = bpf_program__attach(program_named(object, rows[i].program));
    CHECK_EQUAL(link != NULL, rows[i].attached);
    if (link == NULL) {
      CHECK_EQUAL(errno, EOPNOTSUPP);
      CHECK_SAID(rows[i].program);
    }
    CHECK_EQUAL(bpf_link__destroy(link), 0);
  }
  CHECK_NULL(bpf_program__attach(NULL), EINVAL);

  struct bpf_program *program = program_named(object, "on_anything");
  long before = runs(object, ON_ANYTHING);
  struct bpf_link *link = bpf_program__attach_kprobe(program, false, "__x64_sys_getppid");
  syscall(SYS_getppid);
  CHECK_EQUAL(runs(object, ON_ANYTHING), before + 1);
  CHECK_EQUAL(bpf_link__destroy(link), 0);
  syscall(SYS_getppid);
  CHECK_EQUAL(runs(object, ON_ANYTHING), before + 1);
  LIBBPF_OPTS(bpf_ksyscall_opts, opts, .retprobe = false, .bpf_cookie = 0x1234);
  link = bpf_program__attach_ksyscall(program, "getppid", &opts);
  CHECK(link != NULL);
  syscall(SYS_getppid);
  CHECK_EQUAL(runs(object, ON_ANYTHING), before + 2);
  struct bpf_link_info info;
  __u32 size = sizeof info;
  char name[64];
  memset(&info, 0, sizeof info);
  info.perf_event.kprobe.func_name = (__u64)(unsigned long)name;
  info.perf_event.kprobe.name_len = sizeof name;
  CHECK_EQUAL(bpf_link_get_info_by_fd(bpf_link__fd(link), &info, &size), 0);
  CHECK_EQUAL(size, sizeof info);
  CHECK_EQUAL(info.type, BPF_LINK_TYPE_PERF_EVENT);
  CHECK_EQUAL(info.perf_event.type, BPF_PERF_EVENT_KPROBE);
  CHECK_EQUAL(info.perf_event.kprobe.cookie, 0x1234);
  CHECK_EQUAL(strcmp(name, "__x64_sys_getppid"), 0);
  CHECK_FAILS(bpf_link_detach(bpf_link__fd(link)), EOPNOTSUPP);
  CHECK_EQUAL(bpf_link__destroy(link), 0);
  CHECK_SILENT();
  CHECK_NULL(bpf_program__attach_ksyscall(program, "nonesuch", NULL), ENOENT);
  CHECK_SAID("prog 'on_anything': failed to create kprobe '__x64_sys_nonesuch+0x0' perf event: ");
  CHECK_NULL(bpf_program__attach_tracepoint(program_named(object, "to_rings"), "syscalls", "nonesuch"), ENOENT);
  CHECK_SAID("failed to create tracepoint 'syscalls/nonesuch' perf event");
  CHECK_NULL(bpf_program__attach_kprobe(program, false, NULL), EINVAL);
  CHECK_NULL(bpf_program__attach_kprobe(NULL, false, "x"), EINVAL);
  /* a program of another type */
  CHECK_NULL(bpf_program__attach_ksyscall(program_named(object, "on_frame"), "getppid", NULL), EINVAL);
  CHECK_SAID("failed to attach to perf_event FD");
}

static void perf_event(const struct bpf_object *object) {
  struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                 .size = sizeof attr,
                                 .config = PERF_COUNT_SW_CPU_CLOCK,
                                 .freq = 1,
                                 .sample_freq = 50000,
                                 .inherit = 1};
  long before = runs(object, ON_SAMPLE);
  int fd = (int)syscall(__NR_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
  struct bpf_link *link = bpf_program__attach_perf_event(program_named(object, "on_sample"), fd);
  CHECK(link != NULL);
  spin();
  CHECK(runs(object, ON_SAMPLE) > before);
  CHECK_EQUAL(bpf_link__destroy(link), 0);
  CHECK_ERRNO(ioctl(fd, PERF_EVENT_IOC_DISABLE, 0), EBADF); /* the link owned it */
  before = runs(object, ON_SAMPLE);
  spin();
  CHECK_EQUAL(runs(object, ON_SAMPLE), before);
  CHECK_NULL(bpf_program__attach_perf_event(program_named(object, "on_sample"), -1), EINVAL);
  CHECK_SAID("invalid perf event FD -1");
  CHECK_NULL(bpf_program__attach_perf_event(program_named(object, "on_sample"), 999), EBADF);
  CHECK_SAID("failed to create BPF link for perf_event FD 999");
}

static void pins(struct bpf_object *object) {
  struct bpf_program *program = program_named(object, "on_getpid");
  struct bpf_map *map = bpf_object__find_map_by_name(object, "NUMBERS");
  int fd;
  CHECK_EQUAL(bpf_program__pin(program, PINS "/a/b/program"), 0); /* makes the folders */
  CHECK_FAILS(bpf_program__pin(program, PINS "/a/b/program"), EEXIST);
  CHECK_SAID("prog on_getpid: failed to pin at '" PINS "/a/b/program': ");
  fd = bpf_obj_get(PINS "/a/b/program");
  CHECK(fd >= 0);
  struct bpf_prog_info info = {0};
  __u32 size = sizeof info;
  CHECK_EQUAL(bpf_prog_get_info_by_fd(fd, &info, &size), 0);
  CHECK_EQUAL(strcmp(info.name, "on_getpid"), 0);
  CHECK_EQUAL(info.type, BPF_PROG_TYPE_KPROBE);
  close(fd);
  CHECK_EQUAL(bpf_program__unpin(program, PINS "/a/b/program"), 0);
  CHECK_FAILS(bpf_program__unpin(program, PINS "/a/b/program"), ENOENT);
  CHECK_FAILS(bpf_obj_get(PINS "/a/b/program"), ENOENT);
  CHECK_SILENT();
  CHECK_FAILS(bpf_program__pin(program, "/tmp/program"), EINVAL);
  CHECK(!exists("/tmp/program"));
  CHECK_FAILS(bpf_program__pin(program, ""), EINVAL);
  CHECK_FAILS(bpf_program__pin(program, NULL), EINVAL);
  CHECK_FAILS(bpf_program__pin(NULL, PINS "/x"), EINVAL);
  said[0] = '\0';

  CHECK_EQUAL(bpf_map__is_pinned(map), 0);
  CHECK_FAILS(bpf_map__pin(map, NULL), EINVAL);
  CHECK_SAID("missing a path to pin map 'NUMBERS' at");
  CHECK_EQUAL(bpf_map__pin(map, PINS "/numbers"), 0);
  CHECK(bpf_map__is_pinned(map));
  CHECK_EQUAL(strcmp(bpf_map__pin_path(map), PINS "/numbers"), 0);
  CHECK_EQUAL(bpf_map__pin(map, PINS "/numbers"), 0); /* it is */
  CHECK_FAILS(bpf_map__pin(map, PINS "/other"), EINVAL);
  CHECK_SAID("already has pin path '" PINS "/numbers' different from '" PINS "/other'");
  LIBBPF_OPTS(bpf_obj_get_opts, get, .file_flags = BPF_F_RDONLY);
  fd = bpf_obj_get_opts(PINS "/numbers", &get);
  __u32 key = 5;
  __u64 value = 6;
  CHECK_FAILS(bpf_map_update_elem(fd, &key, &value, BPF_ANY), EPERM);
  CHECK_EQUAL(bpf_map_update_elem(bpf_map__fd(map), &key, &value, BPF_ANY), 0);
  value = 0;
  CHECK_EQUAL(bpf_map_lookup_elem(fd, &key, &value), 0);
  CHECK_EQUAL(value, 6);
  close(fd);
  CHECK_FAILS(bpf_map__unpin(map, PINS "/other"), EINVAL);
  CHECK_EQUAL(bpf_map__unpin(map, NULL), 0);
  CHECK(!exists(PINS "/numbers"));
  CHECK_EQUAL(bpf_map__set_pin_path(map, PINS "/here"), 0);
  CHECK_EQUAL(bpf_object__pin_maps(object, NULL), 0); /* those with a path */
  CHECK(exists(PINS "/here"));
  CHECK_EQUAL(bpf_object__unpin_maps(object, NULL), 0);
  CHECK(!exists(PINS "/here"));
  CHECK_EQUAL(bpf_map__set_pin_path(map, NULL), 0);

  CHECK_EQUAL(bpf_object__pin(object, PINS "/all"), 0);
  CHECK(exists(PINS "/all/RUNS"));
  CHECK(exists(PINS "/all/on_packet"));
  CHECK_EQUAL(bpf_object__unpin_programs(object, PINS "/all"), 0);
  CHECK_EQUAL(bpf_object__unpin_maps(object, PINS "/all"), 0);
  CHECK(!exists(PINS "/all/RUNS"));
  /* one that cannot be takes the others back */
  CHECK_EQUAL(bpf_program__pin(program, PINS "/all/on_packet"), 0);
  CHECK_FAILS(bpf_object__pin(object, PINS "/all"), EEXIST);
  CHECK(!exists(PINS "/all/on_sample"));
  CHECK(!exists(PINS "/all/RUNS"));
  CHECK_EQUAL(bpf_program__unpin(program, PINS "/all/on_packet"), 0);
  CHECK_FAILS(bpf_object__pin(NULL, PINS), EINVAL);
  said[0] = '\0';

  /* a pinned link outlives its structure */
  long before = runs(object, ON_GETPID);
  struct bpf_link *link = bpf_program__attach(program);
  CHECK_EQUAL(bpf_link__pin_path(link) == NULL, 1);
  CHECK_FAILS(bpf_link__unpin(link), EINVAL);
  CHECK_EQUAL(bpf_link__pin(link, PINS "/link"), 0);
  CHECK_FAILS(bpf_link__pin(link, PINS "/link2"), EBUSY);
  CHECK_EQUAL(strcmp(bpf_link__pin_path(link), PINS "/link"), 0);
  /* destroying it otherwise would disable its event */
  fd = bpf_link__fd(link);
  bpf_link__disconnect(link);
  CHECK_EQUAL(bpf_link__destroy(link), 0);
  CHECK_EQUAL(close(fd), 0);
  syscall(SYS_getpid);
  CHECK_EQUAL(runs(object, ON_GETPID), before + 1);
  link = bpf_link__open(PINS "/link");
  CHECK(link != NULL);
  CHECK_EQUAL(strcmp(bpf_link__pin_path(link), PINS "/link"), 0);
  CHECK_EQUAL(bpf_link__unpin(link), 0);
  CHECK(!exists(PINS "/link"));
  CHECK_EQUAL(bpf_link__destroy(link), 0);
  CHECK_SILENT();
  CHECK_NULL(bpf_link__open(PINS "/link"), ENOENT);
  CHECK_SAID("failed to open link at " PINS "/link");
  CHECK_NULL(bpf_link__open(NULL), EINVAL);
  CHECK_FAILS(bpf_link__pin(NULL, PINS "/link"), EINVAL);
  rmdir(PINS "/a/b");
  rmdir(PINS "/a");
  rmdir(PINS "/all");
}

static void numbers(const struct bpf_object *object) {
  __u32 id = 0, last = 0;
  int maps = 0, programs = 0, fd;
  while (bpf_map_get_next_id(id, &id) == 0) {
    struct bpf_map_info info = {0};
    __u32 size = sizeof info;
    CHECK(id > last);
    last = id;
    fd = bpf_map_get_fd_by_id(id);
    CHECK(fd >= 0);
    CHECK_EQUAL(bpf_map_get_info_by_fd(fd, &info, &size), 0);
    CHECK_EQUAL(info.id, id);
    close(fd);
    maps++;
  }
  CHECK_EQUAL(errno, ENOENT);
  CHECK_EQUAL(maps, 6);
  id = 0;
  while (bpf_prog_get_next_id(id, &id) == 0) programs++;
  CHECK_EQUAL(programs, 9); /* with the base */
  CHECK_FAILS(bpf_link_get_next_id(0, &id), ENOENT);
  struct bpf_link *link = bpf_program__attach(program_named(object, "on_getpid"));
  CHECK_EQUAL(bpf_link_get_next_id(0, &id), 0);
  fd = bpf_link_get_fd_by_id(id);
  CHECK(fd >= 0);
  close(fd);
  CHECK_EQUAL(bpf_link__destroy(link), 0);
  CHECK_FAILS(bpf_link_get_fd_by_id(id), ENOENT);
  CHECK_FAILS(bpf_prog_get_fd_by_id(4242), ENOENT);
  CHECK_FAILS(bpf_map_get_fd_by_id(4242), ENOENT);

  fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
  CHECK(fd >= 0);
  struct bpf_program *program = program_named(object, "on_getpid");
  struct bpf_prog_info before = {0}, after = {0};
  __u32 size = sizeof before;
  link = bpf_program__attach(program);
  CHECK_EQUAL(bpf_prog_get_info_by_fd(bpf_program__fd(program), &before, &size), 0);
  for (int i = 0; i < 5; i++) syscall(SYS_getpid);
  CHECK_EQUAL(bpf_prog_get_info_by_fd(bpf_program__fd(program), &after, &size), 0);
  CHECK_EQUAL(after.run_cnt - before.run_cnt, 5);
  CHECK(after.run_time_ns > before.run_time_ns);
  close(fd);
  syscall(SYS_getpid);
  CHECK_EQUAL(bpf_prog_get_info_by_fd(bpf_program__fd(program), &before, &size), 0);
  CHECK_EQUAL(before.run_cnt, after.run_cnt);
  CHECK_EQUAL(bpf_link__destroy(link), 0);
  CHECK_FAILS(bpf_enable_stats((enum bpf_stats_type)9), EINVAL);
}

static void maps(const struct bpf_object *object) {
  struct bpf_map *map = bpf_object__find_map_by_name(object, "NUMBERS");
  struct bpf_map *per_cpu = bpf_object__find_map_by_name(object, "PER_CPU");
  int cpus = libbpf_num_possible_cpus(), fd = bpf_map__fd(map);
  __u32 key = 1, keys[4] = {10, 11, 12, 13}, found[8], count = 4;
  __u64 value = 7, slots[16], values[8] = {20, 21, 22, 23};
  CHECK_EQUAL(bpf_map__update_elem(map, &key, sizeof key, &value, sizeof value, BPF_ANY), 0);
  value = 0;
  CHECK_EQUAL(bpf_map__lookup_and_delete_elem(map, &key, sizeof key, &value, sizeof value, 0), 0);
  CHECK_EQUAL(value, 7);
  CHECK_FAILS(bpf_map__lookup_elem(map, &key, sizeof key, &value, sizeof value, 0), ENOENT);
  CHECK_FAILS(bpf_map_lookup_and_delete_elem(fd, &key, &value), ENOENT);
  CHECK_SILENT();
  CHECK_FAILS(bpf_map__lookup_elem(map, &key, 8, &value, sizeof value, 0), EINVAL);
  CHECK_SAID("map 'NUMBERS': unexpected key size 8 provided, expected 4");
  CHECK_FAILS(bpf_map__lookup_elem(map, &key, sizeof key, &value, 4, 0), EINVAL);
  CHECK_SAID("map 'NUMBERS': unexpected value size 4 provided, expected 8");

  /* a value for every CPU, or the kernel would write past it */
  key = 0;
  CHECK_FAILS(bpf_map__lookup_elem(per_cpu, &key, sizeof key, slots, sizeof slots[0] * (size_t)(cpus + 1), 0), EINVAL);
  CHECK_SAID("map 'PER_CPU': unexpected value size");
  struct bpf_link *link = bpf_program__attach(program_named(object, "on_getpid"));
  memset(slots, 0, sizeof slots);
  CHECK_EQUAL(bpf_map__update_elem(per_cpu, &key, sizeof key, slots, sizeof slots[0] * (size_t)cpus, BPF_ANY), 0);
  for (int i = 0; i < 3; i++) syscall(SYS_getpid);
  CHECK_EQUAL(bpf_map__lookup_elem(per_cpu, &key, sizeof key, slots, sizeof slots[0] * (size_t)cpus, 0), 0);
  for (int cpu = 1; cpu < cpus; cpu++) slots[0] += slots[cpu];
  CHECK_EQUAL(slots[0], 3);
  CHECK_EQUAL(bpf_link__destroy(link), 0);

  while (bpf_map_get_next_key(fd, NULL, &key) == 0) CHECK_EQUAL(bpf_map_delete_elem(fd, &key), 0);
  CHECK_EQUAL(bpf_map_update_batch(fd, keys, values, &count, NULL), 0);
  CHECK_EQUAL(count, 4);
  count = 8;
  __u64 sum = 0;
  CHECK_FAILS(bpf_map_lookup_batch(fd, NULL, &key, found, values, &count, NULL), ENOENT);
  CHECK_EQUAL(count, 4);
  for (__u32 i = 0; i < count; i++) sum += found[i] * values[i];
  CHECK_EQUAL(sum, 10 * 20 + 11 * 21 + 12 * 22 + 13 * 23);
  count = 2;
  CHECK_EQUAL(bpf_map_delete_batch(fd, keys, &count, NULL), 0);
  count = 8;
  CHECK_FAILS(bpf_map_lookup_and_delete_batch(fd, NULL, &key, found, values, &count, NULL), ENOENT);
  CHECK_EQUAL(count, 2);
  CHECK_FAILS(bpf_map_get_next_key(fd, NULL, &key), ENOENT);
  CHECK_FAILS(bpf_map_lookup_batch(fd, NULL, &key, found, values, NULL, NULL), EINVAL);

  CHECK_FAILS(bpf_map__set_max_entries(map, 9), EBUSY);
  CHECK_FAILS(bpf_program__set_type(program_named(object, "on_packet"), (enum bpf_prog_type)BPF_PROG_TYPE_XDP), EBUSY);

  fd = bpf_map_create((enum bpf_map_type)BPF_MAP_TYPE_ARRAY, "frozen", 4, 8, 1, NULL);
  key = 0;
  CHECK_EQUAL(bpf_map_freeze(fd), 0);
  CHECK_FAILS(bpf_map_update_elem(fd, &key, &value, BPF_ANY), EPERM);
  CHECK_FAILS(bpf_map_freeze(fd), EPERM);
  CHECK_EQUAL(bpf_map_lookup_elem_flags(fd, &key, &value, 0), 0);
  close(fd);
  LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = 1U << 31);
  CHECK_FAILS(bpf_map_create((enum bpf_map_type)BPF_MAP_TYPE_ARRAY, "flags", 4, 8, 1, &opts), EINVAL);
  opts.sz = 3;
  CHECK_FAILS(bpf_map_create((enum bpf_map_type)BPF_MAP_TYPE_ARRAY, "size", 4, 8, 1, &opts), EINVAL);
  CHECK_SAID("bpf_map_create_opts size (3) is too small");
}

/* The system call itself, with the union of <linux/bpf.h>. */
static void raw(void) {
  union bpf_attr attr;
  __u32 key = 3;
  __u64 value = 99;
  int fd;
  memset(&attr, 0, sizeof attr);
  attr.map_type = BPF_MAP_TYPE_HASH;
  attr.key_size = sizeof key;
  attr.value_size = sizeof value;
  attr.max_entries = 1;
  strcpy(attr.map_name, "raw");
  fd = (int)syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
  CHECK(fd >= 0);
  memset(&attr, 0, sizeof attr);
  attr.map_fd = (__u32)fd;
  attr.key = (__u64)(unsigned long)&key;
  attr.value = (__u64)(unsigned long)&value;
  CHECK_EQUAL(syscall(__NR_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof attr), 0);
  value = 0;
  CHECK_EQUAL(syscall(__NR_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof attr), 0);
  CHECK_EQUAL(value, 99);
  struct bpf_map_info info = {0};
  memset(&attr, 0, sizeof attr);
  attr.info.bpf_fd = (__u32)fd;
  attr.info.info_len = sizeof info;
  attr.info.info = (__u64)(unsigned long)&info;
  CHECK_EQUAL(syscall(__NR_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof attr), 0);
  CHECK_EQUAL(strcmp(info.name, "raw"), 0);
  close(fd);
}

int main(void) {
  struct bpf_object *object = load_streams();
  if (!exists(PINS)) mkdir(PINS, 0755);
  mount("bpf", PINS, "bpf", 0, NULL); /* it may be there */
  attachments(object);
  perf_event(object);
  pins(object);
  numbers(object);
  maps(object);
  raw();
  CHECK_SILENT();
  bpf_object__close(object);
  return finish();
}
