/*
 * What bpf(2) answers for every map type: creation with odd shapes and flags, then every operation with keys inside,
 * outside and absent, with flags, on an empty map and on one with an element. Prints a line each; needs root on Linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct type {
  const char *name;
  uint32_t type, key, value, entries;
} types[] = {
    {"hash", BPF_MAP_TYPE_HASH, 4, 8, 2},
    {"array", BPF_MAP_TYPE_ARRAY, 4, 8, 2},
    {"perf_event_array", BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 2},
    {"percpu_hash", BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 2},
    {"percpu_array", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 2},
    {"stack_trace", BPF_MAP_TYPE_STACK_TRACE, 4, 16, 2},
    {"lru_hash", BPF_MAP_TYPE_LRU_HASH, 4, 8, 2},
    {"lru_percpu_hash", BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 2},
    {"queue", BPF_MAP_TYPE_QUEUE, 0, 8, 2},
    {"stack", BPF_MAP_TYPE_STACK, 0, 8, 2},
    {"ringbuf", BPF_MAP_TYPE_RINGBUF, 0, 0, 4096},
};
#define TYPES ((int)(sizeof types / sizeof *types))

/* values of any number of CPUs fit */
static char value[1 << 16], key[4096], keys[4096];

static const char *result(long got) {
  static char text[32];
  if (got >= 0) return "ok";
  snprintf(text, sizeof text, "%d", errno);
  return text;
}

static long bpf(int command, void *attr, unsigned int size) { return syscall(SYS_bpf, command, attr, size); }

static int create(const struct type *type, uint32_t flags) {
  struct bpf_attr_map_create attr = {.map_type = type->type,
                                     .key_size = type->key,
                                     .value_size = type->value,
                                     .max_entries = type->entries,
                                     .map_flags = flags};
  return (int)bpf(BPF_MAP_CREATE, &attr, sizeof attr);
}

static long element(int command, int fd, const void *at, void *to, uint64_t flags) {
  struct bpf_attr_map_elem attr = {
      .map_fd = (uint32_t)fd, .key = (uint64_t)(uintptr_t)at, .value = (uint64_t)(uintptr_t)to, .flags = flags};
  return bpf(command, &attr, sizeof attr);
}

static void shapes(const struct type *type) {
  static const uint32_t sizes[] = {0, 1, 4, 7, 8, 12, 512, 1016, 1024, 32768, 32769, 0x400000, 0x80000000, 0xffffffff};
  static const uint32_t entries[] = {0, 1, 2048, 4096, 8192, 12288};
  printf("%s key", type->name);
  for (unsigned n = 0; n < sizeof sizes / 4; n++) {
    struct type other = *type;
    other.key = sizes[n];
    int fd = create(&other, 0);
    printf(" %s", result(fd));
    close(fd);
  }
  printf("\n%s value", type->name);
  for (unsigned n = 0; n < sizeof sizes / 4; n++) {
    struct type other = *type;
    other.value = sizes[n];
    int fd = create(&other, 0);
    printf(" %s", result(fd));
    close(fd);
  }
  printf("\n%s entries", type->name);
  for (unsigned n = 0; n < sizeof entries / 4; n++) {
    struct type other = *type;
    other.entries = entries[n];
    int fd = create(&other, 0);
    printf(" %s", result(fd));
    close(fd);
  }
  printf("\n%s flags", type->name);
  /* bit 13 and up are newer than a map type's own, or of features that differ by kernel */
  for (int bit = 0; bit < 13; bit++) {
    int fd = create(type, 1u << bit);
    printf(" %s", result(fd));
    close(fd);
  }
  int both = create(type, 0x18), programs = create(type, 0x180);
  printf(" %s", result(both));
  printf(" %s\n", result(programs));
  close(both);
  close(programs);
}

