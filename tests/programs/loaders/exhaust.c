/* `exhaust WHAT`: makes more of WHAT for ever, in as many processes as there can be. It ends by its budget, or is killed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libbpf.h>
#include <librex.h>

#define PAGE 4096
#define MiB (1 << 20)

static char block[65536];

static long bpf_call(int command, union bpf_attr *attr) { return syscall(SYS_bpf, command, attr, sizeof *attr); }

/* Does `make` until it fails; then a child with no descriptors but the standard ones goes on, and this process keeps all. */
static void spread(int (*make)(void)) {
  for (;;) {
    int failures = 0;
    while (failures < 3) failures = make() < 0 ? failures + 1 : 0;
    int child = fork();
    if (child > 0) for (;;) pause();
    if (child < 0) {
      make();
      continue;
    }
    for (int fd = 3; fd < 1024; fd++) close(fd);
  }
}

static int map_of(int type, int key, int value, unsigned entries, unsigned flags) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_type = type;
  attr.key_size = key;
  attr.value_size = value;
  attr.max_entries = entries;
  attr.map_flags = flags;
  return bpf_call(BPF_MAP_CREATE, &attr);
}

static int update(int map, const void *key, const void *value) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_fd = map;
  attr.key = (uintptr_t)key;
  attr.value = (uintptr_t)value;
  return bpf_call(BPF_MAP_UPDATE_ELEM, &attr);
}

static void fill_map(int type, int value, unsigned flags) {
  int map = map_of(type, 4, value, 1 << 28, flags);
  for (unsigned key = 0;; key++) update(map, &key, block);
}

/* processes and threads */
static void forks(void) {
  for (;;)
    if (fork() == 0) for (;;) pause();
}
static void zombies(void) {
  for (;;)
    if (fork() == 0) _exit(0);
}
static void *sleeper(void *unused) {
  for (;;) pause();
  return unused;
}
static int thread(void) {
  pthread_t id;
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 16384);
  return pthread_create(&id, &attr, sleeper, NULL) == 0 ? 0 : -1;
}
static void threads(void) {
  for (;;) thread();
}
static void fork_threads(void) {
  for (;;) {
    for (int n = 0; n < 10; n++) thread();
    if (fork() > 0) for (;;) pause();
  }
}
static void *napper(void *unused) {
  struct timespec time = {1000, 0};
  for (;;) nanosleep(&time, NULL);
  return unused;
}
static void timers(void) {
  for (;;) {
    pthread_t id;
    if (pthread_create(&id, NULL, napper, NULL) != 0) sched_yield();
  }
}

