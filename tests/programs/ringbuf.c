/*
 * bpffs, numbers of objects, batches, mmapped arrays, and a ring buffer read through its own pages: then prints `ready` and
 * waits with epoll for N records (argv[1], default 0) that somebody puts into the map pinned as /sys/fs/bpf/ring.
 */
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define RING_SIZE 4096
#define BUSY 0x80000000u
#define DISCARD 0x40000000u
#define MMAPABLE 0x400
#define RDONLY 8
/* include/linux/errno.h: no number of the C library */
#define ENOTSUPP 524

static long bpf(int command, void *attr, unsigned int size) { return syscall(SYS_bpf, command, attr, size); }

static int create(uint32_t type, uint32_t key, uint32_t value, uint32_t entries, uint32_t flags) {
  struct bpf_attr_map_create attr = {
      .map_type = type, .key_size = key, .value_size = value, .max_entries = entries, .map_flags = flags};
  return (int)bpf(BPF_MAP_CREATE, &attr, sizeof attr);
}

static long element(int command, int fd, const void *key, void *value, uint64_t flags) {
  struct bpf_attr_map_elem attr = {
      .map_fd = (uint32_t)fd, .key = (uint64_t)(uintptr_t)key, .value = (uint64_t)(uintptr_t)value, .flags = flags};
  return bpf(command, &attr, sizeof attr);
}

static long object(int command, const char *path, int fd, uint32_t flags) {
  struct bpf_attr_obj attr = {.pathname = (uint64_t)(uintptr_t)path, .bpf_fd = (uint32_t)fd, .file_flags = flags};
  return bpf(command, &attr, 20);
}

static long by_id(int command, uint32_t id, uint32_t *next) {
  struct bpf_attr_get_id attr = {.id = id};
  long result = bpf(command, &attr, 8);
  if (next != NULL) *next = attr.next_id;
  return result;
}

static uint32_t id_of(int fd) {
  struct bpf_map_info info = {0};
  struct bpf_attr_obj_info attr = {.bpf_fd = (uint32_t)fd, .info_len = sizeof info, .info = (uint64_t)(uintptr_t)&info};
  CHECK_EQUAL(bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof attr), 0);
  return info.id;
}

/* Names in a directory other than `.` and `..`. */
static int count_names(const char *path, const char *wanted) {
  int count = 0, found = wanted == NULL;
  DIR *directory = opendir(path);
  CHECK(directory != NULL);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    count++;
    if (wanted != NULL && strcmp(entry->d_name, wanted) == 0) found = 1;
  }
  closedir(directory);
  CHECK(found);
  return count;
}

