/* Attaches the programs of map_test.rex and prints what the kernel traces, until it is interrupted. */
#include "../support/loader.h"

int main(void) {
  attach_all(load_object("./map_test.rex"));
  return echo_trace_pipe();
}
