/* Attaches the program of hello.rex and prints what the kernel traces, until it is interrupted. */
#include "../support/loader.h"

int main(void) {
  attach_all(load_object("./hello.rex"));
  return echo_trace_pipe();
}
