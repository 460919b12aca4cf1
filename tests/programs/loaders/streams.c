/* Ring buffers and perf buffers: what a Rex program sends is what the callbacks get. */
#include "checks.h"

#include <sys/epoll.h>
#include <sys/wait.h>

struct record {
  unsigned long value, complement;
};

static unsigned long values[64];
static int count;
static int stop_at = -1; /* record number whose callback says -ECANCELED */

static int take(void *context, void *data, size_t size) {
  const struct record *record = data;
  CHECK_EQUAL(size, sizeof *record);
  CHECK_EQUAL(record->complement, ~record->value);
  CHECK_EQUAL(record->value & 1, *(int *)context);
  values[count++ % 64] = record->value;
  return count - 1 == stop_at ? -ECANCELED : 0;
}

/* What the programs see is the argument, whether there is such a descriptor or not. */
static void send(int value) {
  int copy = (int)syscall(SYS_dup, value);
  if (copy >= 0) close(copy);
}

static void ring_buffers(const struct bpf_object *object) {
  int is_odd = 1, is_even = 0;
  int odd = bpf_object__find_map_fd_by_name(object, "ODD"), even = bpf_object__find_map_fd_by_name(object, "EVEN");
  struct bpf_link *link = bpf_program__attach(program_named(object, "to_rings"));
  struct ring_buffer *ring = ring_buffer__new(odd, take, &is_odd, NULL);
  long before;
  CHECK(link != NULL);
  CHECK(ring != NULL);
  if (link == NULL || ring == NULL) return;
  CHECK_EQUAL(ring_buffer__poll(ring, 0), 0);
  CHECK_EQUAL(ring_buffer__consume(ring), 0);
  send(101);
  send(103);
  send(102); /* for the other buffer */
  CHECK_EQUAL(ring_buffer__poll(ring, 0), 2);
  CHECK_EQUAL(values[0], 101);
  CHECK_EQUAL(values[1], 103);
  CHECK_EQUAL(ring_buffer__poll(ring, 0), 0);

  CHECK_EQUAL(ring_buffer__add(ring, even, take, &is_even), 0);
  send(201);
  send(204);
  CHECK_EQUAL(ring_buffer__consume(ring), 3);
  /* records that were discarded are skipped */
  send(777);
  send(301);
  CHECK_EQUAL(ring_buffer__consume(ring), 1);
  CHECK_EQUAL(values[5], 301);
  CHECK(ring_buffer__epoll_fd(ring) >= 0);
  struct epoll_event event;
  CHECK_EQUAL(epoll_wait(ring_buffer__epoll_fd(ring), &event, 1, 0), 0);
  send(303);
  CHECK_EQUAL(epoll_wait(ring_buffer__epoll_fd(ring), &event, 1, 0), 1);

  /* a callback ends the reading; its record is taken, those behind it are not */
  send(305);
  send(307);
  stop_at = count + 1;
  CHECK_FAILS(ring_buffer__poll(ring, 0), ECANCELED);
  stop_at = -1;
  CHECK_EQUAL(ring_buffer__consume(ring), 1);
  CHECK_EQUAL(values[(count - 1) % 64], 307);

  /* 4096 bytes hold 170 records of 24; then the ring wraps many times */
  before = count;
  for (int i = 0; i < 200; i++) send(1001);
  CHECK_EQUAL(ring_buffer__consume(ring), 170);
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 50; i++) send(2 * i + round % 2);
    CHECK_EQUAL(ring_buffer__poll(ring, 0), 50);
  }
  CHECK_EQUAL(count - before, 170 + 20 * 50);

  /* a sleeping reader is woken */
  pid_t child = fork();
  if (child == 0) {
    send(901);
    _exit(0);
  }
  CHECK_EQUAL(ring_buffer__poll(ring, -1), 1);
  CHECK_EQUAL(waitpid(child, NULL, 0), child);
  CHECK_EQUAL(ring_buffer__poll(ring, 5), 0);
  CHECK_SILENT();

  CHECK_FAILS(ring_buffer__add(ring, even, take, &is_even), EEXIST);
  CHECK_SAID("libbpf: ringbuf: failed to epoll add map fd=");
  CHECK_FAILS(ring_buffer__add(ring, bpf_object__find_map_fd_by_name(object, "RUNS"), take, NULL), EINVAL);
  CHECK_SAID("is not BPF_MAP_TYPE_RINGBUF");
  CHECK_NULL(ring_buffer__new(999, take, NULL, NULL), EBADFD);
  CHECK_SAID("ringbuf: failed to get map info for fd=999: ");
  struct {
    struct ring_buffer_opts known;
    long more;
  } future = {{sizeof future}, 1};
  CHECK_NULL(ring_buffer__new(odd, take, &is_odd, &future.known), EINVAL);
  CHECK_SAID("ring_buffer_opts has non-zero extra bytes");
  send(401);
  CHECK_EQUAL(ring_buffer__consume(ring), 1);
  ring_buffer__free(ring);
  ring_buffer__free(NULL);

  /* what nobody took waits for the next reader */
  send(403);
  ring = ring_buffer__new(odd, take, &is_odd, NULL);
  CHECK_EQUAL(ring_buffer__consume(ring), 1);
  ring_buffer__free(ring);
  CHECK_EQUAL(bpf_link__destroy(link), 0);
}

static unsigned long samples, lost, sampled;

