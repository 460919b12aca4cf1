#ifndef REX_LINUX_PERF_EVENT_H
#define REX_LINUX_PERF_EVENT_H

#include <linux/bpf.h>

#define PERF_TYPE_TRACEPOINT 2

#endif
