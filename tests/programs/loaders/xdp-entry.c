/* XDP and tc as networking loaders do it: indexes of devices, a pin for tc, and taking it all off upon a signal. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/limits.h>
#include <asm/unistd.h>
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <librex.h>

#define EXE "/streams.rex"
#define MAX_DEVICES 8

static int interfaces_idx[MAX_DEVICES];
static int interface_count;
static __u32 xdp_flags = XDP_FLAGS_SKB_MODE;
static int nr_cpus;
static volatile sig_atomic_t stop;

struct pin_path {
  char text[PATH_MAX];
};

static void int_exit(int sig) {
  (void)sig;
  stop = 1;
}

int main(int argc, char *argv[]) {
  struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};
  struct bpf_program *rx_prog, *tx_prog;
  struct bpf_object *obj;
  struct pin_path pin;
  int pinned_fd, map_fd;
  __u32 key = 5;
  __u64 value;
  LIBBPF_OPTS(bpf_xdp_attach_opts, opts);

  if (argc < 2 || argc > MAX_DEVICES + 1) {
    fprintf(stderr, "usage: %s <interface index>...\n", argv[0]);
    return 1;
  }
  if (setrlimit(RLIMIT_MEMLOCK, &r)) {
    perror("setrlimit failed");
    return 1;
  }
  for (int i = 1; i < argc; i++) {
    char name[IF_NAMESIZE];
    interfaces_idx[interface_count] = atoi(argv[i]);
    if (!if_indextoname((unsigned)interfaces_idx[interface_count], name)) {
      perror("Error: no such interface");
      return 1;
    }
    interface_count++;
  }
  nr_cpus = libbpf_num_possible_cpus();
  obj = rex_obj_get_bpf(rex_obj_load(EXE));
  if (!obj) return 1;
  rx_prog = bpf_object__find_program_by_name(obj, "on_frame");
  tx_prog = bpf_object__find_program_by_name(obj, "on_packet");
  if (!rx_prog || !tx_prog) {
    fprintf(stderr, "start not found\n");
    return 1;
  }
  signal(SIGINT, int_exit);
  signal(SIGTERM, int_exit);
  signal(SIGUSR1, int_exit);
  for (int i = 0; i < interface_count; i++) {
    if (bpf_xdp_attach(interfaces_idx[i], bpf_program__fd(rx_prog), xdp_flags, &opts) < 0) {
      fprintf(stderr, "Error: bpf_xdp_attach failed for interface %d\n", interfaces_idx[i]);
      return 1;
    }
    printf("Main BPF program attached to XDP on interface %d\n", interfaces_idx[i]);
  }
  snprintf(pin.text, sizeof pin.text, "/sys/fs/bpf/%s", bpf_program__name(tx_prog));
  if (bpf_program__pin(tx_prog, pin.text) < 0) {
    fprintf(stderr, "Error: bpf_program__pin failed: %s\n", strerror(errno));
    return 1;
  }
  pinned_fd = bpf_obj_get(pin.text);
  printf("tx_prog: %s, pinned %s\n", bpf_program__name(tx_prog), pinned_fd >= 0 ? "well" : "badly");
  fflush(stdout);
  while (!stop) pause();

  map_fd = bpf_object__find_map_fd_by_name(obj, "RUNS");
  if (bpf_map_lookup_elem(map_fd, &key, &value) == 0) printf("%llu frames on %d CPUs\n", value, nr_cpus);
  for (int i = 0; i < interface_count; i++) bpf_xdp_detach(interfaces_idx[i], xdp_flags, NULL);
  bpf_program__unpin(tx_prog, pin.text);
  return 0;
}
