/* The reader of BPF_MAP_TYPE_RINGBUF: records are taken straight from the pages that the kernel writes. */
#include "errors.h"
#include "options.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

struct ring {
  ring_buffer_sample_fn callback;
  void *context;
  int map_fd;
  unsigned long *consumer; /* mapped read-write, one page */
  unsigned long *producer; /* mapped read-only: one page, then the data twice */
  unsigned char *data;
  size_t size;
};

struct ring_buffer {
  struct ring *rings;
  struct epoll_event *events;
  int count;
  int epoll_fd;
};

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static void unmap(struct ring *ring) {
  if (ring->consumer != NULL) munmap(ring->consumer, page_size());
  if (ring->producer != NULL) munmap(ring->producer, page_size() + 2 * ring->size);
}

static void *map_pages(size_t size, int protection, int fd, size_t offset) {
  void *pages = mmap(NULL, size, protection, MAP_SHARED, fd, (off_t)offset);
  return pages == MAP_FAILED ? NULL : pages;
}

/* 0, or -errno with nothing left mapped. */
static int map_ring(struct ring *ring, int map_fd) {
  size_t page = page_size();
  int error;
  ring->map_fd = map_fd;
  ring->consumer = map_pages(page, PROT_READ | PROT_WRITE, map_fd, 0);
  if (ring->consumer != NULL) ring->producer = map_pages(page + 2 * ring->size, PROT_READ, map_fd, page);
  if (ring->producer != NULL) {
    ring->data = (unsigned char *)ring->producer + page;
    return 0;
  }
  error = errno;
  rex_warn("ringbuf: failed to mmap map fd=%d: %s", map_fd, strerror(error));
  unmap(ring);
  return rex_fail(error);
}

static int check_map(int map_fd, size_t *size) {
  struct bpf_map_info info;
  __u32 length = sizeof info;
  int status;
  memset(&info, 0, sizeof info);
  status = bpf_obj_get_info_by_fd(map_fd, &info, &length);
  if (status < 0) {
    rex_warn("ringbuf: failed to get map info for fd=%d: %s", map_fd, strerror(-status));
    return status;
  }
  if (info.type != BPF_MAP_TYPE_RINGBUF) {
    rex_warn("ringbuf: map fd=%d is not BPF_MAP_TYPE_RINGBUF", map_fd);
    return rex_fail(EINVAL);
  }
  *size = info.max_entries;
  return 0;
}

int ring_buffer__add(struct ring_buffer *rb, int map_fd, ring_buffer_sample_fn sample_cb, void *ctx) {
  struct ring ring = {.callback = sample_cb, .context = ctx};
  struct epoll_event event = {.events = EPOLLIN};
  struct ring *rings;
  struct epoll_event *events;
  int status = check_map(map_fd, &ring.size);
  if (status < 0) return status;
  rings = realloc(rb->rings, ((size_t)rb->count + 1) * sizeof *rings);
  if (rings == NULL) return rex_fail(ENOMEM);
  rb->rings = rings;
  events = realloc(rb->events, ((size_t)rb->count + 1) * sizeof *events);
  if (events == NULL) return rex_fail(ENOMEM);
  rb->events = events;
  status = map_ring(&ring, map_fd);
  if (status < 0) return status;
  event.data.fd = rb->count;
  if (epoll_ctl(rb->epoll_fd, EPOLL_CTL_ADD, map_fd, &event) < 0) {
    status = errno;
    rex_warn("ringbuf: failed to epoll add map fd=%d: %s", map_fd, strerror(status));
    unmap(&ring);
    return rex_fail(status);
  }
  rb->rings[rb->count++] = ring;
  return 0;
}

struct ring_buffer *ring_buffer__new(int map_fd, ring_buffer_sample_fn sample_cb, void *ctx,
                                     const struct ring_buffer_opts *opts) {
  struct ring_buffer *rb;
  int status;
  if (!REX_OPTIONS_VALID(opts, ring_buffer_opts)) return rex_fail_pointer(EINVAL);
  rb = calloc(1, sizeof *rb);
  if (rb == NULL) return NULL;
  rb->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (rb->epoll_fd < 0) {
    status = errno;
    rex_warn("ringbuf: failed to create epoll instance: %s", strerror(status));
    free(rb);
    return rex_fail_pointer(status);
  }
  status = ring_buffer__add(rb, map_fd, sample_cb, ctx);
  if (status == 0) return rb;
  ring_buffer__free(rb);
  return rex_fail_pointer(-status);
}

void ring_buffer__free(struct ring_buffer *rb) {
  if (rb == NULL) return;
  for (int i = 0; i < rb->count; i++) unmap(&rb->rings[i]);
  close(rb->epoll_fd);
  free(rb->rings);
  free(rb->events);
  free(rb);
}

int ring_buffer__epoll_fd(const struct ring_buffer *rb) { return rb->epoll_fd; }

static unsigned long record_size(unsigned int length) {
  unsigned long size = (length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)) + BPF_RINGBUF_HDR_SZ;
  return (size + 7) / 8 * 8;
}

/* Hands over every record that is there; the callback's negative value stops it. Samples, or that value. */
static long consume(struct ring *ring) {
  unsigned long position = __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
  long samples = 0;
  while (position < __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE)) {
    unsigned char *record = ring->data + (position & (ring->size - 1));
    unsigned int length = __atomic_load_n((unsigned int *)record, __ATOMIC_ACQUIRE);
    int status = 0;
    if ((length & BPF_RINGBUF_BUSY_BIT) != 0) break;
    position += record_size(length);
    if ((length & BPF_RINGBUF_DISCARD_BIT) == 0) {
      status = ring->callback(ring->context, record + BPF_RINGBUF_HDR_SZ, length);
      samples++;
    }
    __atomic_store_n(ring->consumer, position, __ATOMIC_RELEASE);
    if (status < 0) return status;
  }
  return samples;
}

static int counted(long samples) { return samples > INT_MAX ? INT_MAX : (int)samples; }

int ring_buffer__consume(struct ring_buffer *rb) {
  long total = 0;
  for (int i = 0; i < rb->count; i++) {
    long samples = consume(&rb->rings[i]);
    if (samples < 0) return rex_fail((int)-samples);
    total += samples;
  }
  return counted(total);
}

int ring_buffer__poll(struct ring_buffer *rb, int timeout_ms) {
  long total = 0;
  int ready = epoll_wait(rb->epoll_fd, rb->events, rb->count, timeout_ms);
  if (ready < 0) return rex_fail(errno);
  for (int i = 0; i < ready; i++) {
    long samples = consume(&rb->rings[rb->events[i].data.fd]);
    if (samples < 0) return rex_fail((int)-samples);
    total += samples;
  }
  return counted(total);
}
