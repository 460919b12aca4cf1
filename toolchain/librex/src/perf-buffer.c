/* The reader of BPF_MAP_TYPE_PERF_EVENT_ARRAY: one bpf-output event a CPU, and its ring of records. */
#include "errors.h"
#include "options.h"
#include "syscalls.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

struct cpu_buffer {
  int fd; /* -1: not open */
  int cpu;
  bool stored; /* in the map */
  struct perf_event_mmap_page *page; /* then the ring */
  unsigned char *copy;               /* of a record that wraps */
  size_t copy_size;
};

struct perf_buffer {
  perf_buffer_sample_fn sample;
  perf_buffer_lost_fn lost;
  void *context;
  size_t page_size;
  size_t size; /* bytes of a ring, a power of two */
  struct cpu_buffer *buffers;
  struct epoll_event *events;
  int count;
  int map_fd;
  int epoll_fd;
};

struct sample_record {
  struct perf_event_header header;
  __u32 size;
  unsigned char data[];
};

struct lost_record {
  struct perf_event_header header;
  __u64 id;
  __u64 lost;
};

static int open_output_event(int cpu, __u32 period) {
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_BPF_OUTPUT;
  attr.sample_type = PERF_SAMPLE_RAW;
  attr.sample_period = period;
  attr.wakeup_events = period;
  return rex_sys_perf_event_open(&attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int open_failed(int cpu, const char *what) {
  int error = errno;
  rex_warn("failed to %s on cpu #%d: %s", what, cpu, strerror(error));
  return -error;
}

/* 0 or -errno; what is open is closed by perf_buffer__free. */
static int open_cpu(struct perf_buffer *pb, int cpu, __u32 period) {
  struct cpu_buffer *buffer = &pb->buffers[cpu];
  struct epoll_event event = {.events = EPOLLIN, .data.fd = cpu};
  void *pages;
  buffer->cpu = cpu;
  buffer->fd = open_output_event(cpu, period);
  if (buffer->fd < 0) return open_failed(cpu, "open perf buffer event");
  pages = mmap(NULL, pb->page_size + pb->size, PROT_READ | PROT_WRITE, MAP_SHARED, buffer->fd, 0);
  if (pages == MAP_FAILED) return open_failed(cpu, "mmap perf buffer");
  buffer->page = pages;
  if (ioctl(buffer->fd, PERF_EVENT_IOC_ENABLE, 0) < 0) return open_failed(cpu, "enable perf buffer event");
  if (bpf_map_update_elem(pb->map_fd, &cpu, &buffer->fd, BPF_ANY) < 0)
    return open_failed(cpu, "put the perf buffer event into the map");
  buffer->stored = true;
  if (epoll_ctl(pb->epoll_fd, EPOLL_CTL_ADD, buffer->fd, &event) < 0) return open_failed(cpu, "epoll_ctl perf FD");
  return 0;
}

static int open_all(struct perf_buffer *pb, __u32 period) {
  pb->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (pb->epoll_fd < 0) {
    int error = errno;
    rex_warn("failed to create epoll instance: %s", strerror(error));
    return -error;
  }
  for (int cpu = 0; cpu < pb->count; cpu++) {
    int status = open_cpu(pb, cpu, period);
    if (status < 0) return status;
  }
  return 0;
}

/* How many CPUs the map has room for. -errno when it is no perf event array. */
static int cpus_of(int map_fd) {
  struct bpf_map_info info;
  __u32 length = sizeof info;
  int cpus = libbpf_num_possible_cpus();
  int status;
  memset(&info, 0, sizeof info);
  status = bpf_obj_get_info_by_fd(map_fd, &info, &length);
  if (status < 0) {
    rex_warn("failed to get map info for map FD %d: %s", map_fd, strerror(-status));
    return status;
  }
  if (info.type != BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
    rex_warn("map '%s' should be BPF_MAP_TYPE_PERF_EVENT_ARRAY", info.name);
    return -EINVAL;
  }
  return cpus > 0 && info.max_entries < (__u32)cpus ? (int)info.max_entries : cpus;
}

struct perf_buffer *perf_buffer__new(int map_fd, size_t page_cnt, perf_buffer_sample_fn sample_cb,
                                     perf_buffer_lost_fn lost_cb, void *ctx, const struct perf_buffer_opts *opts) {
  struct perf_buffer *pb;
  /* 0 as well as 1: a wake-up a sample */
  __u32 period = REX_OPTION(opts, sample_period, 0) == 0 ? 1 : opts->sample_period;
  int status;
  if (!REX_OPTIONS_VALID(opts, perf_buffer_opts)) return rex_fail_pointer(EINVAL);
  if (page_cnt == 0 || (page_cnt & (page_cnt - 1)) != 0) {
    rex_warn("page count should be power of two, but is %zu", page_cnt);
    return rex_fail_pointer(EINVAL);
  }
  status = cpus_of(map_fd);
  if (status < 0) return rex_fail_pointer(-status);
  pb = calloc(1, sizeof *pb);
  if (pb == NULL) return NULL;
  pb->sample = sample_cb;
  pb->lost = lost_cb;
  pb->context = ctx;
  pb->page_size = (size_t)sysconf(_SC_PAGESIZE);
  pb->size = page_cnt * pb->page_size;
  pb->map_fd = map_fd;
  pb->epoll_fd = -1;
  pb->buffers = calloc((size_t)status, sizeof *pb->buffers);
  pb->events = calloc((size_t)status, sizeof *pb->events);
  if (pb->buffers != NULL && pb->events != NULL) {
    pb->count = status;
    for (int cpu = 0; cpu < pb->count; cpu++) pb->buffers[cpu].fd = -1;
    status = open_all(pb, period);
    if (status == 0) return pb;
  } else status = -ENOMEM;
  perf_buffer__free(pb);
  return rex_fail_pointer(-status);
}

void perf_buffer__free(struct perf_buffer *pb) {
  if (pb == NULL) return;
  for (int cpu = 0; cpu < pb->count; cpu++) {
    struct cpu_buffer *buffer = &pb->buffers[cpu];
    if (buffer->page != NULL) munmap(buffer->page, pb->page_size + pb->size);
    free(buffer->copy);
    if (buffer->fd < 0) continue;
    if (buffer->stored) bpf_map_delete_elem(pb->map_fd, &cpu);
    close(buffer->fd);
  }
  if (pb->epoll_fd >= 0) close(pb->epoll_fd);
  free(pb->events);
  free(pb->buffers);
  free(pb);
}

int perf_buffer__epoll_fd(const struct perf_buffer *pb) { return pb->epoll_fd; }
size_t perf_buffer__buffer_cnt(const struct perf_buffer *pb) { return (size_t)pb->count; }

static int handle(struct perf_buffer *pb, const struct cpu_buffer *buffer, const struct perf_event_header *record) {
  if (record->type == PERF_RECORD_SAMPLE) {
    struct sample_record *sample = (struct sample_record *)record;
    if (pb->sample != NULL) pb->sample(pb->context, buffer->cpu, sample->data, sample->size);
    return 0;
  }
  if (record->type == PERF_RECORD_LOST) {
    if (pb->lost != NULL) pb->lost(pb->context, buffer->cpu, ((const struct lost_record *)record)->lost);
    return 0;
  }
  rex_warn("unknown perf sample type %u", record->type);
  return -EINVAL;
}

/* The record at `offset` in one piece; NULL when there is no memory for its copy. */
static const struct perf_event_header *record_at(const struct perf_buffer *pb, struct cpu_buffer *buffer,
                                                 size_t offset) {
  unsigned char *ring = (unsigned char *)buffer->page + pb->page_size;
  const struct perf_event_header *record = (const struct perf_event_header *)(ring + offset);
  size_t first = pb->size - offset;
  if (record->size <= first) return record;
  if (buffer->copy_size < record->size) {
    unsigned char *copy = realloc(buffer->copy, record->size);
    if (copy == NULL) return NULL;
    buffer->copy = copy;
    buffer->copy_size = record->size;
  }
  memcpy(buffer->copy, ring + offset, first);
  memcpy(buffer->copy + first, ring, record->size - first);
  return (const struct perf_event_header *)buffer->copy;
}

static int consume(struct perf_buffer *pb, struct cpu_buffer *buffer) {
  __u64 head = __atomic_load_n(&buffer->page->data_head, __ATOMIC_ACQUIRE);
  __u64 tail = buffer->page->data_tail;
  int status = 0;
  while (tail != head && status == 0) {
    const struct perf_event_header *record = record_at(pb, buffer, tail & (pb->size - 1));
    if (record == NULL) status = -ENOMEM;
    else if (record->size < sizeof *record || record->size > head - tail) status = -EBADMSG;
    if (status < 0) break;
    tail += record->size;
    status = handle(pb, buffer, record);
  }
  __atomic_store_n(&buffer->page->data_tail, tail, __ATOMIC_RELEASE);
  return status;
}

int perf_buffer__poll(struct perf_buffer *pb, int timeout_ms) {
  int ready = epoll_wait(pb->epoll_fd, pb->events, pb->count, timeout_ms);
  if (ready < 0) return rex_fail(errno);
  for (int i = 0; i < ready; i++) {
    int status = consume(pb, &pb->buffers[pb->events[i].data.fd]);
    if (status < 0) return rex_fail(-status);
  }
  return ready;
}

int perf_buffer__consume(struct perf_buffer *pb) {
  for (int cpu = 0; cpu < pb->count; cpu++) {
    int status = consume(pb, &pb->buffers[cpu]);
    if (status < 0) return rex_fail(-status);
  }
  return 0;
}

int perf_buffer__buffer_fd(const struct perf_buffer *pb, size_t buf_idx) {
  return buf_idx < (size_t)pb->count ? pb->buffers[buf_idx].fd : rex_fail(EINVAL);
}

int perf_buffer__consume_buffer(struct perf_buffer *pb, size_t buf_idx) {
  int status = buf_idx < (size_t)pb->count ? consume(pb, &pb->buffers[buf_idx]) : -EINVAL;
  return status < 0 ? rex_fail(-status) : 0;
}
