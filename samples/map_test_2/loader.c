/* Attaches the programs of map_test_2.rex and prints what the kernel traces, until it is interrupted. */
#include "../support/loader.h"

int main(void) {
  attach_all(load_object("./map_test_2.rex"));
  return echo_trace_pipe();
}
