/* A sampling loader: one event a CPU and one for a task, by frequency and by period, inherited by children. */
#include <assert.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <librex.h>

#define EXE "/streams.rex"
#define SAMPLE_FREQ 20000

static struct bpf_program *prog;
static int runs_fd;
static struct bpf_link **links;
static int nr_cpus;

static int sys_perf_event_open(struct perf_event_attr *attr, int pid, int cpu, int group_fd, unsigned long flags) {
  return (int)syscall(__NR_perf_event_open, attr, pid, cpu, group_fd, flags);
}

static void err_exit(int status) {
  kill(0, SIGKILL);
  exit(status);
}

static void generate_load(void) {
  pid_t pid = fork();
  if (pid == 0) {
    for (volatile int i = 0; i < 300000; i++) continue;
    _exit(0);
  }
  waitpid(pid, NULL, 0);
}

static __u64 samples(void) {
  __u32 key = 4;
  __u64 value;
  assert(bpf_map_lookup_elem(runs_fd, &key, &value) == 0);
  return value;
}

static void report(const char *what, __u64 before) { printf("%s: %s\n", what, samples() > before ? "sampled" : "nothing"); }

static void test_all_cpus(const char *what, struct perf_event_attr *attr) {
  __u64 before = samples();
  int i, pmu_fd;
  for (i = 0; i < nr_cpus; i++) {
    pmu_fd = sys_perf_event_open(attr, -1, i, -1, 0);
    if (pmu_fd < 0) {
      printf("sys_perf_event_open failed\n");
      err_exit(1);
    }
    links[i] = bpf_program__attach_perf_event(prog, pmu_fd);
    if (libbpf_get_error(links[i])) {
      printf("bpf_program__attach_perf_event failed on cpu: %d\n", i);
      links[i] = NULL;
      close(pmu_fd);
      err_exit(1);
    }
  }
  generate_load();
  for (i--; i >= 0; i--) bpf_link__destroy(links[i]);
  report(what, before);
}

static void test_task(const char *what, struct perf_event_attr *attr) {
  struct bpf_link *link = NULL;
  __u64 before = samples();
  int pmu_fd;
  attr->inherit = 1;
  pmu_fd = sys_perf_event_open(attr, 0, -1, -1, 0);
  if (pmu_fd < 0) {
    printf("sys_perf_event_open failed\n");
    err_exit(1);
  }
  link = bpf_program__attach_perf_event(prog, pmu_fd);
  if (libbpf_get_error(link)) {
    link = NULL;
    close(pmu_fd);
    err_exit(1);
  }
  generate_load();
  bpf_link__destroy(link);
  report(what, before);
}

int main(void) {
  struct perf_event_attr software = {
      .sample_freq = SAMPLE_FREQ,
      .freq = 1,
      .type = PERF_TYPE_SOFTWARE,
      .config = PERF_COUNT_SW_CPU_CLOCK,
  };
  struct perf_event_attr cycles = {
      .sample_period = 50000,
      .freq = 0,
      .type = PERF_TYPE_HARDWARE,
      .config = PERF_COUNT_HW_CPU_CYCLES,
  };
  struct perf_event_attr cache = {
      .sample_freq = SAMPLE_FREQ,
      .freq = 1,
      .inherit = 1,
      .type = PERF_TYPE_HW_CACHE,
      .config = PERF_COUNT_HW_CACHE_L1D | (PERF_COUNT_HW_CACHE_OP_READ << 8) |
                (PERF_COUNT_HW_CACHE_RESULT_ACCESS << 16),
  };
  struct perf_event_attr raw = {.sample_freq = SAMPLE_FREQ, .freq = 1, .type = PERF_TYPE_RAW, .config = 0xc0};
  struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};
  struct bpf_object *obj;

  setrlimit(RLIMIT_MEMLOCK, &r);
  obj = rex_obj_get_bpf(rex_obj_load(EXE));
  if (!obj) return 1;
  prog = bpf_object__find_program_by_name(obj, "on_sample");
  runs_fd = bpf_object__find_map_fd_by_name(obj, "RUNS");
  nr_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
  links = calloc((size_t)nr_cpus, sizeof(struct bpf_link *));
  if (!prog || runs_fd < 0 || !links) return 1;
  test_all_cpus("cpu clock on every cpu", &software);
  test_task("cpu clock of the task", &software);
  test_task("cycles of the task", &cycles);
  /* not every machine counts these */
  if (sys_perf_event_open(&cache, 0, -1, -1, 0) < 0) printf("no cache events\n");
  if (sys_perf_event_open(&raw, 0, -1, -1, 0) < 0) printf("no raw events\n");
  free(links);
  return 0;
}