/* memory */
static int area(void) {
  static int protection;
  protection ^= PROT_WRITE;
  return mmap(NULL, PAGE, PROT_READ | protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}
static void areas(void) {
  for (;;) {
    while (area() == 0) continue;
    if (fork() > 0) for (;;) pause();
  }
}
static void touch(void) {
  for (;;) {
    char *at = mmap(NULL, MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) continue;
    for (int n = 0; n < MiB; n += PAGE) at[n] = 1;
  }
}
static void shared(void) {
  for (;;) {
    char *at = mmap(NULL, MiB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) continue;
    for (int n = 0; n < MiB; n += PAGE) at[n] = 1;
  }
}
static void moves(void) {
  size_t size = PAGE;
  char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (;;) {
    void *next = mremap(at, size, size + 16 * PAGE, MREMAP_MAYMOVE);
    if (next == MAP_FAILED) {
      madvise(at, size, MADV_DONTNEED);
      continue;
    }
    at = next;
    size += 16 * PAGE;
    at[size - 1] = 1;
    mprotect(at + size / 2 / PAGE * PAGE, PAGE, size & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
  }
}
static void mapped_files(void) {
  int fd = open("/big", O_RDWR | O_CREAT, 0600);
  for (int n = 0; n < 128; n++) write(fd, block, sizeof block);
  for (;;) {
    char *at = mmap(NULL, 8 * MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (at != MAP_FAILED) at[5000] = 1;
  }
}
static void executes(void) {
  char *argv[] = {"exhaust", "executes", NULL};
  for (;;) {
    if (fork() == 0) execv("/exhaust", argv);
  }
}
static char *names[4096];
static void arguments(void) {
  for (int n = 0; n < 1000; n++) names[n] = block;
  memset(block, 'a', 1000);
  block[1000] = 0;
  names[0] = "exhaust", names[1] = "arguments";
  for (;;) {
    if (fork() == 0) {
      execve("/exhaust", names, names);
      _exit(1);
    }
  }
}

static void environment(void) {
  for (int n = 0; n < 4095; n++) names[n] = "";
  char *argv[] = {"exhaust", "environment", NULL};
  for (;;) {
    if (fork() == 0) {
      execve("/exhaust", argv, names);
      _exit(1);
    }
  }
}
/* lea r8, next; jmp r8; next: mov rax, rdi; again: additions, rotations; dec rsi; jnz again; ret */
static void write_function(unsigned char *to, unsigned random) {
  static const unsigned char start[] = {0x4c, 0x8d, 0x05, 3, 0, 0, 0, 0x41, 0xff, 0xe0, 0x48, 0x89, 0xf8};
  unsigned char *at = to + sizeof start, *again = at;
  memcpy(to, start, sizeof start);
  for (int n = 4 + random % 13; n > 0; n--) {
    random = random * 1103515245 + 12345;
    *at++ = 0x48;
    if (random & 0x10000) {
      *at++ = 0x05;
      memcpy(at, &random, 4), at += 4;
    } else {
      *at++ = 0xc1, *at++ = 0xc0, *at++ = random >> 8 & 63;
    }
  }
  static const unsigned char end[] = {0x48, 0xff, 0xce, 0x75, 0, 0xc3};
  memcpy(at, end, sizeof end);
  at[4] = again - (at + 5);
}
/* Functions that are called often enough to be translated, ever new ones: in new memory, or in the same. */
static void code_in(size_t size) {
  for (unsigned n = 1;;) {
    char *region = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED) continue;
    for (size_t at = 0; at + 256 <= size; at += 256) {
      write_function((unsigned char *)region + at, n++ * 2654435761u);
      for (int call = 0; call < 24; call++) ((long (*)(long, long))(region + at))(call, 20);
    }
    if (size > MiB) continue;
    munmap(region, size);
  }
}
static void new_code(void) { code_in(64 * MiB); }
static void code(void) { code_in(MiB / 2); }

/* files */
static void growth(void) {
  int fd = open("/grow", O_RDWR | O_CREAT, 0600);
  for (;;) write(fd, block, sizeof block);
}
static void sparse(void) {
  int fd = open("/sparse", O_RDWR | O_CREAT, 0600);
  for (long at = 0;; at += 1 * MiB) pwrite(fd, "x", 1, at % (200l * MiB));
}
static void files(void) {
  char name[64];
  for (int n = 0;; n++) {
    sprintf(name, "/tmp/%d", n);
    int fd = creat(name, 0600);
    write(fd, "x", 1);
    close(fd);
  }
}
static void hard_links(void) {
  char name[256];
  memset(name, 'n', 255);
  for (int file = 0;; file++) {
    sprintf(name, "/tmp/f%d", file);
    close(creat(name, 0600));
    char other[256];
    for (int n = 0; n < 30000; n++) {
      memset(other, 'n', 255);
      other[sprintf(other, "/tmp/l%d-%d-", file, n)] = 'x';
      other[250] = 0;
      if (link(name, other) < 0) break;
    }
  }
}
static void symlinks(void) {
  char name[64];
  memset(block, 'a', 4000);
  block[4000] = 0;
  for (int n = 0;; n++) {
    sprintf(name, "/tmp/%d", n);
    symlink(block, name);
  }
}
static void directories(void) {
  for (;;) {
    if (mkdir("d", 0700) < 0 || chdir("d") < 0) {
      static int n;
      char name[32];
      sprintf(name, "/e%d", n++);
      mkdir(name, 0700);
      chdir(name);
    }
  }
}
static int memory_file(void) {
  int fd = memfd_create("m", 0);
  if (fd >= 0) write(fd, block, 100);
  return fd;
}
static void listing(void) {
  char name[64];
  mkdir("/many", 0700);
  for (int n = 0; n < 5000; n++) {
    sprintf(name, "/many/%d", n);
    if (symlink("x", name) < 0) break;
  }
  for (;;) {
    int fd = open("/many", O_RDONLY | O_DIRECTORY);
    while (syscall(SYS_getdents64, fd, block, 200) > 0) continue;
    close(fd);
  }
}
static void paths(void) {
  char name[64];
  for (int n = 0; n < 5000; n++) {
    sprintf(name, "/tmp/%d", n);
    if (mkdir(name, 0700) < 0) break;
  }
  for (;;) close(open(name, O_RDONLY | O_DIRECTORY));
}
static void depths(void) {
  char here[8192];
  for (int n = 0; n < 5000; n++)
    if (mkdir("d", 0700) < 0 || chdir("d") < 0) break;
  for (;;) {
    mkdir("e", 0700);
    rename("e", "f");
    getcwd(here, sizeof here);
    rmdir("f");
  }
}
/* 4,095 bytes that take four characters each to print */
static void long_paths(void) {
  memset(block, 0x80, 4095);
  block[4095] = 0;
  for (;;) unlink(block);
}
static void truncates(void) {
  int fd = open("/cut", O_RDWR | O_CREAT, 0600);
  ftruncate(fd, 512 * MiB);
  for (int n = 0; n < 60000; n++)
    if (mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, n % 2 * PAGE) == MAP_FAILED) break;
  for (;;) {
    ftruncate(fd, 2 * PAGE);
    ftruncate(fd, PAGE);
  }
}
static void proc_maps(void) {
  for (int n = 0; n < 60000; n++)
    if (area() < 0) break;
  for (;;) {
    int fd = open("/proc/self/maps", O_RDONLY);
    while (read(fd, block, sizeof block) > 0) continue;
    close(fd);
  }
}
static void proc_tasks(void) {
  char name[64];
  int first = getpid();
  for (int n = 0; n < 300; n++)
    if (fork() == 0) for (;;) pause();
  for (;;) {
    sprintf(name, "/proc/%d/status", first + rand() % 300);
    int fd = open(name, O_RDONLY);
    read(fd, block, sizeof block);
    close(fd);
  }
}
static int proc_file(void) { return open("/proc/kallsyms", O_RDONLY); }
static int duplicate(void) { return dup(1); }

/* pipes, sockets, events */
static int pipe_of_bytes(void) {
  int ends[2];
  if (pipe2(ends, O_NONBLOCK) < 0) return -1;
  while (write(ends[1], "x", 1) == 1) continue;
  return 0;
}
static int pipe_of_blocks(void) {
  int ends[2];
  if (pipe2(ends, O_NONBLOCK) < 0) return -1;
  while (write(ends[1], block, sizeof block) > 0) continue;
  return 0;
}
static int pair(int type, size_t size) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, ends) < 0) return -1;
  for (int end = 0; end < 2; end++)
    while (write(ends[end], block, size) > 0) continue;
  return 0;
}
static int unix_stream(void) { return pair(SOCK_STREAM, sizeof block); }
static int unix_bytes(void) { return pair(SOCK_STREAM, 1); }
static int unix_datagram(void) { return pair(SOCK_DGRAM, 20000); }
static int udp(size_t size) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  bind(fd, (void *)&address, sizeof address);
  getsockname(fd, (void *)&address, &length);
  for (int n = 0; n < 300; n++) sendto(fd, block, size, 0, (void *)&address, sizeof address);
  return 0;
}
static int udp_large(void) { return udp(60000); }
static int udp_small(void) { return udp(1); }
static int listener = -1;
static struct sockaddr_in server;
static void listen_once(void) {
  socklen_t length = sizeof server;
  server.sin_family = AF_INET;
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  bind(fd, (void *)&server, sizeof server);
  listen(fd, 4096);
  getsockname(fd, (void *)&server, &length);
  listener = fd;
}
static int connection(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return connect(fd, (void *)&server, sizeof server) < 0 && errno != EINPROGRESS ? -1 : fd;
}
static void connects(void) {
  listen_once();
  spread(connection);
}
static int filled_connection(void) {
  int fd = connection();
  if (fd < 0) return -1;
  for (int n = 0; n < 50; n++) write(fd, block, sizeof block);
  return 0;
}
static void tcp(void) {
  listen_once();
  spread(filled_connection);
}
static int routes(void) {
  struct {
    struct nlmsghdr header;
    unsigned char family[4];
  } request = {{sizeof request, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNSPEC}};
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (fd < 0) return -1;
  for (int n = 0; n < 500; n++) send(fd, &request, sizeof request, 0);
  return 0;
}
static int counter(void) { return eventfd(0, 0); }
static int watches(void) {
  int instance = epoll_create1(0), counted = eventfd(0, 0), n;
  if (instance < 0 || counted < 0) return -1;
  struct epoll_event event = {.events = EPOLLIN};
  for (n = 0; n < 100; n++) {
    int other = dup(counted);
    if (other < 0 || epoll_ctl(instance, EPOLL_CTL_ADD, other, &event) < 0) return -1;
  }
  return 0;
}
static struct pollfd polled[1000];
static void polls(void) {
  int fd;
  for (int n = 0; n < 1000; n++) polled[n] = (struct pollfd){(fd = eventfd(0, 0)) < 0 ? 3 : fd, POLLIN, 0};
  for (;;)
    if (fork() == 0) for (;;) poll(polled, 1000, -1);
}

