/* perf_event_open as programs use it: counters read with read(2), a tracepoint's records by mmap and poll, seccomp. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/perf_event.h>

#define PAGE 4096
#define IOC_ENABLE 0x2400
#define IOC_DISABLE 0x2401
#define IOC_RESET 0x2403

static int perf_event_open(struct perf_event_attr *attr, int pid, int cpu) {
  return syscall(SYS_perf_event_open, attr, pid, cpu, -1, 8);
}

static int counter(uint32_t type, uint64_t config, uint64_t flags) {
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.type = type;
  attr.size = sizeof attr;
  attr.config = config;
  memcpy((char *)&attr + 40, &flags, 8);
  return perf_event_open(&attr, 0, -1);
}

static uint64_t value(int fd) {
  uint64_t count = 0;
  CHECK_EQUAL(read(fd, &count, sizeof count), 8);
  return count;
}

static uint64_t measured(int fd, int rounds) {
  CHECK_EQUAL(ioctl(fd, IOC_RESET, 0), 0);
  CHECK_EQUAL(ioctl(fd, IOC_ENABLE, 0), 0);
  for (volatile int n = 0; n < rounds; n++)
    ;
  CHECK_EQUAL(ioctl(fd, IOC_DISABLE, 0), 0);
  return value(fd);
}

static void counters(void) {
  int fd = counter(PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, 1);
  CHECK(fd >= 0);
  uint64_t empty = measured(fd, 0), few = measured(fd, 100), many = measured(fd, 200);
  CHECK_EQUAL(many - few, few - empty);
  CHECK_EQUAL(measured(fd, 200), many);
  CHECK_EQUAL(value(fd), many);
  close(fd);

  fd = counter(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, 0);
  char *memory = mmap(NULL, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint64_t before = value(fd);
  for (int n = 0; n < 5; n++) memory[n * PAGE] = 1;
  CHECK_EQUAL(value(fd) - before, 5);
  close(fd);
  CHECK_ERRNO(counter(PERF_TYPE_HARDWARE, 3, 0), ENOENT);
  CHECK_ERRNO(counter(PERF_TYPE_RAW, 0xc0, 0), ENOENT);
}

static int tracepoint_id(const char *path) {
  char text[16] = "";
  int fd = open(path, O_RDONLY);
  CHECK(fd >= 0);
  CHECK(read(fd, text, sizeof text - 1) > 0);
  close(fd);
  return atoi(text);
}

static void records(void) {
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.size = sizeof attr;
  attr.config = tracepoint_id("/sys/kernel/debug/tracing/events/syscalls/sys_enter_dup/id");
  attr.sample_type = PERF_SAMPLE_RAW;
  attr.sample_period = 1;
  attr.wakeup_events = 2;
  int fd = perf_event_open(&attr, 0, -1);
  CHECK(fd >= 0);
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  CHECK_EQUAL(poll(&wait, 1, 0), 1);
  CHECK_EQUAL(wait.revents, POLLHUP);
  char *ring = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(ring != MAP_FAILED);
  volatile uint64_t *head = (uint64_t *)(ring + 1024), *tail = head + 1;
  CHECK_EQUAL(dup(100), -1);
  CHECK_EQUAL(*head, 40);
  CHECK_EQUAL(poll(&wait, 1, 0), 0);
  CHECK_EQUAL(dup(200), -1);
  CHECK_EQUAL(poll(&wait, 1, -1), 1);
  CHECK_EQUAL(wait.revents, POLLIN);
  struct {
    uint32_t type;
    uint16_t misc, size;
    uint32_t raw_size;
    uint16_t common_type;
    uint8_t common_flags, common_preempt_count;
    int32_t common_pid;
    int32_t nr, unused;
    uint32_t fildes;
  } record;
  for (int n = 0; n < 2; n++) {
    memcpy(&record, ring + PAGE + n * 40, sizeof record);
    CHECK_EQUAL(record.type, PERF_RECORD_SAMPLE);
    CHECK_EQUAL(record.size, 40);
    CHECK_EQUAL(record.common_type, attr.config);
    CHECK_EQUAL(record.common_pid, getpid());
    CHECK_EQUAL(record.nr, SYS_dup);
    CHECK_EQUAL(record.fildes, n == 0 ? 100 : 200);
  }
  *tail = *head;
  CHECK_EQUAL(poll(&wait, 1, 0), 0);
  if (fork() == 0) {
    dup(300);
    _exit(0);
  }
  wait4(-1, NULL, 0, NULL);
  CHECK_EQUAL(*head, 80); /* the event is not inherited */
  CHECK_EQUAL(value(fd), 2);
  CHECK_ERRNO(read(fd, ring, 4), ENOSPC);
  CHECK_EQUAL(munmap(ring, 3 * PAGE), 0);
  close(fd);
}

static void target(void) {
  int fd = open("/proc/kprobe_target", O_RDWR);
  CHECK(fd >= 0);
  CHECK_EQUAL(ioctl(fd, 1313, 42L), 42);
  CHECK_EQUAL(ioctl(fd, 1314, 43L), 43);
  CHECK_ERRNO(ioctl(fd, 1312, 1L), ENOSYS);
  close(fd);
}

int main(void) {
  counters();
  records();
  target();
  return finish();
}
