/* Attaches a program that calls itself as many times as the probed function's argument says, pins the link and ends: the program stays. */
#include "../support/loader.h"

int main(void) {
  struct bpf_object *object = load_object("./recursive.rex");
  attach_and_pin(bpf_object__next_program(object, NULL), "/sys/fs/bpf/recursive_link");
  return 0;
}
