/*
 * loader [OPTIONS]: counts the system calls of the whole machine and prints a table, until it is interrupted.
 *   -i SECONDS  of one table (1)       -n ROWS  most rows of a table
 *   -e          failed calls           -l       average time a call takes, us
 *   -s          by number, not count   -t       time of day before each table
 *   -c          clear the screen       -d TABLES  end after so many
 */
#include "../support/loader.h"

#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>

#define MOST_CALLS 512

/* Linux's numbers 0 to 99: arch/x86/entry/syscalls/syscall_64.tbl */
static const char *const names[] = {
    "read",         "write",       "open",         "close",       "stat",          "fstat",       "lstat",
    "poll",         "lseek",       "mmap",         "mprotect",    "munmap",        "brk",         "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "ioctl",     "pread64",     "pwrite64",      "readv",       "writev",
    "access",       "pipe",        "select",       "sched_yield", "mremap",        "msync",       "mincore",
    "madvise",      "shmget",      "shmat",        "shmctl",      "dup",           "dup2",        "pause",
    "nanosleep",    "getitimer",   "alarm",        "setitimer",   "getpid",        "sendfile",    "socket",
    "connect",      "accept",      "sendto",       "recvfrom",    "sendmsg",       "recvmsg",     "shutdown",
    "bind",         "listen",      "getsockname",  "getpeername", "socketpair",    "setsockopt",  "getsockopt",
    "clone",        "fork",        "vfork",        "execve",      "exit",          "wait4",       "kill",
    "uname",        "semget",      "semop",        "semctl",      "shmdt",         "msgget",      "msgsnd",
    "msgrcv",       "msgctl",      "fcntl",        "flock",       "fsync",         "fdatasync",   "truncate",
    "ftruncate",    "getdents",    "getcwd",       "chdir",       "fchdir",        "rename",      "mkdir",
    "rmdir",        "creat",       "link",         "unlink",      "symlink",       "readlink",    "chmod",
    "fchmod",       "chown",       "fchown",       "lchown",      "umask",         "gettimeofday", "getrlimit",
    "getrusage",
};

struct options {
  long seconds;
  long rows;
  long tables; /* -1: no end */
  bool errors;
  bool latency;
  bool by_number;
  bool time;
  bool clear;
};

struct maps {
  int counts;
  int errors;
  int latency;
};

struct call {
  __u32 number;
  __u64 count;
  __u64 errors;
  __u64 nanoseconds;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int signal) {
  (void)signal;
  interrupted = 1;
}

static const char *name_of(__u32 number) {
  return number < sizeof names / sizeof names[0] ? names[number] : "unknown";
}

/* The value of a call in one map, which begins again at nothing. */
static __u64 take(int map, __u32 number) {
  __u64 value = 0;
  if (bpf_map_lookup_elem(map, &number, &value) == 0) bpf_map_delete_elem(map, &number);
  return value;
}

static size_t take_calls(const struct maps *maps, struct call *calls) {
  __u32 numbers[MOST_CALLS];
  size_t count = 0;
  const __u32 *before = NULL;
  while (count < MOST_CALLS && bpf_map_get_next_key(maps->counts, before, &numbers[count]) == 0) {
    before = &numbers[count];
    count++;
  }
  for (size_t i = 0; i < count; i++) {
    calls[i].number = numbers[i];
    calls[i].count = take(maps->counts, numbers[i]);
    calls[i].errors = take(maps->errors, numbers[i]);
    calls[i].nanoseconds = take(maps->latency, numbers[i]);
  }
  return count;
}

static int by_number(const void *left, const void *right) {
  const struct call *l = left, *r = right;
  return l->number < r->number ? -1 : l->number > r->number;
}

static int by_count(const void *left, const void *right) {
  const struct call *l = left, *r = right;
  if (l->count != r->count) return l->count > r->count ? -1 : 1;
  return by_number(left, right);
}

static void print_row(const char *name, const struct call *call, const struct options *options) {
  printf("%-22s %8llu", name, call->count);
  if (options->errors) printf(" %8llu", call->errors);
  if (options->latency) printf(" %12.3f", call->count == 0 ? 0.0 : (double)call->nanoseconds / 1e3 / (double)call->count);
  putchar('\n');
}

static void print_table(const struct maps *maps, const struct options *options) {
  static struct call calls[MOST_CALLS];
  struct call total = {0};
  size_t count = take_calls(maps, calls);
  qsort(calls, count, sizeof calls[0], options->by_number ? by_number : by_count);
  if (options->clear) printf("\033[2J\033[H");
  if (options->time) {
    time_t now = time(NULL);
    char text[32];
    strftime(text, sizeof text, "[%H:%M:%S]", gmtime(&now));
    puts(text);
  }
  printf("%-22s %8s%s%s\n", "SYSCALL", "COUNT", options->errors ? "   ERRORS" : "", options->latency ? "     TIME(us)" : "");
  for (size_t i = 0; i < count; i++) {
    total.count += calls[i].count;
    total.errors += calls[i].errors;
    total.nanoseconds += calls[i].nanoseconds;
    if ((long)i < options->rows) print_row(name_of(calls[i].number), &calls[i], options);
  }
  print_row("TOTAL", &total, options);
  putchar('\n');
  fflush(stdout);
}

static int usage(void) {
  fprintf(stderr, "usage: loader [-i SECONDS] [-n ROWS] [-d TABLES] [-eltsch]\n");
  return 2;
}

/* 0, or the exit status. */
static int read_options(int argc, char **argv, struct options *options) {
  int option;
  while ((option = getopt(argc, argv, "i:n:d:eltsch")) != -1) {
    if (option == 'i') options->seconds = parse_number(optarg, 1, 86400);
    else if (option == 'n') options->rows = parse_number(optarg, 1, MOST_CALLS);
    else if (option == 'd') options->tables = parse_number(optarg, 1, 1000000);
    else if (option == 'e') options->errors = true;
    else if (option == 'l') options->latency = true;
    else if (option == 't') options->time = true;
    else if (option == 's') options->by_number = true;
    else if (option == 'c') options->clear = true;
    else return usage();
    if (options->seconds < 0 || options->rows < 0 || (option == 'd' && options->tables < 0)) return usage();
  }
  return optind < argc ? usage() : 0;
}

int main(int argc, char **argv) {
  struct options options = {.seconds = 1, .rows = MOST_CALLS, .tables = -1};
  struct bpf_object *object;
  struct bpf_program *program;
  struct maps maps;
  struct sigaction action = {.sa_handler = interrupt};
  int status = read_options(argc, argv, &options);
  if (status != 0) return status;
  object = load_object("./syscount.rex");
  maps.counts = find_map(object, "SYSCALL_COUNTS");
  maps.errors = find_map(object, "SYSCALL_ERRORS");
  maps.latency = find_map(object, "SYSCALL_LATENCY");
  bpf_object__for_each_program(program, object) {
    attach_program(program);
    printf("Attached program: %s\n", bpf_program__name(program));
  }
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  printf("Tracing syscalls... Hit Ctrl-C to end.\n\n");
  fflush(stdout);
  while (!interrupted && options.tables != 0) {
    sleep((unsigned)options.seconds);
    print_table(&maps, &options);
    if (options.tables > 0) options.tables--;
  }
  printf("Detaching programs\n");
  bpf_object__close(object);
  return 0;
}
