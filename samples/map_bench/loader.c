/* Attaches a program that times the lookup of a key in a hash of 5000, pins the link and ends: the program stays. */
#include "../support/loader.h"

int main(void) {
  struct bpf_object *object = load_object("./map_bench.rex");
  attach_and_pin(bpf_object__next_program(object, NULL), "/sys/fs/bpf/link");
  return 0;
}
