#include "errors.h"
#include "kprobe-events.h"
#include "bpf-link.h"
#include "options.h"
#include "sections.h"
#include "syscalls.h"
#include "tracefs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define KPROBE_PMU "/sys/bus/event_source/devices/kprobe"
/* bit 0 of perf_event_attr.config: "config:0" in KPROBE_PMU/format/retprobe */
#define KPROBE_CONFIG_RETPROBE 1

/* Opens a disabled event for every task, on CPU 0: probes are system-wide, whichever CPU the event names. */
static int open_event(struct perf_event_attr *attr) {
  int fd;
  attr->size = sizeof *attr;
  fd = rex_sys_perf_event_open(attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static int open_kprobe_event(long pmu_type, const char *function, size_t offset, bool retprobe) {
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.type = (uint32_t)pmu_type;
  attr.config = retprobe ? KPROBE_CONFIG_RETPROBE : 0;
  attr.config1 = rex_address(function);
  attr.config2 = offset;
  return open_event(&attr);
}

static int open_tracepoint_event(long id) {
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.config = (uint64_t)id;
  return open_event(&attr);
}

/* A bpf link on the event, or the event itself carrying the program on kernels that refuse the link. */
static int connect_event(const struct bpf_program *prog, int pfd, const struct bpf_perf_event_opts *opts) {
  LIBBPF_OPTS(bpf_link_create_opts, link_opts, .perf_event.bpf_cookie = REX_OPTION(opts, bpf_cookie, 0));
  int fd = -EINVAL;
  if (!REX_OPTION(opts, force_ioctl_attach, false))
    fd = bpf_link_create(bpf_program__fd(prog), pfd, (enum bpf_attach_type)BPF_PERF_EVENT, &link_opts);
  if (fd >= 0) return fd;
  if (fd != -EINVAL) {
    rex_warn("prog '%s': failed to create BPF link for perf_event FD %d: %d (%s)", bpf_program__name(prog), pfd, fd,
             strerror(-fd));
    return fd;
  }
  if (ioctl(pfd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(prog)) < 0) {
    fd = -errno;
    rex_warn("prog '%s': failed to attach to perf_event FD %d: %s", bpf_program__name(prog), pfd, strerror(-fd));
    return fd;
  }
  return pfd;
}

struct bpf_link *bpf_program__attach_perf_event_opts(const struct bpf_program *prog, int pfd,
                                                     const struct bpf_perf_event_opts *opts) {
  struct bpf_link *link;
  int error;
  if (!REX_OPTIONS_VALID(opts, bpf_perf_event_opts)) return rex_fail_pointer(EINVAL);
  if (prog == NULL || pfd < 0) {
    rex_warn("prog '%s': invalid perf event FD %d", prog == NULL ? "(null)" : bpf_program__name(prog), pfd);
    return rex_fail_pointer(EINVAL);
  }
  link = calloc(1, sizeof *link);
  if (link == NULL) return NULL;
  link->perf_fd = pfd;
  link->fd = connect_event(prog, pfd, opts);
  if (link->fd < 0) {
    error = -link->fd;
    free(link);
    return rex_fail_pointer(error);
  }
  if (ioctl(pfd, PERF_EVENT_IOC_ENABLE, 0) < 0) {
    error = errno;
    rex_warn("prog '%s': failed to enable perf_event FD %d: %s", bpf_program__name(prog), pfd, strerror(error));
    if (link->fd != pfd) close(link->fd);
    free(link);
    return rex_fail_pointer(error);
  }
  return link;
}

struct bpf_link *bpf_program__attach_perf_event(const struct bpf_program *prog, int pfd) {
  return bpf_program__attach_perf_event_opts(prog, pfd, NULL);
}

/* Closes the event again where attaching fails. */
static struct bpf_link *attach_event(const struct bpf_program *prog, int pfd, uint64_t cookie) {
  LIBBPF_OPTS(bpf_perf_event_opts, opts, .bpf_cookie = cookie);
  struct bpf_link *link = bpf_program__attach_perf_event_opts(prog, pfd, &opts);
  int error = errno;
  if (link != NULL) return link;
  close(pfd);
  return rex_fail_pointer(error);
}

static struct bpf_link *kprobe_failed(const struct bpf_program *prog, const char *function, size_t offset,
                                      bool retprobe, long error) {
  rex_warn("prog '%s': failed to create %s '%s+0x%zx' perf event: %s", bpf_program__name(prog),
           retprobe ? "kretprobe" : "kprobe", function, offset, strerror((int)-error));
  return rex_fail_pointer((int)-error);
}

static struct bpf_link *attach_kprobe_event(const struct bpf_program *prog, const char *function, size_t offset,
                                            bool retprobe, uint64_t cookie) {
  char name[192];
  struct bpf_link *link;
  int pfd, error;
  long id = rex_add_kprobe_event(function, offset, retprobe, name, sizeof name);
  if (id < 0) return kprobe_failed(prog, function, offset, retprobe, id);
  pfd = open_tracepoint_event(id);
  link = pfd < 0 ? kprobe_failed(prog, function, offset, retprobe, pfd) : attach_event(prog, pfd, cookie);
  error = errno;
  if (link != NULL) link->kprobe_event = strdup(name);
  else rex_remove_kprobe_event(name);
  errno = error;
  return link;
}

struct bpf_link *bpf_program__attach_kprobe_opts(const struct bpf_program *prog, const char *func_name,
                                                 const struct bpf_kprobe_opts *opts) {
  bool retprobe = REX_OPTION(opts, retprobe, false);
  size_t offset = REX_OPTION(opts, offset, 0);
  uint64_t cookie = REX_OPTION(opts, bpf_cookie, 0);
  long pmu_type;
  int pfd;
  if (prog == NULL || func_name == NULL || !REX_OPTIONS_VALID(opts, bpf_kprobe_opts)) return rex_fail_pointer(EINVAL);
  pmu_type = rex_read_number(KPROBE_PMU "/type");
  if (pmu_type < 0) return attach_kprobe_event(prog, func_name, offset, retprobe, cookie);
  pfd = open_kprobe_event(pmu_type, func_name, offset, retprobe);
  if (pfd < 0) return kprobe_failed(prog, func_name, offset, retprobe, pfd);
  return attach_event(prog, pfd, cookie);
}

struct bpf_link *bpf_program__attach_kprobe(const struct bpf_program *prog, bool retprobe, const char *func_name) {
  LIBBPF_OPTS(bpf_kprobe_opts, opts, .retprobe = retprobe);
  return bpf_program__attach_kprobe_opts(prog, func_name, &opts);
}

struct bpf_link *bpf_program__attach_ksyscall(const struct bpf_program *prog, const char *syscall_name,
                                              const struct bpf_ksyscall_opts *opts) {
  char function[128];
  int length;
  LIBBPF_OPTS(bpf_kprobe_opts, kprobe_opts, .retprobe = REX_OPTION(opts, retprobe, false),
              .bpf_cookie = REX_OPTION(opts, bpf_cookie, 0));
  if (prog == NULL || syscall_name == NULL || !REX_OPTIONS_VALID(opts, bpf_ksyscall_opts))
    return rex_fail_pointer(EINVAL);
  length = snprintf(function, sizeof function, "__x64_sys_%s", syscall_name);
  if (length < 0 || (size_t)length >= sizeof function) return rex_fail_pointer(ENAMETOOLONG);
  return bpf_program__attach_kprobe_opts(prog, function, &kprobe_opts);
}

static struct bpf_link *tracepoint_failed(const struct bpf_program *prog, const char *category, const char *name,
                                          long error) {
  rex_warn("prog '%s': failed to create tracepoint '%s/%s' perf event: %s", bpf_program__name(prog), category, name,
           strerror((int)-error));
  return rex_fail_pointer((int)-error);
}

struct bpf_link *bpf_program__attach_tracepoint_opts(const struct bpf_program *prog, const char *tp_category,
                                                     const char *tp_name, const struct bpf_tracepoint_opts *opts) {
  long id;
  int pfd;
  if (prog == NULL || tp_category == NULL || tp_name == NULL || !REX_OPTIONS_VALID(opts, bpf_tracepoint_opts))
    return rex_fail_pointer(EINVAL);
  id = rex_tracepoint_id(tp_category, tp_name);
  if (id < 0) return tracepoint_failed(prog, tp_category, tp_name, id);
  pfd = open_tracepoint_event(id);
  if (pfd < 0) return tracepoint_failed(prog, tp_category, tp_name, pfd);
  return attach_event(prog, pfd, REX_OPTION(opts, bpf_cookie, 0));
}

struct bpf_link *bpf_program__attach_tracepoint(const struct bpf_program *prog, const char *tp_category,
                                                const char *tp_name) {
  return bpf_program__attach_tracepoint_opts(prog, tp_category, tp_name, NULL);
}

struct bpf_link *bpf_program__attach(const struct bpf_program *prog) {
  const struct rex_section_row *row;
  const char *target;
  if (prog == NULL) return rex_fail_pointer(EINVAL);
  row = rex_section_row(bpf_program__section_name(prog), &target);
  if (row != NULL && row->attach != NULL && target != NULL) return row->attach(prog, target);
  rex_warn("prog '%s': section '%s' does not say where to attach: use one of the bpf_program__attach_* functions",
           bpf_program__name(prog), bpf_program__section_name(prog));
  return rex_fail_pointer(EOPNOTSUPP);
}