static void sample(void *context, int cpu, void *data, __u32 size) {
  const unsigned long *words = data;
  CHECK(context == &samples);
  CHECK(size >= 24); /* padded, with the 4 bytes of its length, to 8 */
  CHECK_EQUAL(words[1], cpu);
  CHECK_EQUAL(words[2], 0x5eed);
  sampled = words[0];
  samples++;
}

static void lose(void *context, int cpu, __u64 count_) {
  CHECK(context == &samples);
  CHECK(cpu >= 0);
  lost += count_;
}

static void perf_buffers(const struct bpf_object *object) {
  int map = bpf_object__find_map_fd_by_name(object, "SAMPLES");
  int cpus = libbpf_num_possible_cpus();
  struct bpf_link *link = bpf_program__attach(program_named(object, "to_events"));
  struct perf_buffer *buffer;
  long failed = runs(object, LOST_EVENTS);
  CHECK(cpus >= 1);
  CHECK(link != NULL);
  send(5); /* nobody listens */
  CHECK_EQUAL(runs(object, LOST_EVENTS), failed + 1);
  buffer = perf_buffer__new(map, 1, sample, lose, &samples, NULL);
  CHECK(buffer != NULL);
  if (link == NULL || buffer == NULL) return;
  CHECK_EQUAL(perf_buffer__buffer_cnt(buffer), cpus);
  CHECK(perf_buffer__epoll_fd(buffer) >= 0);
  CHECK(perf_buffer__buffer_fd(buffer, 0) >= 0);
  CHECK_FAILS(perf_buffer__buffer_fd(buffer, (size_t)cpus), EINVAL);
  CHECK_FAILS(perf_buffer__consume_buffer(buffer, (size_t)cpus), EINVAL);
  CHECK_EQUAL(perf_buffer__poll(buffer, 0), 0);
  send(6);
  CHECK_EQUAL(perf_buffer__poll(buffer, 0), 1);
  CHECK_EQUAL(samples, 1);
  CHECK_EQUAL(sampled, 6);
  CHECK_EQUAL(perf_buffer__poll(buffer, 0), 0);
  send(7);
  send(8);
  CHECK_EQUAL(perf_buffer__consume(buffer), 0);
  CHECK_EQUAL(samples, 3);
  CHECK_EQUAL(sampled, 8);
  send(9);
  for (int cpu = 0; cpu < cpus; cpu++) CHECK_EQUAL(perf_buffer__consume_buffer(buffer, (size_t)cpu), 0);
  CHECK_EQUAL(samples, 4);

  /* an entry that is not this CPU's, and one that there is not */
  failed = runs(object, LOST_EVENTS);
  send(1000 + cpus);
  CHECK_EQUAL(runs(object, LOST_EVENTS), failed + 1);
  send(1099);
  CHECK_EQUAL(runs(object, LOST_EVENTS), failed + 2);

  /* 40 bytes a sample: the ring wraps within records, and then overflows */
  for (int i = 0; i < 500; i++) {
    send(2000 + i);
    if (i % 50 == 0) CHECK_EQUAL(perf_buffer__consume(buffer), 0);
  }
  CHECK_EQUAL(perf_buffer__consume(buffer), 0);
  CHECK_EQUAL(samples, 504);
  CHECK_EQUAL(sampled, 2499);
  CHECK_EQUAL(lost, 0);
  samples = 0;
  for (int i = 0; i < 400; i++) send(3000 + i);
  CHECK_EQUAL(perf_buffer__consume(buffer), 0);
  CHECK(samples < 400);
  send(1); /* the record of what was lost comes with the next that fits */
  send(2);
  CHECK_EQUAL(perf_buffer__consume(buffer), 0);
  CHECK_EQUAL(samples + lost, 402);
  CHECK(lost > 0);
  CHECK_SILENT();

  perf_buffer__free(buffer);
  perf_buffer__free(NULL);
  failed = runs(object, LOST_EVENTS);
  send(5);
  CHECK_EQUAL(runs(object, LOST_EVENTS), failed + 1);

  /* a wake-up every third sample */
  LIBBPF_OPTS(perf_buffer_opts, opts, .sample_period = 3);
  buffer = perf_buffer__new(map, 2, sample, NULL, &samples, &opts);
  CHECK(buffer != NULL);
  if (buffer == NULL) return;
  for (int i = 0; i < 3 * cpus; i++) send(4);
  CHECK(perf_buffer__poll(buffer, 0) >= 1);
  perf_buffer__free(buffer);

  CHECK_NULL(perf_buffer__new(map, 3, sample, lose, NULL, NULL), EINVAL);
  CHECK_SAID("page count should be power of two, but is 3");
  CHECK_NULL(perf_buffer__new(map, 0, sample, lose, NULL, NULL), EINVAL);
  CHECK_SAID("page count should be power of two, but is 0");
  CHECK_NULL(perf_buffer__new(bpf_object__find_map_fd_by_name(object, "RUNS"), 1, sample, lose, NULL, NULL), EINVAL);
  CHECK_SAID("map 'RUNS' should be BPF_MAP_TYPE_PERF_EVENT_ARRAY");
  CHECK_NULL(perf_buffer__new(999, 1, sample, lose, NULL, NULL), EBADFD);
  CHECK_SAID("failed to get map info for map FD 999");
  CHECK_EQUAL(bpf_link__destroy(link), 0);
}

int main(void) {
  struct bpf_object *object = load_streams();
  ring_buffers(object);
  perf_buffers(object);
  bpf_object__close(object);
  return finish();
}
