/*
 * loader IFINDEX...: reads config.txt, tells the programs who the replicas are, puts fast_paxos_main on each device, in its
 * driver where that can run programs, and pins fast_broad_cast_main, for tc to attach, and the maps that a replica shares
 * with the programs. When it is interrupted it takes everything away again.
 */
#include "../support/loader.h"
#include "replication.h"

#include <linux/if_link.h>

#define PIN "/sys/fs/bpf/"
#define BROADCAST_PIN PIN "fast_broad_cast_main"
#define MOST_DEVICES 16

/* values of the programs' maps; addresses and ports in network order */
struct paxos_configure {
  __u32 addr;
  __u16 port;
  unsigned char eth[6];
};

struct paxos_ctr_state {
  __s32 state;
  __u32 my_idx;
  __u32 leader_idx;
  __u32 batch_size;
  __u64 view;
  __u64 last_op;
};

static const struct {
  const char *map, *path;
} shared[] = {
    {"map_prepare_buffer", PIN "paxos_prepare_buffer"},
    {"map_request_buffer", PIN "paxos_request_buffer"},
    {"map_ctr_state", PIN "paxos_ctr_state"},
};
enum { SHARED = sizeof shared / sizeof shared[0] };

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

static void update(const struct bpf_object *object, const char *map, __u32 key, const void *value) {
  if (bpf_map_update_elem(find_map(object, map), &key, value, BPF_ANY) == 0) return;
  fprintf(stderr, "ERROR: %s: %s\n", map, strerror(errno));
  exit(1);
}

/* The MAC addresses are lo's: it has none. */
static void configure(const struct bpf_object *object) {
  struct paxos_ctr_state state = {.batch_size = 1};
  struct configuration configuration;
  read_configuration(&configuration);
  for (int n = 0; n < configuration.count; n++) {
    const struct sockaddr_in *replica = &configuration.replicas[n];
    struct paxos_configure value = {.addr = replica->sin_addr.s_addr, .port = replica->sin_port};
    update(object, "map_configure", (__u32)n, &value);
  }
  update(object, "map_ctr_state", 0, &state);
}

/* What a loader that was killed left pinned, or this one at its end. */
static void unpin(void) {
  for (int n = 0; n < SHARED; n++) unlink(shared[n].path);
  unlink(BROADCAST_PIN);
}

static int pin_maps(const struct bpf_object *object) {
  unpin();
  for (int n = 0; n < SHARED; n++)
    if (bpf_obj_pin(find_map(object, shared[n].map), shared[n].path) < 0) return -1;
  return 0;
}

int main(int argc, char **argv) {
  struct device devices[MOST_DEVICES];
  int count = 0;
  int status = argc < 2 || argc > MOST_DEVICES + 1 ? 2 : 0;
  struct bpf_object *object;
  struct bpf_program *receive, *broadcast;
  for (int i = 1; i < argc && status == 0; i++) {
    devices[i - 1].ifindex = (int)parse_number(argv[i], 1, 0x7fffffff);
    if (devices[i - 1].ifindex < 0) status = 2;
  }
  if (status != 0) {
    fprintf(stderr, "usage: loader IFINDEX...\n");
    return status;
  }
  object = load_object("./electrode.rex");
  receive = find_program(object, "fast_paxos_main");
  broadcast = find_program(object, "fast_broad_cast_main");
  configure(object);
  while (count < argc - 1 && attach(&devices[count], bpf_program__fd(receive)) == 0) count++;
  if (count < argc - 1) status = 1;
  if (status == 0 && (pin_maps(object) < 0 || bpf_program__pin(broadcast, BROADCAST_PIN) < 0)) {
    fprintf(stderr, "ERROR: pinning failed: %s\n", strerror(errno));
    status = 1;
  }
  fflush(stdout);
  if (status == 0) wait_for_signal();
  for (int i = 0; i < count; i++) bpf_xdp_detach(devices[i].ifindex, devices[i].mode, NULL);
  unpin();
  printf("quit safely!\n");
  return status;
}
