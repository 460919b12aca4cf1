/*
 * loader IFINDEX...: puts xdp_rx_filter on each device and pins xdp_tx_filter, for tc to attach; takes the devices' programs
 * off again when it is interrupted.
 */
#include "../support/loader.h"

#include <linux/if_link.h>

#define TX_PIN "/sys/fs/bpf/xdp_tx_filter"
#define MOST_DEVICES 16

static int attach(int ifindex, int program) {
  if (bpf_xdp_attach(ifindex, program, XDP_FLAGS_SKB_MODE, NULL) < 0) {
    fprintf(stderr, "ERROR: bpf_xdp_attach failed on interface %d: %s\n", ifindex, strerror(errno));
    return -1;
  }
  printf("Main BPF program attached to XDP on interface %d\n", ifindex);
  return 0;
}

int main(int argc, char **argv) {
  int devices[MOST_DEVICES];
  int count = 0;
  int status = argc < 2 || argc > MOST_DEVICES + 1 ? 2 : 0;
  struct bpf_object *object;
  struct bpf_program *rx, *tx;
  for (int i = 1; i < argc && status == 0; i++) {
    devices[i - 1] = (int)parse_number(argv[i], 1, 0x7fffffff);
    if (devices[i - 1] < 0) status = 2;
  }
  if (status != 0) {
    fprintf(stderr, "usage: loader IFINDEX...\n");
    return status;
  }
  object = load_object("./xdp_test.rex");
  rx = find_program(object, "xdp_rx_filter");
  tx = find_program(object, "xdp_tx_filter");
  while (count < argc - 1 && attach(devices[count], bpf_program__fd(rx)) == 0) count++;
  if (count < argc - 1) status = 1;
  printf("tx_prog: %s\n", bpf_program__name(tx));
  unlink(TX_PIN); /* of a loader that was killed */
  if (status == 0 && bpf_program__pin(tx, TX_PIN) < 0) status = 1;
  fflush(stdout);
  if (status == 0) wait_for_signal();
  for (int i = 0; i < count; i++) bpf_xdp_detach(devices[i], XDP_FLAGS_SKB_MODE, NULL);
  bpf_program__unpin(tx, TX_PIN);
  return status;
}
