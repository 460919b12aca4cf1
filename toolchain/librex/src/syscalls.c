#include "syscalls.h"

#include <sys/syscall.h>
#include <unistd.h>

#define MFD_CLOEXEC 1U

long rex_sys_bpf(int command, const void *attr, unsigned int size) { return syscall(SYS_bpf, command, attr, size); }

int rex_sys_perf_event_open(const struct perf_event_attr *attr, int pid, int cpu, int group_fd, unsigned long flags) {
  return (int)syscall(SYS_perf_event_open, attr, pid, cpu, group_fd, flags);
}

int rex_sys_memfd_create(const char *name) { return (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC); }