/* signals, filters */
static void nothing(int number) { (void)number; }
static void signals(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  for (int n = 1; n < 65; n++) signal(n, nothing);
  for (;;) {
    int child = fork();
    if (child == 0) for (;;) pause();
    for (int n = 1; n < 65; n++)
      if (n != SIGKILL && n != SIGSTOP) kill(child, n);
  }
}
static void filters(void) {
  static struct sock_filter code[4096];
  for (int n = 0; n < 4096; n++) code[n] = (struct sock_filter){BPF_RET, 0, 0, SECCOMP_RET_ALLOW};
  struct sock_fprog program = {4096, code};
  for (;;) {
    while (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) continue;
    int other = fork();
    if (other > 0) for (;;) pause();
    /* a child of a process without filters is what grows most: its parent's are shared */
    if (other == 0 && fork() > 0) for (;;) pause();
  }
}
static void many_filters(void) {
  static struct sock_filter code[4000];
  for (int n = 0; n < 4000; n++) code[n] = (struct sock_filter){BPF_RET, 0, 0, SECCOMP_RET_ALLOW};
  struct sock_fprog program = {4000, code};
  for (;;)
    if (fork() == 0) {
      while (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) continue;
      for (;;) pause();
    }
}

/* bpf */
static void hash(void) { fill_map(BPF_MAP_TYPE_HASH, 8, BPF_F_NO_PREALLOC); }
static void lru_hash(void) { fill_map(BPF_MAP_TYPE_LRU_HASH, 8, 0); }
static void percpu_hash(void) { fill_map(BPF_MAP_TYPE_PERCPU_HASH, 8, 0); }
static void array(void) { fill_map(BPF_MAP_TYPE_ARRAY, 64, 0); }
static void queue(void) {
  int map = map_of(BPF_MAP_TYPE_QUEUE, 0, 64, 1 << 26, 0);
  for (;;) update(map, NULL, block);
}
static int filled_hash(void) {
  int map = map_of(BPF_MAP_TYPE_HASH, 4, 8, 1 << 20, BPF_F_NO_PREALLOC);
  for (unsigned key = 0; key < 20000; key++)
    if (update(map, &key, block) < 0) break;
  return map;
}
static void batches(void) {
  static unsigned keys[16], cursor;
  static uint64_t values[16];
  union bpf_attr attr;
  int map = filled_hash();
  for (int first = 1;;) {
    memset(&attr, 0, sizeof attr);
    attr.batch.map_fd = map;
    attr.batch.in_batch = first ? 0 : (uintptr_t)&cursor;
    attr.batch.out_batch = (uintptr_t)&cursor;
    attr.batch.keys = (uintptr_t)keys;
    attr.batch.values = (uintptr_t)values;
    attr.batch.count = 16;
    first = bpf_call(BPF_MAP_LOOKUP_BATCH, &attr) < 0;
  }
}
static void churn(void) {
  for (unsigned n = 0;; n++) {
    int map = map_of(BPF_MAP_TYPE_HASH, 4, 8, 1000, n & BPF_F_NO_PREALLOC);
    for (unsigned key = 0; key < 100; key++) update(map, &key, block);
    close(map);
  }
}
static int small_map(void) {
  static int n;
  static const int types[] = {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_STACK_TRACE, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_ARRAY};
  return map_of(types[n++ % 4], 4, 8, 100, 0);
}
static int ring(void) { return map_of(BPF_MAP_TYPE_RINGBUF, 0, 0, PAGE, 0); }
static int event_of(int type, uint64_t config, int pid) {
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = type;
  attr.config = config;
  attr.sample_period = 1000000;
  attr.inherit = 1;
  return syscall(SYS_perf_event_open, &attr, pid, pid < 0 ? 0 : -1, -1, 0);
}
static int event(void) { return event_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, 0); }
static int event_ring(void) {
  int fd = event_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, 0);
  if (fd >= 0) mmap(NULL, 9 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return fd;
}
static void inherited(void) {
  while (event() >= 0) continue;
  forks();
}
static void event_array(void) {
  unsigned value = event();
  int map = map_of(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 1 << 28, 0);
  for (unsigned key = 0;; key++) update(map, &key, &value);
}
static int probe(void) {
  static unsigned n;
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = 6;
  static const char *const functions[] = {"__x64_sys_getpid", "__x64_sys_dup", "__x64_sys_read", "do_syscall_64"};
  attr.kprobe_func = (uintptr_t)functions[n++ % 4];
  return syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
}
static void pins(void) {
  char name[128];
  for (unsigned n = 0;; n++) {
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    int map = small_map();
    sprintf(name, "/sys/fs/bpf/pin%u", n);
    attr.pathname = (uintptr_t)name;
    attr.bpf_fd = map;
    bpf_call(BPF_OBJ_PIN, &attr);
    close(map);
  }
}
static int program(void) {
  struct rex_obj *object = rex_obj_load("/streams.rex");
  return object == NULL ? -1 : 0;
}
static struct bpf_program *attached;
static int bpf_link_of(void) { return bpf_program__attach(attached) == NULL ? -1 : 0; }
static void links(void) {
  struct bpf_object *object = rex_obj_get_bpf(rex_obj_load("/streams.rex"));
  attached = object == NULL ? NULL : bpf_object__find_program_by_name(object, "on_getpid");
  if (attached == NULL) exit(1);
  spread(bpf_link_of);
}

