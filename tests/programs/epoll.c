/* epoll and eventfd: level and edge triggered, one shot, nesting, order, timeouts, errors, between threads and processes. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int ctl(int ep, int operation, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  return epoll_ctl(ep, operation, fd, &event);
}

/* How many events are ready now; the first is in *first. */
static int ready(int ep, struct epoll_event *first) {
  struct epoll_event events[8];
  memset(first, 0, sizeof *first);
  int count = epoll_wait(ep, events, 8, 0);
  if (count > 0) *first = events[0];
  return count;
}

static void put(int fd, const char *text) { CHECK_EQUAL(write(fd, text, strlen(text)), strlen(text)); }

static void take(int fd, size_t count) {
  char buffer[64];
  CHECK_EQUAL(read(fd, buffer, count), count);
}

static void errors(void) {
  struct epoll_event event = {.events = EPOLLIN};
  struct epoll_event *bad = (struct epoll_event *)8;
  int pipes[2], ep = epoll_create1(EPOLL_CLOEXEC), file = open("/proc/self/exe", O_RDONLY);
  CHECK(ep >= 0 && file >= 0 && pipe(pipes) == 0);
  CHECK_EQUAL(fcntl(ep, F_GETFD), FD_CLOEXEC);
  CHECK_ERRNO(epoll_create1(1), EINVAL);
  CHECK_ERRNO(syscall(SYS_epoll_create, 0), EINVAL);
  int old = (int)syscall(SYS_epoll_create, 1);
  CHECK(old >= 0);
  close(old);
  CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, 99, &event), EBADF);
  CHECK_ERRNO(epoll_ctl(99, EPOLL_CTL_ADD, pipes[0], &event), EBADF);
  CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], bad), EFAULT);
  CHECK_ERRNO(epoll_ctl(ep, 9, pipes[0], &event), EINVAL);
  CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &event), EINVAL);
  CHECK_ERRNO(epoll_ctl(pipes[0], EPOLL_CTL_ADD, ep, &event), EINVAL);
  CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, file, &event), EPERM);
  static const char *const plain[] = {"/dev/null", "/", "/proc/self/status"};
  for (int n = 0; n < 3; n++) {
    int fd = open(plain[n], O_RDONLY);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), EPERM);
    close(fd);
  }
  CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_MOD, pipes[0], &event), ENOENT);
  CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, pipes[0], NULL), ENOENT);
  CHECK_EQUAL(epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &event), 0);
  CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &event), EEXIST);
  CHECK_ERRNO(epoll_wait(ep, &event, 0, 0), EINVAL);
  CHECK_ERRNO(epoll_wait(ep, &event, -1, 0), EINVAL);
  CHECK_ERRNO(epoll_wait(pipes[0], &event, 1, 0), EINVAL);
  CHECK_ERRNO(epoll_wait(99, &event, 1, 0), EBADF);
  put(pipes[1], "x");
  CHECK_ERRNO(epoll_wait(ep, bad, 1, 0), EFAULT);
  CHECK_EQUAL(epoll_wait(ep, &event, 1, 0), 1);
  CHECK_EQUAL(epoll_ctl(ep, EPOLL_CTL_DEL, pipes[0], NULL), 0);
  CHECK_EQUAL(epoll_wait(ep, &event, 1, 0), 0);
  close(pipes[0]);
  close(pipes[1]);
  close(file);
  close(ep);
}

