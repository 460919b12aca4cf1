#include "sections.h"

#include "errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FUNCTION or FUNCTION+OFFSET */
static struct bpf_link *attach_function(const struct bpf_program *prog, const char *target, bool retprobe) {
  char function[128];
  const char *plus = strchr(target, '+');
  size_t length = plus == NULL ? strlen(target) : (size_t)(plus - target);
  char *end = "";
  LIBBPF_OPTS(bpf_kprobe_opts, opts, .retprobe = retprobe);
  if (plus != NULL) opts.offset = strtoul(plus + 1, &end, 0);
  if (length == 0 || length >= sizeof function || *end != '\0' || (plus != NULL && plus[1] == '\0')) {
    rex_warn("prog '%s': invalid kprobe target '%s'", bpf_program__name(prog), target);
    return rex_fail_pointer(EINVAL);
  }
  memcpy(function, target, length);
  function[length] = '\0';
  return bpf_program__attach_kprobe_opts(prog, function, &opts);
}

static struct bpf_link *attach_kprobe(const struct bpf_program *prog, const char *target) {
  return attach_function(prog, target, false);
}

static struct bpf_link *attach_kretprobe(const struct bpf_program *prog, const char *target) {
  return attach_function(prog, target, true);
}

static struct bpf_link *attach_ksyscall(const struct bpf_program *prog, const char *target) {
  return bpf_program__attach_ksyscall(prog, target, NULL);
}

static struct bpf_link *attach_kretsyscall(const struct bpf_program *prog, const char *target) {
  LIBBPF_OPTS(bpf_ksyscall_opts, opts, .retprobe = true);
  return bpf_program__attach_ksyscall(prog, target, &opts);
}

/* CATEGORY/NAME */
static struct bpf_link *attach_tracepoint(const struct bpf_program *prog, const char *target) {
  char category[128];
  const char *slash = strchr(target, '/');
  if (slash == NULL || slash == target || slash[1] == '\0' || (size_t)(slash - target) >= sizeof category) {
    rex_warn("prog '%s': invalid tracepoint '%s', expected CATEGORY/NAME", bpf_program__name(prog), target);
    return rex_fail_pointer(EINVAL);
  }
  snprintf(category, sizeof category, "%.*s", (int)(slash - target), target);
  return bpf_program__attach_tracepoint(prog, category, slash + 1);
}

static const struct rex_section_row rows[] = {
    /* section, may have a target, program type, attach type, attachment */
    {"kprobe", true, BPF_PROG_TYPE_KPROBE, BPF_PERF_EVENT, attach_kprobe},
    {"kretprobe", true, BPF_PROG_TYPE_KPROBE, BPF_PERF_EVENT, attach_kretprobe},
    {"uprobe", true, BPF_PROG_TYPE_KPROBE, BPF_PERF_EVENT, NULL},
    {"uretprobe", true, BPF_PROG_TYPE_KPROBE, BPF_PERF_EVENT, NULL},
    {"ksyscall", true, BPF_PROG_TYPE_KPROBE, BPF_PERF_EVENT, attach_ksyscall},
    {"kretsyscall", true, BPF_PROG_TYPE_KPROBE, BPF_PERF_EVENT, attach_kretsyscall},
    {"tracepoint", true, BPF_PROG_TYPE_TRACEPOINT, BPF_PERF_EVENT, attach_tracepoint},
    {"tp", true, BPF_PROG_TYPE_TRACEPOINT, BPF_PERF_EVENT, attach_tracepoint},
    {"perf_event", false, BPF_PROG_TYPE_PERF_EVENT, BPF_PERF_EVENT, NULL},
    {"xdp", false, BPF_PROG_TYPE_XDP, BPF_XDP, NULL},
    {"xdp.frags", false, BPF_PROG_TYPE_XDP, BPF_XDP, NULL},
    {"tc/ingress", false, BPF_PROG_TYPE_SCHED_CLS, BPF_TCX_INGRESS, NULL},
    {"tc/egress", false, BPF_PROG_TYPE_SCHED_CLS, BPF_TCX_EGRESS, NULL},
    {"tcx/ingress", false, BPF_PROG_TYPE_SCHED_CLS, BPF_TCX_INGRESS, NULL},
    {"tcx/egress", false, BPF_PROG_TYPE_SCHED_CLS, BPF_TCX_EGRESS, NULL},
    /* which of the two is said when it is attached */
    {"tc", false, BPF_PROG_TYPE_SCHED_CLS, BPF_TCX_INGRESS, NULL},
    {"classifier", false, BPF_PROG_TYPE_SCHED_CLS, BPF_TCX_INGRESS, NULL},
};

const struct rex_section_row *rex_section_row(const char *section, const char **target) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    size_t length = strlen(rows[i].name);
    if (strncmp(section, rows[i].name, length) != 0) continue;
    *target = NULL;
    if (section[length] == '\0') return &rows[i];
    if (section[length] != '/' || !rows[i].takes_target) continue;
    *target = section + length + 1;
    return &rows[i];
  }
  return NULL;
}