static void operations(const struct type *type, const char *what, int fd, void *at) {
  static const uint64_t flags[] = {0, 1, 2, 3, 4, 32, 1UL << 40};
  printf("%s %s lookup", type->name, what);
  for (int n = 0; n < 7; n++) printf(" %s", result(element(BPF_MAP_LOOKUP_ELEM, fd, at, value, flags[n])));
  printf("\n%s %s next", type->name, what);
  printf(" %s", result(element(BPF_MAP_GET_NEXT_KEY, fd, at, keys, 0)));
  memset(value, 0, sizeof value);
  /* NOEXIST and EXIST first, so that each meets the key absent and present */
  printf("\n%s %s update", type->name, what);
  for (int n = 6; n >= 0; n--) printf(" %s", result(element(BPF_MAP_UPDATE_ELEM, fd, at, value, flags[n])));
  for (int n = 0; n < 7; n++) printf(" %s", result(element(BPF_MAP_UPDATE_ELEM, fd, at, value, flags[n])));
  printf("\n%s %s take", type->name, what);
  for (int n = 6; n >= 0; n--) printf(" %s", result(element(BPF_MAP_LOOKUP_AND_DELETE_ELEM, fd, at, value, flags[n])));
  printf("\n%s %s delete", type->name, what);
  element(BPF_MAP_UPDATE_ELEM, fd, at, value, 0);
  for (int n = 0; n < 2; n++) printf(" %s", result(element(BPF_MAP_DELETE_ELEM, fd, at, NULL, 0)));
  printf("\n%s %s bad pointers", type->name, what);
  printf(" %s", result(element(BPF_MAP_LOOKUP_ELEM, fd, at, NULL, 0)));
  printf(" %s", result(element(BPF_MAP_LOOKUP_ELEM, fd, (void *)8, value, 0)));
  printf(" %s", result(element(BPF_MAP_UPDATE_ELEM, fd, at, NULL, 0)));
  printf(" %s\n", result(element(BPF_MAP_UPDATE_ELEM, fd, (void *)8, value, 0)));
}

static void batches(const struct type *type, int fd) {
  static const int commands[] = {BPF_MAP_LOOKUP_BATCH, BPF_MAP_LOOKUP_AND_DELETE_BATCH, BPF_MAP_UPDATE_BATCH,
                                 BPF_MAP_DELETE_BATCH};
  memset(keys, 0, sizeof keys);
  keys[4] = 1;
  for (int n = 0; n < 4; n++) {
    printf("%s batch %d", type->name, commands[n]);
    for (uint32_t count = 0; count < 4; count++) {
      uint64_t cursor = 0;
      struct bpf_attr_map_batch attr = {.out_batch = (uint64_t)(uintptr_t)&cursor,
                                        .keys = (uint64_t)(uintptr_t)keys,
                                        .values = commands[n] == BPF_MAP_DELETE_BATCH ? 0 : (uint64_t)(uintptr_t)value,
                                        .count = count,
                                        .map_fd = (uint32_t)fd,
                                        .elem_flags = count == 3 ? 1 : 0};
      printf(" %s", result(bpf(commands[n], &attr, sizeof attr)));
      printf("/%u", attr.count);
    }
    printf("\n");
  }
}

static void others(const struct type *type) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT};
  int fd = create(type, 0), ep = epoll_create1(0), readable = create(type, 8), writable = create(type, 16);
  printf("%s epoll %s", type->name, result(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event)));
  event.events = 0;
  printf(" %s", result(epoll_wait(ep, &event, 1, 0)));
  printf(" %x\n", event.events);
  printf("%s mmap", type->name);
  static const struct {
    size_t length;
    int protection, flags;
    off_t offset;
  } maps[] = {
      {4096, PROT_READ, MAP_SHARED, 0},        {4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0},
      {4096, PROT_READ, MAP_PRIVATE, 0},       {4096, PROT_READ | PROT_WRITE, MAP_SHARED, 4096},
      {12288, PROT_READ, MAP_SHARED, 4096},    {16384, PROT_READ, MAP_SHARED, 4096},
      {8192, PROT_READ | PROT_WRITE, MAP_SHARED, 0},
  };
  for (unsigned n = 0; n < sizeof maps / sizeof *maps; n++) {
    void *at = mmap(NULL, maps[n].length, maps[n].protection, maps[n].flags, fd, maps[n].offset);
    printf(" %s", result(at == MAP_FAILED ? -1 : 0));
    if (at == MAP_FAILED) continue;
    printf("/%s", result(mprotect(at, maps[n].length, PROT_READ | PROT_WRITE)));
    munmap(at, maps[n].length);
  }
  printf("\n%s read-only", type->name);
  void *at = type->key == 0 ? NULL : key;
  printf(" %s", result(element(BPF_MAP_LOOKUP_ELEM, readable, at, value, 0)));
  printf(" %s", result(element(BPF_MAP_UPDATE_ELEM, readable, at, value, 0)));
  printf(" %s", result(element(BPF_MAP_DELETE_ELEM, readable, at, NULL, 0)));
  printf(" %s", result(element(BPF_MAP_LOOKUP_AND_DELETE_ELEM, readable, at, value, 0)));
  printf("\n%s write-only", type->name);
  printf(" %s", result(element(BPF_MAP_LOOKUP_ELEM, writable, at, value, 0)));
  printf(" %s", result(element(BPF_MAP_GET_NEXT_KEY, writable, at, keys, 0)));
  printf(" %s", result(element(BPF_MAP_LOOKUP_AND_DELETE_ELEM, writable, at, value, 0)));
  printf("\n%s freeze", type->name);
  uint32_t frozen = (uint32_t)fd, refused = (uint32_t)readable;
  printf(" %s", result(bpf(BPF_MAP_FREEZE, &refused, 4)));
  printf(" %s", result(bpf(BPF_MAP_FREEZE, &frozen, 4)));
  printf(" %s", result(bpf(BPF_MAP_FREEZE, &frozen, 4)));
  printf(" %s", result(element(BPF_MAP_UPDATE_ELEM, fd, at, value, 0)));
  printf(" %s\n", result(element(BPF_MAP_LOOKUP_ELEM, fd, at, value, 0)));
  close(fd);
  close(ep);
  close(readable);
  close(writable);
}

