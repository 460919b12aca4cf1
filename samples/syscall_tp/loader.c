/*
 * loader [-i OBJECTS] [-h]: loads the object so many times, each with maps of its own, opens a file, and checks that every
 * object's programs counted it.
 */
#include "../support/loader.h"

#define EXE "./syscall_tp.rex"
#define MOST_OBJECTS 64

struct counters {
  struct bpf_object *object;
  int enter_open;
  int exit_open;
};

static void usage(void) { fprintf(stderr, "USAGE: loader [-i num_progs] [-h]\n"); }

static void load_counters(struct counters *counters, int number) {
  counters->object = load_object(EXE);
  counters->enter_open = find_map(counters->object, "enter_open_map");
  counters->exit_open = find_map(counters->object, "exit_open_map");
  attach_all(counters->object);
  printf("prog #%d: map ids %d %d\n", number, counters->enter_open, counters->exit_open);
}

/* Says how often the map's event happened, and begins again at 0. */
static int verify_map(int map) {
  __u32 key = 0, value = 0;
  if (bpf_map_lookup_elem(map, &key, &value) < 0) {
    fprintf(stderr, "map_lookup failed: %s\n", strerror(errno));
    return 1;
  }
  if (value == 0) {
    fprintf(stderr, "failed: map #%d returns value 0\n", map);
    return 1;
  }
  printf("verify map:%d val: %u\n", map, value);
  value = 0;
  if (bpf_map_update_elem(map, &key, &value, BPF_ANY) < 0) {
    fprintf(stderr, "map_update failed: %s\n", strerror(errno));
    return 1;
  }
  return 0;
}

static int test(int objects) {
  struct counters counters[MOST_OBJECTS];
  int status = 0;
  int fd;
  for (int i = 0; i < objects; i++) load_counters(&counters[i], i);
  fd = open(EXE, O_RDONLY);
  if (fd < 0) {
    perror(EXE);
    return 1;
  }
  close(fd);
  for (int i = 0; i < objects; i++) {
    status |= verify_map(counters[i].enter_open);
    status |= verify_map(counters[i].exit_open);
  }
  for (int i = 0; i < objects; i++) bpf_object__close(counters[i].object);
  return status;
}

int main(int argc, char **argv) {
  long objects = 1;
  int option;
  while ((option = getopt(argc, argv, "i:h")) != -1) {
    if (option == 'i') objects = parse_number(optarg, 1, MOST_OBJECTS);
    if (option == 'h') {
      usage();
      return 0;
    }
    if (option == '?' || objects < 0) {
      usage();
      return 2;
    }
  }
  return test((int)objects);
}