static struct bpf_object *object_of(const char *path) {
  struct bpf_object *object = rex_obj_get_bpf(rex_obj_load(path));
  if (object == NULL) exit(1);
  return object;
}
static struct bpf_program *program_of(const struct bpf_object *object, const char *name) {
  struct bpf_program *found = bpf_object__find_program_by_name(object, name);
  if (found == NULL) exit(1);
  return found;
}
/* Many programs on one function, which is called. */
static void hits(void) {
  attached = program_of(object_of("/streams.rex"), "on_getpid");
  for (int n = 0; n < 500; n++)
    if (bpf_link_of() < 0) break;
  for (;;) syscall(SYS_getpid);
}
/* The program prints a line at each dup. */
static void print_into(int reader) {
  if (bpf_program__attach(program_of(object_of("/hello.rex"), "rex_prog1")) == NULL) exit(1);
  for (;;) {
    for (int n = 0; n < 100; n++) close(dup(1));
    while (reader >= 0 && read(reader, block, 1000) > 0) continue;
  }
}
static void prints(void) { print_into(-1); }
static void prints_read(void) { print_into(open("/sys/kernel/tracing/trace_pipe", O_RDONLY | O_NONBLOCK)); }
/* The stacks of a program that is sampled in the kernel: hardly two of them are alike. */
#define FRAME __attribute__((noinline, optimize("no-omit-frame-pointer", "no-optimize-sibling-calls")))
static FRAME void left(int depth);
static FRAME void right(int depth) {
  if (depth > 0) (rand() & 1 ? left : right)(depth - 1);
  syscall(SYS_getpid);
}
static FRAME void left(int depth) {
  if (depth > 0) (rand() & 1 ? left : right)(depth - 1);
  syscall(SYS_gettid);
}
static void stacks(void) {
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  attr.sample_period = 10000;
  int fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
  if (bpf_program__attach_perf_event(program_of(object_of("/trace_event.rex"), "rex_prog1"), fd) == NULL) exit(1);
  for (;;) left(20);
}
/* A program that panics, and kills who has loaded it: some lines of the kernel's log. */
static void panics(void) {
  for (;;) {
    int child = fork();
    if (child == 0) {
      struct bpf_object *object = object_of("/panic.rex");
      int pid = getpid();
      uint64_t action = 3;
      update(bpf_object__find_map_fd_by_name(object, "pid_to_action"), &pid, &action);
      bpf_program__attach_ksyscall(program_of(object, "panicker"), "dup", NULL);
      for (;;) close(dup(1));
    }
    waitpid(child, NULL, 0);
  }
}
/* A file of holes is no image. */
static void holes(void) {
  int fd = open("/holes", O_RDWR | O_CREAT, 0600);
  ftruncate(fd, 30 * MiB);
  for (;;) {
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.prog_type = BPF_PROG_TYPE_REX_BASE;
    attr.license = (uintptr_t) "GPL";
    attr.rustfd = fd;
    attr.nr_text_syms = 1;
    bpf_call(BPF_PROG_LOAD_REX_BASE, &attr);
  }
}

