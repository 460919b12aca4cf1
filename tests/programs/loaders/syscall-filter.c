/* Seccomp, so that its filter is on the way of every call, and a pipe from a shell's command. */
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/version.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <librex.h>

static void install_accept_all_seccomp(void) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog prog = {
      .len = (unsigned short)(sizeof(filter) / sizeof(filter[0])),
      .filter = filter,
  };
  if (prctl(PR_SET_SECCOMP, 2, &prog)) perror("prctl");
}

int main(void) {
  struct bpf_object *obj = rex_obj_get_bpf(rex_obj_load("/streams.rex"));
  struct bpf_program *prog = bpf_object__find_program_by_name(obj, "on_anything");
  struct bpf_link *link = bpf_program__attach_kprobe(prog, false, "__seccomp_filter");
  FILE *f;
  if (!link) return LINUX_VERSION_CODE < KERNEL_VERSION(4, 17, 0) ? 2 : 1;
  install_accept_all_seccomp();
  f = popen("dd if=/dev/zero of=/dev/null count=5", "r");
  if (f) pclose(f);
  bpf_link__destroy(link);
  return 0;
}