static void triggers(void) {
  struct epoll_event event;
  int pipes[2], ep = epoll_create1(0);
  CHECK_EQUAL(pipe(pipes), 0);
  /* level: as long as something is there */
  CHECK_EQUAL(ctl(ep, EPOLL_CTL_ADD, pipes[0], EPOLLIN, 7), 0);
  CHECK_EQUAL(ready(ep, &event), 0);
  put(pipes[1], "ab");
  CHECK_EQUAL(ready(ep, &event), 1);
  CHECK_EQUAL(event.events, EPOLLIN);
  CHECK_EQUAL(event.data.u64, 7);
  CHECK_EQUAL(ready(ep, &event), 1);
  take(pipes[0], 1);
  CHECK_EQUAL(ready(ep, &event), 1);
  take(pipes[0], 1);
  CHECK_EQUAL(ready(ep, &event), 0);
  /* edge: once for each arrival, and once for a change of the watch */
  CHECK_EQUAL(ctl(ep, EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLET, 8), 0);
  CHECK_EQUAL(ready(ep, &event), 0);
  put(pipes[1], "a");
  CHECK_EQUAL(ready(ep, &event), 1);
  CHECK_EQUAL(event.data.u64, 8);
  CHECK_EQUAL(ready(ep, &event), 0);
  put(pipes[1], "b");
  CHECK_EQUAL(ready(ep, &event), 1);
  CHECK_EQUAL(ready(ep, &event), 0);
  CHECK_EQUAL(ctl(ep, EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLET, 9), 0);
  CHECK_EQUAL(ready(ep, &event), 1);
  CHECK_EQUAL(ready(ep, &event), 0);
  /* one shot: until the watch is changed */
  CHECK_EQUAL(ctl(ep, EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLONESHOT, 10), 0);
  CHECK_EQUAL(ready(ep, &event), 1);
  put(pipes[1], "c");
  CHECK_EQUAL(ready(ep, &event), 0);
  CHECK_EQUAL(ctl(ep, EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLONESHOT, 11), 0);
  CHECK_EQUAL(ready(ep, &event), 1);
  CHECK_EQUAL(event.data.u64, 11);
  /* a watch for nothing still tells of a hang-up */
  CHECK_EQUAL(ctl(ep, EPOLL_CTL_MOD, pipes[0], 0, 12), 0);
  CHECK_EQUAL(ready(ep, &event), 0);
  close(pipes[1]);
  take(pipes[0], 3);
  CHECK_EQUAL(ctl(ep, EPOLL_CTL_MOD, pipes[0], EPOLLIN, 13), 0);
  CHECK_EQUAL(ready(ep, &event), 1);
  CHECK_EQUAL(event.events, EPOLLHUP);
  /* a closed file is watched no more */
  close(pipes[0]);
  CHECK_EQUAL(ready(ep, &event), 0);
  close(ep);
}

/* A descriptor that is a duplicate is another watch; the file stays while one is open. */
static void duplicates(void) {
  struct epoll_event event;
  int pipes[2], ep = epoll_create1(0);
  CHECK_EQUAL(pipe(pipes), 0);
  int copy = dup(pipes[0]);
  CHECK_EQUAL(ctl(ep, EPOLL_CTL_ADD, pipes[0], EPOLLIN, 1), 0);
  CHECK_EQUAL(ctl(ep, EPOLL_CTL_ADD, copy, EPOLLIN, 2), 0);
  put(pipes[1], "x");
  CHECK_EQUAL(ready(ep, &event), 2);
  close(copy);
  CHECK_EQUAL(ready(ep, &event), 2);
  close(pipes[0]);
  CHECK_EQUAL(ready(ep, &event), 0);
  close(pipes[1]);
  close(ep);
}

/* A short list does not starve anybody. */
static void fairness(void) {
  int pipes[4][2], ep = epoll_create1(0), seen[4] = {0};
  for (int n = 0; n < 4; n++) {
    CHECK_EQUAL(pipe(pipes[n]), 0);
    CHECK_EQUAL(ctl(ep, EPOLL_CTL_ADD, pipes[n][0], EPOLLIN, (uint64_t)n), 0);
    put(pipes[n][1], "x");
  }
  for (int n = 0; n < 8; n++) {
    struct epoll_event event;
    CHECK_EQUAL(epoll_wait(ep, &event, 1, 0), 1);
    seen[event.data.u64]++;
  }
  for (int n = 0; n < 4; n++) CHECK_EQUAL(seen[n], 2);
  for (int n = 0; n < 4; n++) {
    close(pipes[n][0]);
    close(pipes[n][1]);
  }
  close(ep);
}