/* what the host is told */
static void output(void) {
  for (;;) write(1, block, sizeof block);
}
static void output_bytes(void) {
  for (;;) write(1, "x", 1);
}
static void error_lines(void) {
  for (;;) write(2, "0123456789abcdef\n", 17);
}
static void crashes(void) {
  for (;;)
    if (fork() == 0) raise(SIGSEGV);
}
static void unknown(void) {
  for (long n = 0;; n++) syscall(500 + n % 100);
}

static void mix(void);

static const struct {
  const char *name;
  void (*run)(void);
  int (*make)(void);
} table[] = {
    {"forks", forks, NULL}, {"zombies", zombies, NULL}, {"threads", threads, NULL}, {"fork-threads", fork_threads, NULL}, {"timers", timers, NULL},
    {"areas", areas, NULL}, {"touch", touch, NULL}, {"shared", shared, NULL}, {"moves", moves, NULL}, {"mapped-files", mapped_files, NULL},
    {"executes", executes, NULL}, {"arguments", arguments, NULL}, {"environment", environment, NULL},
    {"new-code", new_code, NULL}, {"code", code, NULL}, {"growth", growth, NULL}, {"sparse", sparse, NULL}, {"files", files, NULL},
    {"hard-links", hard_links, NULL}, {"symlinks", symlinks, NULL}, {"directories", directories, NULL}, {"listing", listing, NULL},
    {"paths", paths, NULL}, {"depths", depths, NULL}, {"long-paths", long_paths, NULL}, {"truncates", truncates, NULL},
    {"proc-maps", proc_maps, NULL}, {"proc-tasks", proc_tasks, NULL}, {"memory-files", NULL, memory_file},
    {"proc-files", NULL, proc_file}, {"duplicates", NULL, duplicate}, {"pipe-bytes", NULL, pipe_of_bytes},
    {"pipe-blocks", NULL, pipe_of_blocks}, {"unix-stream", NULL, unix_stream}, {"unix-bytes", NULL, unix_bytes},
    {"unix-datagram", NULL, unix_datagram}, {"udp-large", NULL, udp_large}, {"udp-small", NULL, udp_small}, {"connects", connects, NULL},
    {"tcp", tcp, NULL}, {"netlink", NULL, routes}, {"eventfds", NULL, counter}, {"watches", NULL, watches}, {"polls", polls, NULL},
    {"signals", signals, NULL}, {"filters", filters, NULL}, {"many-filters", many_filters, NULL}, {"hash", hash, NULL},
    {"lru-hash", lru_hash, NULL}, {"percpu-hash", percpu_hash, NULL}, {"array", array, NULL}, {"queue", queue, NULL},
    {"batches", batches, NULL}, {"churn", churn, NULL}, {"maps", NULL, small_map}, {"rings", NULL, ring}, {"events", NULL, event},
    {"event-rings", NULL, event_ring}, {"inherited", inherited, NULL}, {"event-array", event_array, NULL}, {"probes", NULL, probe},
    {"pins", pins, NULL}, {"programs", NULL, program}, {"links", links, NULL}, {"hits", hits, NULL}, {"prints", prints, NULL},
    {"prints-read", prints_read, NULL}, {"stacks", stacks, NULL}, {"panics", panics, NULL}, {"holes", holes, NULL},
    {"output", output, NULL}, {"output-bytes", output_bytes, NULL}, {"error-lines", error_lines, NULL}, {"mix", mix, NULL},
    {"crashes", crashes, NULL}, {"unknown", unknown, NULL},
};