static long object(int command, const char *path, int fd, uint32_t flags, int directory) {
  struct bpf_attr_obj attr = {
      .pathname = (uint64_t)(uintptr_t)path, .bpf_fd = (uint32_t)fd, .file_flags = flags, .path_fd = directory};
  return bpf(command, &attr, 20);
}

static void objects(void) {
  int fd = create(&types[0], 0);
  printf("pin %s", result(object(BPF_OBJ_PIN, "/sys/fs/bpf/x", 99, 0, 0)));
  printf(" %s", result(object(BPF_OBJ_PIN, "/sys/fs/bpf/x", 1, 0, 0)));
  printf(" %s", result(object(BPF_OBJ_PIN, "/sys/fs/bpf/x", fd, 0, 5)));
  printf(" %s", result(object(BPF_OBJ_PIN, "/sys/fs/bpf/x", fd, 0x4000, 5)));
  printf(" %s", result(object(BPF_OBJ_PIN, "/sys/fs/bpf/x/", fd, 0, 0)));
  printf(" %s", result(object(BPF_OBJ_PIN, "/sys/fs/bpf", fd, 0, 0)));
  printf(" %s\n", result(object(BPF_OBJ_PIN, "", fd, 0, 0)));
  printf("get %s", result(object(BPF_OBJ_GET, "/sys/fs/bpf", 0, 0, 0)));
  printf(" %s", result(object(BPF_OBJ_GET, "/proc/self/exe", 0, 0, 0)));
  printf(" %s", result(object(BPF_OBJ_GET, "/sys/fs/bpf/x.y", 0, 0, 0)));
  printf(" %s", result(object(BPF_OBJ_GET, "/sys/fs/bpf/x", 0, 4, 0)));
  printf(" %s\n", result(object(BPF_OBJ_GET, "/sys/fs/bpf/x", 0, 0, 5)));
  printf("ids");
  static const int commands[] = {BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID, BPF_LINK_GET_FD_BY_ID};
  for (int n = 0; n < 3; n++) {
    struct bpf_attr_get_id attr = {.id = 0x7ffffff0};
    printf(" %s", result(bpf(commands[n], &attr, 4)));
    attr.open_flags = 0x18;
    printf("/%s", result(bpf(commands[n], &attr, 12)));
  }
  uint32_t stats = 1;
  printf(" stats %s\n", result(bpf(BPF_ENABLE_STATS, &stats, 4)));
  close(fd);
}

int main(void) {
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  for (int n = 0; n < TYPES; n++) {
    const struct type *type = &types[n];
    shapes(type);
    int fd = create(type, 0);
    operations(type, "without a key", fd, NULL);
    memset(key, 0, sizeof key);
    operations(type, "key 0", fd, key);
    key[0] = 9;
    operations(type, "key 9", fd, key);
    memset(key, 0, sizeof key);
    close(fd);
    fd = create(type, 0);
    batches(type, fd);
    close(fd);
    others(type);
  }
  objects();
  return 0;
}
