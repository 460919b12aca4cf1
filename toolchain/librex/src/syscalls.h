/* The three system calls librex rests on. Each returns >= 0, or -1 with errno set. */
#ifndef REX_SYSCALLS_H
#define REX_SYSCALLS_H

#include <bpf/bpf.h>
#include <linux/perf_event.h>

long rex_sys_bpf(int command, const void *attr, unsigned int size);
int rex_sys_perf_event_open(const struct perf_event_attr *attr, int pid, int cpu, int group_fd, unsigned long flags);
/* An unnamed file in memory; ENOSYS where the kernel has none. */
int rex_sys_memfd_create(const char *name);

/* ABI structures hold pointers as 64-bit numbers. */
static inline uint64_t rex_address(const void *pointer) { return (uint64_t)(uintptr_t)pointer; }

#endif
