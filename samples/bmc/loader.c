/*
 * loader IFINDEX...: puts the cache in front of a memcached server: xdp_rx_filter on each device, in its driver where that
 * can run programs; xdp_tx_filter is pinned, for tc to attach. When it is interrupted it writes the statistics of all CPUs
 * and takes the devices' programs off again.
 */
#include "../support/loader.h"

#include <linux/if_link.h>

#define TX_PIN "/sys/fs/bpf/xdp_tx_filter"
#define STATISTICS "/tmp/rust_bmc_stats.txt"
#define MOST_DEVICES 16

/* struct bmc_stats of the program: one a CPU */
static const char *const names[] = {"get_recv_count", "set_recv_count",     "get_resp_count",     "hit_misprediction", "hit_count",
                                    "miss_count",     "update_count", "invalidation_count", "debug_count"};
enum { COUNTERS = sizeof names / sizeof names[0] };

struct device {
  int ifindex;
  __u32 mode;
};

static int attach(struct device *device, int program) {
  device->mode = XDP_FLAGS_DRV_MODE;
  if (bpf_xdp_attach(device->ifindex, program, device->mode, NULL) < 0) {
    device->mode = XDP_FLAGS_SKB_MODE;
    if (bpf_xdp_attach(device->ifindex, program, device->mode, NULL) < 0) {
      fprintf(stderr, "ERROR: bpf_xdp_attach failed on interface %d: %s\n", device->ifindex, strerror(errno));
      return -1;
    }
  }
  printf("Main BPF program attached to XDP on interface %d (%s)\n", device->ifindex,
         device->mode == XDP_FLAGS_DRV_MODE ? "driver" : "generic");
  return 0;
}

static int write_statistics(int map) {
  int cpus = libbpf_num_possible_cpus();
  /* a CPU's value takes a multiple of 8 bytes */
  enum { STRIDE = (COUNTERS * sizeof(__u32) + 7) / 8 * 8 };
  unsigned char *values = cpus < 1 ? NULL : calloc((size_t)cpus, STRIDE);
  FILE *file = fopen(STATISTICS, "w");
  __u32 key = 0;
  if (values == NULL || file == NULL || bpf_map_lookup_elem(map, &key, values) < 0) {
    perror("ERROR: statistics");
    return 1;
  }
  for (int n = 0; n < COUNTERS; n++) {
    unsigned long sum = 0;
    for (int cpu = 0; cpu < cpus; cpu++) {
      __u32 value;
      memcpy(&value, values + cpu * STRIDE + (size_t)n * sizeof value, sizeof value);
      sum += value;
    }
    fprintf(file, "STAT %s %lu\n", names[n], sum);
    printf("STAT %s %lu\n", names[n], sum);
  }
  free(values);
  return fclose(file) != 0;
}

int main(int argc, char **argv) {
  struct device devices[MOST_DEVICES];
  int count = 0;
  int status = argc < 2 || argc > MOST_DEVICES + 1 ? 2 : 0;
  struct bpf_object *object;
  struct bpf_program *rx, *tx;
  for (int i = 1; i < argc && status == 0; i++) {
    devices[i - 1].ifindex = (int)parse_number(argv[i], 1, 0x7fffffff);
    if (devices[i - 1].ifindex < 0) status = 2;
  }
  if (status != 0) {
    fprintf(stderr, "usage: loader IFINDEX...\n");
    return status;
  }
  object = load_object("./bmc.rex");
  rx = find_program(object, "xdp_rx_filter");
  tx = find_program(object, "xdp_tx_filter");
  while (count < argc - 1 && attach(&devices[count], bpf_program__fd(rx)) == 0) count++;
  unlink(TX_PIN); /* of a loader that was killed */
  if (count < argc - 1 || bpf_program__pin(tx, TX_PIN) < 0) status = 1;
  fflush(stdout);
  if (status == 0) {
    wait_for_signal();
    status = write_statistics(find_map(object, "map_stats"));
  }
  for (int i = 0; i < count; i++) bpf_xdp_detach(devices[i].ifindex, devices[i].mode, NULL);
  bpf_program__unpin(tx, TX_PIN);
  return status;
}