static void pins(void) {
  uint32_t key = 1, other = 0;
  uint64_t value = 42;
  struct stat status;
  int map = create(BPF_MAP_TYPE_HASH, 4, 8, 4, 0), file = open("/tmp/plain", O_CREAT | O_RDWR, 0644);
  CHECK(map >= 0 && file >= 0);
  uint32_t id = id_of(map);
  CHECK_EQUAL(element(BPF_MAP_UPDATE_ELEM, map, &key, &value, 0), 0);
  CHECK_EQUAL(mkdir("/sys/fs/bpf/folder", 0700), 0);
  CHECK_ERRNO(object(BPF_OBJ_PIN, "/sys/fs/bpf/none/map", map, 0), ENOENT);
  CHECK_ERRNO(object(BPF_OBJ_PIN, "/tmp/map", map, 0), EPERM);
  CHECK_ERRNO(object(BPF_OBJ_PIN, "/tmp/plain", map, 0), EEXIST);
  CHECK_ERRNO(object(BPF_OBJ_PIN, "/sys/fs/bpf/a.map", map, 0), EPERM);
  CHECK_ERRNO(object(BPF_OBJ_PIN, "/sys/fs/bpf/file", file, 0), EINVAL);
  CHECK_ERRNO(object(BPF_OBJ_PIN, "/sys/fs/bpf/map", map, 1), EINVAL);
  CHECK_ERRNO(object(BPF_OBJ_PIN, NULL, map, 0), EFAULT);
  CHECK_EQUAL(object(BPF_OBJ_PIN, "/sys/fs/bpf/folder/map", map, 0), 0);
  CHECK_ERRNO(object(BPF_OBJ_PIN, "/sys/fs/bpf/folder/map", map, 0), EEXIST);
  close(map);
  CHECK_EQUAL(stat("/sys/fs/bpf/folder/map", &status), 0);
  CHECK_EQUAL(status.st_mode, S_IFREG | 0600);
  struct statfs system;
  CHECK_EQUAL(statfs("/sys/fs/bpf", &system), 0);
  CHECK_EQUAL(system.f_type, 0xcafe4a11);
  CHECK_EQUAL(statfs("/sys/fs/bpf/folder/map", &system), 0);
  CHECK_EQUAL(system.f_type, 0xcafe4a11);
  CHECK_EQUAL(fstatfs(file, &system), 0);
  CHECK(system.f_type != 0xcafe4a11);
  CHECK_EQUAL(count_names("/sys/fs/bpf/folder", "map"), 1);
  CHECK_ERRNO(open("/sys/fs/bpf/folder/map", O_RDONLY), EIO);
  CHECK_ERRNO(open("/sys/fs/bpf/folder/new", O_CREAT | O_RDWR, 0600), EACCES);
  CHECK_ERRNO(rmdir("/sys/fs/bpf/folder"), ENOTEMPTY);
  CHECK_ERRNO(object(BPF_OBJ_GET, "/sys/fs/bpf/none", 0, 0), ENOENT);
  CHECK_ERRNO(object(BPF_OBJ_GET, "/tmp/plain", 0, 0), EACCES);
  CHECK_ERRNO(object(BPF_OBJ_GET, "/sys/fs/bpf/folder/map", 1, 0), EINVAL);
  CHECK_ERRNO(object(BPF_OBJ_GET, "/sys/fs/bpf/folder/map", 0, 0x18), EINVAL);
  /* the same map, read-only */
  map = (int)object(BPF_OBJ_GET, "/sys/fs/bpf/folder/map", 0, RDONLY);
  CHECK(map >= 0);
  value = 0;
  CHECK_EQUAL(element(BPF_MAP_LOOKUP_ELEM, map, &key, &value, 0), 0);
  CHECK_EQUAL(value, 42);
  CHECK_ERRNO(element(BPF_MAP_UPDATE_ELEM, map, &key, &value, 0), EPERM);
  CHECK_ERRNO(element(BPF_MAP_LOOKUP_AND_DELETE_ELEM, map, &key, &value, 0), EPERM);
  CHECK_EQUAL(id_of(map), id);
  close(map);
  /* by number, while a name holds it */
  CHECK_EQUAL(by_id(BPF_MAP_GET_NEXT_ID, id - 1, &other), 0);
  CHECK_EQUAL(other, id);
  CHECK_ERRNO(by_id(BPF_MAP_GET_NEXT_ID, 0x7fffffff, NULL), EINVAL);
  CHECK_ERRNO(by_id(BPF_PROG_GET_NEXT_ID, 1000000, NULL), ENOENT);
  CHECK_ERRNO(by_id(BPF_LINK_GET_FD_BY_ID, 1000000, NULL), ENOENT);
  CHECK_EQUAL(rename("/sys/fs/bpf/folder/map", "/sys/fs/bpf/renamed"), 0);
  CHECK_EQUAL(link("/sys/fs/bpf/renamed", "/sys/fs/bpf/second"), 0);
  CHECK_ERRNO(rename("/sys/fs/bpf/renamed", "/tmp/renamed"), EXDEV);
  CHECK_EQUAL(unlink("/sys/fs/bpf/renamed"), 0);
  map = (int)by_id(BPF_MAP_GET_FD_BY_ID, id, NULL);
  CHECK(map >= 0);
  close(map);
  CHECK_EQUAL(unlink("/sys/fs/bpf/second"), 0);
  CHECK_ERRNO(by_id(BPF_MAP_GET_FD_BY_ID, id, NULL), ENOENT);
  CHECK_EQUAL(rmdir("/sys/fs/bpf/folder"), 0);
  unlink("/tmp/plain");
  close(file);
}

static long batch(int command, int map, void *in, void *out, void *keys, void *values, uint32_t *count) {
  struct bpf_attr_map_batch attr = {.in_batch = (uint64_t)(uintptr_t)in,
                                    .out_batch = (uint64_t)(uintptr_t)out,
                                    .keys = (uint64_t)(uintptr_t)keys,
                                    .values = (uint64_t)(uintptr_t)values,
                                    .count = *count,
                                    .map_fd = (uint32_t)map};
  long result = bpf(command, &attr, sizeof attr);
  *count = attr.count;
  return result;
}

