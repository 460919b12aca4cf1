/* Benchmarks' loaders: the link stays behind under a name. */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <libbpf.h>
#include <librex.h>

int main(void) {
  struct bpf_object *obj = rex_obj_get_bpf(rex_obj_load("/streams.rex"));
  struct bpf_program *prog;
  struct bpf_link *link;
  if (!obj) exit(1);
  bpf_object__for_each_program(prog, obj) printf("%s: %s\n", bpf_program__section_name(prog), bpf_program__name(prog));
  prog = bpf_object__find_program_by_name(obj, "on_getpid");
  link = bpf_program__attach(prog);
  if (!link) exit(1);
  return bpf_link__pin(link, "/sys/fs/bpf/link") < 0;
}
