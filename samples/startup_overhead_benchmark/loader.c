/* Attaches a program that does nothing at all, pins the link and ends: the program stays. */
#include "../support/loader.h"

int main(void) {
  struct bpf_object *object = load_object("./startup_overhead_benchmark.rex");
  attach_and_pin(bpf_object__next_program(object, NULL), "/sys/fs/bpf/kprobe_link");
  return 0;
}
