/*
 * Samples the machine through one perf event after the other while dd runs, and prints for each where it was: process,
 * kernel stack; user stack; how often. An event that the kernel does not have is named and left out. Exits with 0 when
 * the system calls read and write were among the stacks.
 */
#include "../support/loader.h"
#include "../support/symbols.h"

#include <linux/perf_event.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MAX_DEPTH 127
#define MOST_CPUS 64
/* the program leaves shorter periods out */
#define PERIOD 20000

/* as the program's: samples/trace_event/main.rs */
struct key {
  char comm[16];
  __u32 kernel_stack;
  __u32 user_stack;
};

struct row {
  const char *name;
  __u32 type;
  __u64 config;
  __u64 period;
  bool frequency; /* the period is one */
};

static const struct row rows[] = {
    {"HW_CPU_CYCLES", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, PERIOD, false},
    {"SW_CPU_CLOCK", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, PERIOD, false},
    {"HW_CACHE_L1D", PERF_TYPE_HW_CACHE,
     PERF_COUNT_HW_CACHE_L1D | PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_ACCESS << 16, PERIOD, false},
    {"RAW 0xc0", PERF_TYPE_RAW, 0xc0, PERIOD, false},
};

static bool saw_read, saw_write;

static void print_stack(const struct symbols *symbols, int map, __u32 id) {
  __u64 addresses[MAX_DEPTH] = {0};
  if (bpf_map_lookup_elem(map, &id, addresses) < 0) {
    printf("---;");
    return;
  }
  for (int i = MAX_DEPTH - 1; i >= 0; i--) {
    const char *name;
    if (addresses[i] == 0) continue;
    name = addresses[i] >> 63 != 0 ? symbol_name(symbols, addresses[i]) : NULL;
    if (name == NULL) printf("0x%llx;", addresses[i]);
    else printf("%s;", name);
    if (name != NULL && strstr(name, "sys_read") != NULL) saw_read = true;
    if (name != NULL && strstr(name, "sys_write") != NULL) saw_write = true;
  }
}

/* Prints and empties the counts. */
static void print_counts(const struct bpf_object *object, const struct symbols *symbols) {
  int counts = find_map(object, "counts");
  int stacks = find_map(object, "stackmap");
  struct key key;
  __u64 count;
  while (bpf_map_get_next_key(counts, NULL, &key) == 0) {
    if (bpf_map_lookup_elem(counts, &key, &count) < 0) count = 0;
    printf("%3llu %.16s;", count, key.comm);
    print_stack(symbols, stacks, key.kernel_stack);
    printf("--;");
    print_stack(symbols, stacks, key.user_stack);
    putchar('\n');
    if (bpf_map_delete_elem(counts, &key) < 0) return;
  }
}

static void run_load(void) {
  pid_t child = fork();
  if (child == 0) {
    execl("/bin/dd", "dd", "if=/dev/zero", "of=/dev/null", "count=10000", (char *)NULL);
    _exit(127);
  }
  if (child > 0) waitpid(child, NULL, 0);
}

static int open_event(const struct row *row, int cpu) {
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = row->type;
  attr.config = row->config;
  attr.freq = row->frequency;
  attr.sample_period = row->period;
  attr.disabled = 1;
  return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Attaches the program to the event on every CPU. False with a message when there is no such event. */
static bool attach_everywhere(const struct row *row, const struct bpf_program *program, struct bpf_link **links, int cpus) {
  for (int cpu = 0; cpu < cpus; cpu++) {
    int fd = open_event(row, cpu);
    if (fd < 0) {
      printf("%s: %s\n", row->name, strerror(errno));
      return false;
    }
    links[cpu] = bpf_program__attach_perf_event(program, fd);
    if (links[cpu] == NULL) {
      printf("%s: attaching failed: %s\n", row->name, strerror(errno));
      close(fd);
      return false;
    }
  }
  return true;
}

static void sample(const struct row *row, const struct bpf_object *object, const struct symbols *symbols, int cpus) {
  struct bpf_link *links[MOST_CPUS] = {NULL};
  if (attach_everywhere(row, find_program(object, "rex_prog1"), links, cpus)) {
    printf("Test %s\n", row->name);
    run_load();
    print_counts(object, symbols);
  }
  for (int cpu = 0; cpu < cpus; cpu++) bpf_link__destroy(links[cpu]);
}

int main(void) {
  struct symbols symbols = load_symbols();
  struct bpf_object *object;
  int cpus = libbpf_num_possible_cpus();
  if (symbols.count == 0 || cpus < 1 || cpus > MOST_CPUS) {
    fprintf(stderr, "failed to read /proc/kallsyms or the number of CPUs\n");
    return 1;
  }
  object = load_object("./trace_event.rex");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) sample(&rows[i], object, &symbols, cpus);
  if (saw_read && saw_write) {
    printf("read and write system calls were sampled\n");
    return 0;
  }
  fprintf(stderr, "failed: %s missing from the stacks\n", saw_read ? "sys_write" : "sys_read");
  return 1;
}
