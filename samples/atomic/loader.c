/* Attaches a program that times the load of an atomic, pins the link and ends: the program stays. */
#include "../support/loader.h"

int main(void) {
  struct bpf_object *object = load_object("./atomic.rex");
  attach_and_pin(bpf_object__next_program(object, NULL), "/sys/fs/bpf/link");
  return 0;
}