static void batches(void) {
  enum { COUNT = 50 };
  uint32_t keys[COUNT], found[COUNT], count = COUNT, cursor = 0, seen = 0;
  uint64_t values[COUNT], got[COUNT];
  int hash = create(BPF_MAP_TYPE_HASH, 4, 8, COUNT, 0), array = create(BPF_MAP_TYPE_ARRAY, 4, 8, COUNT, 0);
  for (uint32_t n = 0; n < COUNT; n++) {
    keys[n] = n;
    values[n] = n * 3;
  }
  CHECK_EQUAL(batch(BPF_MAP_UPDATE_BATCH, hash, NULL, NULL, keys, values, &count), 0);
  CHECK_EQUAL(count, COUNT);
  CHECK_EQUAL(batch(BPF_MAP_UPDATE_BATCH, array, NULL, NULL, keys, values, &count), 0);
  for (void *in = NULL;; in = &cursor) {
    count = 20;
    long result = batch(BPF_MAP_LOOKUP_BATCH, hash, in, &cursor, found, got, &count);
    for (uint32_t n = 0; n < count; n++) {
      CHECK_EQUAL(got[n], found[n] * 3);
      seen += found[n];
    }
    if (result == 0) continue;
    CHECK_EQUAL(errno, ENOENT);
    break;
  }
  CHECK_EQUAL(seen, COUNT * (COUNT - 1) / 2);
  count = COUNT;
  CHECK_EQUAL(batch(BPF_MAP_LOOKUP_BATCH, array, NULL, &cursor, found, got, &count), 0);
  CHECK_EQUAL(count, COUNT);
  CHECK_EQUAL(got[49], 147);
  count = COUNT;
  CHECK_ERRNO(batch(BPF_MAP_LOOKUP_BATCH, array, &cursor, &cursor, found, got, &count), ENOENT);
  CHECK_EQUAL(count, 0);
  count = 10;
  CHECK_EQUAL(batch(BPF_MAP_DELETE_BATCH, hash, NULL, NULL, keys, NULL, &count), 0);
  CHECK_ERRNO(batch(BPF_MAP_DELETE_BATCH, hash, NULL, NULL, keys, NULL, &count), ENOENT);
  CHECK_EQUAL(count, 0);
  count = COUNT;
  CHECK_ERRNO(batch(BPF_MAP_LOOKUP_AND_DELETE_BATCH, hash, NULL, &cursor, found, got, &count), ENOENT);
  CHECK_EQUAL(count, 40);
  CHECK_ERRNO(element(BPF_MAP_GET_NEXT_KEY, hash, NULL, found, 0), ENOENT);
  count = 1;
  CHECK_ERRNO(batch(BPF_MAP_DELETE_BATCH, array, NULL, NULL, keys, NULL, &count), ENOTSUPP);
  count = 1;
  CHECK_ERRNO(batch(BPF_MAP_UPDATE_BATCH, hash, NULL, NULL, NULL, values, &count), EFAULT);
  close(hash);
  close(array);
}

/* A forked child shares the pages; mprotect grants no more than mmap could. */
static void mapped_array(void) {
  int map = create(BPF_MAP_TYPE_ARRAY, 4, 8, 1000, MMAPABLE);
  uint64_t *values = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
  CHECK(values != MAP_FAILED);
  CHECK_EQUAL(values[999], 0);
  uint32_t key = 999;
  uint64_t value = 5;
  CHECK_EQUAL(element(BPF_MAP_UPDATE_ELEM, map, &key, &value, 0), 0);
  CHECK_EQUAL(values[999], 5);
  pid_t child = fork();
  if (child == 0) {
    values[999] = 6;
    values[1] = 7;
    _exit(0);
  }
  int status;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  CHECK_EQUAL(values[999], 6);
  close(map);
  CHECK_EQUAL(values[1], 7);
  CHECK_EQUAL(munmap(values, 4096), 0);
  CHECK_EQUAL(values[999], 6);
  CHECK_EQUAL(munmap(values + 512, 4096), 0);
}

static void consume(int records) {
  int map = create(BPF_MAP_TYPE_RINGBUF, 0, 0, RING_SIZE, 0), ep = epoll_create1(0);
  CHECK_EQUAL(object(BPF_OBJ_PIN, "/sys/fs/bpf/ring", map, 0), 0);
  volatile uint64_t *consumer = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
  volatile uint64_t *producer = mmap(NULL, PAGE + 2 * RING_SIZE, PROT_READ, MAP_SHARED, map, PAGE);
  CHECK(consumer != MAP_FAILED && producer != MAP_FAILED);
  const char *data = (const char *)producer + PAGE;
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = 77};
  CHECK_EQUAL(epoll_ctl(ep, EPOLL_CTL_ADD, map, &event), 0);
  CHECK_EQUAL(epoll_wait(ep, &event, 1, 0), 0);
  printf("ready\n");
  fflush(stdout);
  uint64_t at = 0;
  while (records > 0) {
    CHECK_EQUAL(epoll_wait(ep, &event, 1, -1), 1);
    CHECK_EQUAL(event.data.u32, 77);
    while (at < *producer) {
      const uint32_t *header = (const uint32_t *)(data + (at & (RING_SIZE - 1)));
      uint32_t length = __atomic_load_n(header, __ATOMIC_ACQUIRE);
      if (length & BUSY) break;
      uint32_t size = length & ~(BUSY | DISCARD);
      if (length & DISCARD) printf("discarded %u\n", size);
      else printf("%u: %.*s\n", size, (int)size, (const char *)(header + 2));
      at += (size + 8 + 7) & ~7UL;
      *consumer = at;
      records--;
    }
    fflush(stdout);
  }
  CHECK_EQUAL(epoll_wait(ep, &event, 1, 0), 0);
  CHECK_EQUAL(unlink("/sys/fs/bpf/ring"), 0);
}

int main(int argc, char **argv) {
  pins();
  batches();
  mapped_array();
  consume(argc > 1 ? atoi(argv[1]) : 0);
  return finish();
}