/* Some of everything that `spread` makes, closed and left in any order; the seed is the second argument. */
static void mix(void) {
  const int rows = sizeof table / sizeof *table;
  listen_once();
  for (;;) {
    int chosen = rand() % (rows + 40);
    if (chosen < rows) {
      if (table[chosen].make != NULL) table[chosen].make();
    } else if (chosen < rows + 30) {
      close(4 + rand() % 200);
    } else if (chosen < rows + 32) {
      if (fork() == 0) srand(rand() + getpid());
    } else if (chosen < rows + 34) {
      thread();
    } else if (chosen == rows + 35 && rand() % 4 == 0) {
      _exit(0);
    } else {
      int ends[2] = {connection(), accept4(listener, NULL, NULL, SOCK_NONBLOCK)};
      if (ends[1] >= 0) write(ends[1], block, rand() % 65536);
      recv(ends[0], block, rand() % 65536, MSG_DONTWAIT);
    }
  }
}

/* Who is the last to ask for a page is killed: then all of it goes, and it begins anew. */
int main(int argc, char **argv) {
  unsigned n, rows = sizeof table / sizeof *table;
  for (n = 0; argc > 1 && n < rows && strcmp(table[n].name, argv[1]) != 0;) n++;
  if (argc < 2 || n == rows) {
    fprintf(stderr, "usage: exhaust WHAT\n");
    return 2;
  }
  srand(argc > 2 ? atoi(argv[2]) : 1);
  for (;;) {
    int child = fork();
    if (child < 0) continue;
    if (child > 0) {
      waitpid(child, NULL, 0);
      kill(-child, SIGKILL);
      while (waitpid(-1, NULL, WNOHANG) > 0) continue;
      continue;
    }
    setpgid(0, 0);
    if (table[n].make != NULL) spread(table[n].make);
    table[n].run();
  }
}
