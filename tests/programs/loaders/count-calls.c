/* A tool with options: every program of the object, a table sorted each second, and an orderly end. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <librex.h>

struct entry {
  __u32 id;
  __u64 count;
};

static volatile bool exiting;
static const struct option long_options[] = {
    {"interval", required_argument, NULL, 'i'},
    {"top", required_argument, NULL, 'n'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void sig_handler(int sig) {
  (void)sig;
  exiting = true;
}

static int compare(const void *left, const void *right) {
  const struct entry *a = left, *b = right;
  return a->count < b->count ? 1 : a->count > b->count ? -1 : 0;
}

static int read_table(int fd, struct entry *entries, int room) {
  __u32 key = 0, next;
  int count = 0;
  while (count < room && bpf_map_get_next_key(fd, &key, &next) == 0) {
    if (bpf_map_lookup_elem(fd, &next, &entries[count].count) == 0) entries[count++].id = next;
    key = next;
  }
  return count;
}

int main(int argc, char **argv) {
  struct entry entries[512];
  struct bpf_link *links[16] = {0};
  struct bpf_object *obj;
  struct bpf_program *prog;
  int interval = 1, top = 10, opt, attached = 0, fd;
  char message[64];

  while ((opt = getopt_long(argc, argv, "i:n:h", long_options, NULL)) != -1) {
    switch (opt) {
      case 'i': interval = atoi(optarg); break;
      case 'n': top = atoi(optarg); break;
      default: fprintf(stderr, "Usage: %s [-i seconds] [-n top]\n", argv[0]); return opt == 'h' ? 0 : 1;
    }
  }
  obj = rex_obj_get_bpf(rex_obj_load("/streams.rex"));
  if (!obj) {
    libbpf_strerror(errno, message, sizeof message);
    fprintf(stderr, "failed to load: %s\n", message);
    return 1;
  }
  signal(SIGINT, sig_handler);
  signal(SIGTERM, sig_handler);
  bpf_object__for_each_program(prog, obj) {
    if (bpf_program__type(prog) != BPF_PROG_TYPE_TRACEPOINT || attached == 16) continue;
    links[attached] = bpf_program__attach(prog);
    if (links[attached++]) printf("Attached program: %s\n", bpf_program__name(prog));
  }
  fd = bpf_object__find_map_fd_by_name(obj, "NUMBERS");
  while (!exiting) {
    int count = read_table(fd, entries, 512);
    time_t now = time(NULL);
    qsort(entries, (size_t)count, sizeof *entries, compare);
    printf("%.8s\n", ctime(&now) + 11);
    for (int i = 0; i < count && i < top; i++) printf("%-22u %8llu\n", entries[i].id, entries[i].count);
    sleep((unsigned)interval);
  }
  while (attached-- > 0) bpf_link__destroy(links[attached]);
  return 0;
}