static void nesting(void) {
  struct epoll_event event;
  int pipes[2], inner = epoll_create1(0), outer = epoll_create1(0);
  CHECK_EQUAL(pipe(pipes), 0);
  CHECK_EQUAL(ctl(inner, EPOLL_CTL_ADD, pipes[0], EPOLLIN, 1), 0);
  CHECK_EQUAL(ctl(outer, EPOLL_CTL_ADD, inner, EPOLLIN, 2), 0);
  CHECK_ERRNO(ctl(inner, EPOLL_CTL_ADD, outer, EPOLLIN, 3), ELOOP);
  CHECK_EQUAL(ready(outer, &event), 0);
  struct pollfd polled = {.fd = outer, .events = POLLIN};
  CHECK_EQUAL(poll(&polled, 1, 0), 0);
  put(pipes[1], "x");
  CHECK_EQUAL(poll(&polled, 1, 0), 1);
  CHECK_EQUAL(ready(outer, &event), 1);
  CHECK_EQUAL(event.data.u64, 2);
  CHECK_EQUAL(ready(inner, &event), 1);
  close(pipes[0]);
  close(pipes[1]);
  close(inner);
  close(outer);
}

static void counters(void) {
  uint64_t value = 0;
  char small[4] = {0};
  struct epoll_event event;
  CHECK_ERRNO(eventfd(0, 0x1000), EINVAL);
  int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC), ep = epoll_create1(0);
  CHECK_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
  CHECK_EQUAL(ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT, 1), 0);
  CHECK_EQUAL(ready(ep, &event), 1);
  CHECK_EQUAL(event.events, EPOLLIN | EPOLLOUT);
  CHECK_EQUAL(read(fd, &value, 8), 8);
  CHECK_EQUAL(value, 3);
  CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
  CHECK_ERRNO(read(fd, small, 4), EINVAL);
  CHECK_ERRNO(write(fd, small, 4), EINVAL);
  CHECK_EQUAL(ready(ep, &event), 1);
  CHECK_EQUAL(event.events, EPOLLOUT);
  value = 0xfffffffffffffffeUL;
  CHECK_EQUAL(write(fd, &value, 8), 8);
  CHECK_EQUAL(ready(ep, &event), 1);
  CHECK_EQUAL(event.events, EPOLLIN);
  value = 1;
  CHECK_ERRNO(write(fd, &value, 8), EAGAIN);
  value = 0xffffffffffffffffUL;
  CHECK_ERRNO(write(fd, &value, 8), EINVAL);
  close(fd);
  close(ep);
  fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
  for (int n = 0; n < 2; n++) {
    CHECK_EQUAL(read(fd, &value, 8), 8);
    CHECK_EQUAL(value, 1);
  }
  CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
  close(fd);
}

/* Who sleeps is woken by a child's write, by its exit, and by time. */
static void sleeping(void) {
  struct epoll_event event;
  int pipes[2], counter = eventfd(0, 0), ep = epoll_create1(0);
  CHECK_EQUAL(pipe(pipes), 0);
  CHECK_EQUAL(ctl(ep, EPOLL_CTL_ADD, pipes[0], EPOLLIN | EPOLLET, 1), 0);
  CHECK_EQUAL(ctl(ep, EPOLL_CTL_ADD, counter, EPOLLIN, 2), 0);
  pid_t child = fork();
  if (child == 0) {
    uint64_t one = 1;
    struct timespec nap = {.tv_nsec = 2000000};
    close(pipes[0]);
    nanosleep(&nap, NULL);
    if (write(pipes[1], "hello", 5) != 5) _exit(1);
    nanosleep(&nap, NULL);
    if (write(counter, &one, 8) != 8) _exit(1);
    nanosleep(&nap, NULL);
    _exit(0);
  }
  close(pipes[1]);
  CHECK_EQUAL(epoll_wait(ep, &event, 1, 1000000), 1);
  CHECK_EQUAL(event.data.u64, 1);
  CHECK_EQUAL(epoll_wait(ep, &event, 1, -1), 1);
  CHECK_EQUAL(event.data.u64, 2);
  uint64_t value;
  CHECK_EQUAL(read(counter, &value, 8), 8);
  CHECK_EQUAL(epoll_pwait(ep, &event, 1, -1, NULL), 1);
  CHECK_EQUAL(event.events, EPOLLIN | EPOLLHUP);
  int status;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  CHECK_EQUAL(status, 0);
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  CHECK_EQUAL(epoll_wait(ep, &event, 1, 3), 0);
  clock_gettime(CLOCK_MONOTONIC, &after);
  CHECK((after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec >= 3000000);
}

int main(void) {
  errors();
  triggers();
  duplicates();
  fairness();
  nesting();
  counters();
  sleeping();
  return finish();
}
